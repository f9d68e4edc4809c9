// npm run reliability -- [R1 R5 ...] [--nightly] [--seed N] [--json FILE] [--install-tools]
import { installTestTools } from './install-test-tools.mjs';
import { log } from './log.mjs';
import { runCommand } from './run-command.mjs';
import { runNx } from './run-nx.mjs';
import { setUp } from './set-up.mjs';

const given = process.argv.slice(2);
const asked = given.includes('--install-tools');

await setUp();
// R7 needs a GPU in software, R16 Prometheus. Without them the command says so, and continues with the other goals.
if (asked || process.env['CI'] === 'true') await installTestTools({ asked, only: ['prometheus'] });
await runCommand(process.execPath, ['tools/vulkan-drivers/fetch/fetch-swiftshader.mjs']);
await runCommand(process.execPath, ['tools/nats-server/fetch/fetch-nats-server.mjs']);
log('Building (what did not change comes from the cache) ...');
if ((await runNx(['run', '@gearshift/reliability:prepare'])) !== 0) {
  log('The build failed; the reason is above.');
  process.exit(1);
}
process.exitCode = await runCommand(
  process.execPath,
  ['tools/reliability/src/main.mjs', ...given.filter((arg) => arg !== '--install-tools')],
  {
    output: 'stdout',
  },
);
