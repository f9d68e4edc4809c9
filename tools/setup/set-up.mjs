import { installDependencies } from './install-dependencies.mjs';
import { log } from './log.mjs';
import { nodeVersionProblem } from './node-version.mjs';
import { findToolchain, howToGetTools } from './toolchain.mjs';

/**
 * Everything a root command needs before it can build: a Node that is new enough, and the dependencies. Says what a native
 * build lacks, and goes on without it. Ends the process with exit code 1 when the workspace cannot be used at all.
 */
export async function setUp() {
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
  if (!(await installDependencies())) process.exit(1);
}
