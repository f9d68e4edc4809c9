// npm run mutation -- PACKAGE... [--changed] [--force] [--explain] [--concurrency 2]
import { log } from './log.mjs';
import { runCommand } from './run-command.mjs';
import { runNx } from './run-nx.mjs';
import { setUp } from './set-up.mjs';

await setUp();
log('Building (what did not change comes from the cache) ...');
if ((await runNx(['run-many', '--targets=build,build-native', '--projects=packages/*'])) !== 0) {
  log('The build failed; the reason is above.');
  process.exit(1);
}
process.exitCode = await runCommand(process.execPath, ['tools/mutation/src/main.mjs', ...process.argv.slice(2)], {
  output: 'stdout',
});
