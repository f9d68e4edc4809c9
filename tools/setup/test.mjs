// npm test [-- --install-tools]: set-up, build, and every test of every project, counted in the last line.
import { installTestTools } from './install-test-tools.mjs';
import { log } from './log.mjs';
import { refuseUnknownArguments } from './refuse-unknown-arguments.mjs';
import { runCommand } from './run-command.mjs';
import { runNx } from './run-nx.mjs';
import { setUp } from './set-up.mjs';
import { clearResults, readTotals } from './test-totals.mjs';
import { listProjects } from './workspace.mjs';

refuseUnknownArguments(process.argv.slice(2), ['--install-tools']);
await setUp();
await installTestTools({ asked: process.argv.includes('--install-tools') });
// The other GPU in software and a NATS server, which need a download only.
await runCommand(process.execPath, ['tools/vulkan-drivers/fetch/fetch-swiftshader.mjs']);
await runCommand(process.execPath, ['tools/nats-server/fetch/fetch-nats-server.mjs']);

const isTestTarget = (target) => target === 'test' || target.startsWith('test-');
const projects = listProjects()
  .map(({ folder, manifest }) => ({ folder, targets: Object.keys(manifest.nx?.targets ?? {}).filter(isTestTarget) }))
  .filter(({ targets }) => targets.length > 0);
for (const { folder } of projects) clearResults(folder);
const targets = [...new Set(projects.flatMap((project) => project.targets))].join(',');
const code = await runNx(['run-many', `--targets=${targets}`], { output: 'stdout' });

let passed = 0;
const failures = [];
const skips = [];
for (const { folder } of projects) {
  const totals = readTotals(folder);
  passed += totals.passed;
  failures.push(...totals.failures);
  skips.push(...totals.skips);
}
if (code !== 0 && failures.length === 0) failures.push('a target failed outside the tests; its output is above');
if (skips.length > 0) log(`\nSkipped, with the reason in the name of the test or its group:\n${list(skips)}`);
if (failures.length > 0) log(`\nFailed:\n${list(failures)}`);
if (passed === 0) log('\nNo test ran.');
console.log(`\n${passed} passed, ${failures.length} failed${skips.length > 0 ? `, ${skips.length} skipped` : ''}`);
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;

function list(entries) {
  return entries.map((entry) => `  ${entry}`).join('\n');
}
