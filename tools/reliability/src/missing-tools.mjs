import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Set-up puts it here; it is not installed. */
const NATS_SERVER = fileURLToPath(new URL('../../nats-server/build/server/nats-server', import.meta.url));

/**
 * Programs that goals need, beside Node.js. `anyOf`: one of them is enough. `package` is the name in Debian, `command` what brings it instead.
 *
 * @type {Record<string, { anyOf: readonly string[], package?: string, command?: string }>}
 */
export const TOOLS = {
  'a C++ compiler': { anyOf: [process.env['CXX'] ?? '', 'c++', 'g++', 'clang++'], package: 'g++' },
  CMake: { anyOf: ['cmake'], package: 'cmake' },
  'clang++': { anyOf: ['clang++'], package: 'clang' },
  'nats-server': {
    anyOf: [process.env['GEARSHIFT_NATS_SERVER'] ?? NATS_SERVER],
    command: 'node tools/nats-server/fetch/fetch-nats-server.mjs',
  },
  'make or ninja': { anyOf: ['ninja', 'make', 'gmake'], package: 'make' },
  prometheus: { anyOf: ['prometheus'], package: 'prometheus' },
  promtool: { anyOf: ['promtool'], package: 'prometheus' },
};

const runs = (/** @type {string} */ program) =>
  program !== '' && spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

/**
 * @param {readonly string[]} needs names in TOOLS
 * @param {(program: string) => boolean} [isFound]
 * @returns {string[]} those that this machine lacks
 */
export function missingTools(needs, isFound = runs) {
  return needs.filter((name) => !TOOLS[name].anyOf.some(isFound));
}

/**
 * The lines to print before a run: which of the goals cannot run here, and how to change that.
 *
 * @param {readonly string[]} goals
 * @param {Record<string, { needs?: readonly string[] }>} all
 * @param {(program: string) => boolean} [isFound]
 */
export function describeMissingTools(goals, all, isFound = runs) {
  const lines = [];
  const packages = new Set();
  const commands = new Set();
  for (const goal of goals) {
    const missing = missingTools(all[goal].needs ?? [], isFound);
    if (missing.length === 0) continue;
    for (const name of missing) {
      const { package: inDebian, command } = TOOLS[name];
      if (command === undefined) packages.add(inDebian);
      else commands.add(`To get ${name}: ${command}`);
    }
    lines.push(`${goal} cannot run here: ${missing.join(' and ')} missing.`);
  }
  if (packages.size > 0) {
    const names = [...packages].join(' ');
    lines.push(`To install what is missing on Debian or Ubuntu: sudo apt-get install ${names}`);
  }
  return [...lines, ...commands];
}
