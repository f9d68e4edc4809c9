import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { runCommand } from './run-command.mjs';
import { ROOT } from './workspace.mjs';

/**
 * Runs Nx from node_modules, without a daemon, prompts or telemetry.
 *
 * @param {readonly string[]} args
 * @param {{ output?: 'stdout' | 'stderr' | 'on-failure' }} [options] where Nx's output goes, as in `runCommand`; default 'stderr'
 * @returns {Promise<number>} the exit code
 */
export function runNx(args, { output = 'stderr' } = {}) {
  // Started as a file, not through `.bin` or `pnpm`: that works on every platform and without pnpm on the PATH.
  const manifestPath = createRequire(join(ROOT, 'package.json')).resolve('nx/package.json');
  const { bin } = createRequire(manifestPath)(manifestPath);
  return runCommand(process.execPath, [join(dirname(manifestPath), bin.nx), ...args, '--outputStyle=static'], {
    output,
    env: {
      NX_DAEMON: process.env['NX_DAEMON'] ?? 'false',
      NX_TUI: 'false',
      NX_INTERACTIVE: 'false',
      NX_NO_CLOUD: 'true',
      // See toolchain.mjs: compilers are searched here, regardless of Nx's additions to the PATH.
      GEARSHIFT_TOOL_PATH: process.env['PATH'] ?? '',
    },
  });
}
