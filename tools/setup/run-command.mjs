import { spawn } from 'node:child_process';
import { ROOT } from './workspace.mjs';

/**
 * Runs a program to its end.
 *
 * @param {string} program
 * @param {readonly string[]} args are not quoted for a shell: pass nothing from a user
 * @param {{ output?: 'stdout' | 'stderr' | 'on-failure', env?: Record<string, string>, cwd?: string }} [options]
 *   `output`: where the program's standard output goes; its standard error goes to ours. Default 'stderr'. With 'on-failure', both are
 *   printed to standard error once the program has failed, and not at all when it succeeds.
 * @returns {Promise<number>} the exit code; 127 when there is no such program
 */
export function runCommand(program, args, { output = 'stderr', env = {}, cwd = ROOT } = {}) {
  return new Promise((resolve) => {
    const isHeldBack = output === 'on-failure';
    const child = spawn(program, args, {
      cwd,
      stdio: isHeldBack ? ['ignore', 'pipe', 'pipe'] : ['ignore', output === 'stdout' ? 1 : 2, 2],
      env: { ...process.env, ...env },
      // npx is a .cmd file on Windows, which only a shell can start; node.exe must not go through one (spaces in paths).
      shell: process.platform === 'win32' && program !== process.execPath,
    });
    /** @type {Buffer[]} */
    const heldBack = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => heldBack.push(chunk));
    child.on('error', () => resolve(127));
    child.on('close', (code) => {
      if (code !== 0) process.stderr.write(Buffer.concat(heldBack));
      resolve(code ?? 1);
    });
  });
}
