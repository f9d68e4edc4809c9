import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { consumerFile } from './consumers.mjs';

/**
 * Runs the smoke programs inside Jest, in two test files of one process: each file has its own realm and its own copy of every package,
 * and both share the addon.
 */
export function checkJest(folder, programs) {
  const home = writeTests(folder, 'jest', programs, '');
  writeFileSync(join(home, 'jest.config.json'), JSON.stringify({ testMatch: ['**/*.test.mjs'], testTimeout: 60_000 }));
  const jest = consumerFile('jest/bin/jest.js');
  runTests('Jest', home, ['--experimental-vm-modules', jest, '--runInBand', '--config=jest.config.json']);
}

/** The same inside Vitest with a vm context for each file. */
export function checkVitest(folder, programs) {
  const home = writeTests(folder, 'vitest', programs, `import { expect, test } from 'vitest';\n`);
  const settings = { test: { pool: 'vmThreads', maxWorkers: 1, testTimeout: 60_000 } };
  writeFileSync(join(home, 'vitest.config.mjs'), `export default ${JSON.stringify(settings)};\n`);
  runTests('Vitest', home, [consumerFile('vitest/vitest.mjs'), 'run', '--root', home]);
}

/** Runs the smoke programs with Bun and with Deno, where there is one for this system. */
export function checkOtherRuntimes(folder, programs) {
  for (const [name, command] of [
    ['Bun', [consumerFile('@oven/bun-linux-x64/bin/bun'), 'run']],
    ['Deno', [consumerFile('@deno/linux-x64-glibc/deno'), 'run', '--allow-all', '--no-prompt']],
  ]) {
    if (command[0] === undefined) continue;
    for (const { name: packageName, from, names, body, answer } of programs) {
      const file = join(folder, 'other-runtime.mjs');
      const print = `const print = (value) => console.log(JSON.stringify(value));`;
      writeFileSync(
        file,
        `import { ${names} } from '${from ?? packageName}';\n${print}\n(async () => { ${body} })();\n`,
      );
      const { status, stdout, stderr } = spawnSync(command[0], [...command.slice(1), file], {
        cwd: folder,
        encoding: 'utf8',
      });
      if (status !== 0 || !isDeepStrictEqual(parse(stdout), answer)) {
        throw new Error(`${packageName} with ${name}: expected ${JSON.stringify(answer)}, got ${stdout}${stderr}`);
      }
    }
  }
}

/** Two files with a test of each program, and a search in a matrix of its own, of the same shape and with the same ids if they are counted. */
function writeTests(folder, name, programs, imports) {
  const home = join(folder, name);
  mkdirSync(home);
  for (const seed of [1, 2]) {
    const tests = programs.map(
      ({ name: packageName, from, names, body, answer }) => `test('${packageName}', async () => {
        const { ${names} } = await import('${from ?? packageName}');
        let printed;
        const print = (value) => (printed = JSON.parse(JSON.stringify(value)));
        ${body}
        expect(printed).toEqual(${JSON.stringify(answer)});
      });`,
    );
    tests.push(`test('each file finds its own rows', async () => {
      const { createExecutor } = await import('gearshift');
      const executor = await createExecutor({ backends: ['cpu'] });
      const values = new Float32Array(20_000 * 64).map((_, i) => (Math.sin(i * i * 12.9898 + ${seed}) * 43758.5453) % 1);
      const matrix = await executor.matrix(values, { dimensions: 64 });
      for (const row of [7, 19_999]) {
        const { indices } = await executor.topK(values.slice(row * 64, row * 64 + 64), matrix, { k: 1 });
        expect(indices[0]).toBe(row);
      }
    });`);
    writeFileSync(join(home, `file-${seed}.test.mjs`), `${imports}${tests.join('\n')}\n`);
  }
  return home;
}

function runTests(name, home, args) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([variable]) => !variable.startsWith('VITEST')));
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: home, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${name} ended with ${status}:\n${stderr}${stdout}`);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
