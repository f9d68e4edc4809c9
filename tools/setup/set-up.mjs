import { installDependencies } from './install-dependencies.mjs';
import { log } from './log.mjs';
import { nodeVersionProblem } from './node-version.mjs';
import { findToolchain, howToGetTools } from './toolchain.mjs';

/**
 * Prepares the workspace for a root command: checks the Node version and installs the dependencies. Prints missing tools for a
 * native build, and continues without them. Ends the process with exit code 1 when the workspace cannot be used.
 *
 * @param {{ output?: 'stderr' | 'on-failure' }} [options] where the output of programs goes, as in `runCommand`
 */
export async function setUp({ output } = {}) {
  const problem = nodeVersionProblem();
  if (problem !== null) {
    log(problem);
    process.exit(1);
  }
  const { found, missing } = findToolchain();
  log(`Node ${process.version}${found.map(({ version }) => `, ${version}`).join('')}`);
  if (missing.length > 0) {
    log(
      `Missing: ${missing.join(', ')}. The native addon is not built; the portable backend runs in its place, several times slower.`,
    );
    log(`To get the full speed: ${howToGetTools()}`);
  }
  if (!(await installDependencies({ output }))) process.exit(1);
}
