// npm run lab -- [--world linear|hard] [--trace NAME] [--seeds 11] [--policy NAME|MODULE] [--json FILE] [--plot FOLDER]
import { log } from './log.mjs';
import { runCommand } from './run-command.mjs';
import { runNx } from './run-nx.mjs';
import { setUp } from './set-up.mjs';

await setUp();
log('Building (what did not change comes from the cache) ...');
if ((await runNx(['run', '@gearshift/dispatch-lab:build'])) !== 0) {
  log('The build failed; the reason is above.');
  process.exit(1);
}
process.exitCode = await runCommand(process.execPath, ['tools/dispatch-lab/dist/main.js', ...process.argv.slice(2)], {
  output: 'stdout',
});
