import { spawn } from 'node:child_process';
import { ROOT } from './workspace.mjs';

/**
 * Runs a program to its end.
 *
 * @param {string} program
 * @param {readonly string[]} args are not quoted for a shell: pass nothing from a user
 * @param {{ output?: 'stdout' | 'stderr', env?: Record<string, string>, cwd?: string }} [options]
 *   `output`: where the program's standard output goes; its standard error goes to ours. Default 'stderr'.
 * @returns {Promise<number>} the exit code; 127 when there is no such program
 */
export function runCommand(program, args, { output = 'stderr', env = {}, cwd = ROOT } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', output === 'stdout' ? 1 : 2, 2],
      env: { ...process.env, ...env },
      // npx is a .cmd file on Windows, which only a shell can start; node.exe must not go through one (spaces in paths).
      shell: process.platform === 'win32' && program !== process.execPath,
    });
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
}
