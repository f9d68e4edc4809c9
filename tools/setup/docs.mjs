// npm run docs: writes the API reference to docs/api, which is not in git.
import { log } from './log.mjs';
import { refuseUnknownArguments } from './refuse-unknown-arguments.mjs';
import { runCommand } from './run-command.mjs';
import { runNx } from './run-nx.mjs';
import { setUp } from './set-up.mjs';

refuseUnknownArguments(process.argv.slice(2), []);
await setUp();
log('Building (what did not change comes from the cache) ...');
// The packages are built first, because the types of one package come from the build output of others.
if ((await runNx(['run-many', '--target=build', '--projects=packages/*', '--exclude=tag:layer:platform'])) !== 0) {
  log('The build failed; the reason is above.');
  process.exit(1);
}
process.exitCode = await runCommand(process.execPath, ['tools/api-reference/src/write-docs.mjs'], { output: 'stdout' });
