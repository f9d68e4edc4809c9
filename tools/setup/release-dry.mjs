// npm run release:dry [-- --node 20,22,24] [--json FILE] [--keep]
import { runCommand } from './run-command.mjs';
import { setUp } from './set-up.mjs';

await setUp();
process.exitCode = await runCommand(process.execPath, ['tools/release/src/dry-run.mjs', ...process.argv.slice(2)], {
  output: 'stdout',
});
