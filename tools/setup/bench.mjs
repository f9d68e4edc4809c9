// npm run bench -- SUITE [--json FILE] [--quick]
import { log } from './log.mjs';
import { runCommand } from './run-command.mjs';
import { runNx } from './run-nx.mjs';
import { setUp } from './set-up.mjs';

await setUp();
if (process.argv.includes('cluster')) {
  await runCommand(process.execPath, ['tools/nats-server/fetch/fetch-nats-server.mjs']);
}
log('Building (what did not change comes from the cache) ...');
if ((await runNx(['run', '@gearshift/bench:prepare'])) !== 0) {
  log('The build failed; the reason is above.');
  process.exit(1);
}
process.exitCode = await runCommand(process.execPath, ['tools/bench/src/main.mjs', ...process.argv.slice(2)], {
  output: 'stdout',
});
