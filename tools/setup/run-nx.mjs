import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { runCommand } from './run-command.mjs';
import { ROOT } from './workspace.mjs';

/**
 * Runs Nx from node_modules. Nothing stays behind (no daemon) and nothing is asked or sent.
 *
 * @param {readonly string[]} args
 * @param {{ output?: 'stdout' | 'stderr' }} [options] where Nx's output goes; default 'stderr'
 * @returns {Promise<number>} the exit code
 */
export function runNx(args, { output = 'stderr' } = {}) {
  // Started as a file, not through `.bin` or `pnpm`: that works on every platform and where no pnpm is on PATH.
  const manifestPath = createRequire(join(ROOT, 'package.json')).resolve('nx/package.json');
  const { bin } = createRequire(manifestPath)(manifestPath);
  return runCommand(process.execPath, [join(dirname(manifestPath), bin.nx), ...args, '--outputStyle=static'], {
    output,
    env: {
      NX_DAEMON: process.env['NX_DAEMON'] ?? 'false',
      NX_TUI: 'false',
      NX_INTERACTIVE: 'false',
      NX_NO_CLOUD: 'true',
      // See toolchain.mjs: where compilers are looked for, whatever Nx adds to PATH.
      GEARSHIFT_TOOL_PATH: process.env['PATH'] ?? '',
    },
  });
}
