// node main.mjs [R1 R5 ...] [--nightly] [--seed N] [--json FILE]
//
// Runs the tests of the reliability goals with the required number of rounds, and prints a line of JSON for each goal. A count below
// the goal fails like a violation; so does a skipped test, or one that counts nothing.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { GOALS } from './goals.mjs';
import { runGoal } from './run-goal.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nightly: { type: 'boolean', default: false },
    seed: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log('npm run reliability -- [R1 R5 ...] [--nightly] [--seed N] [--json FILE]\n');
  for (const [goal, { title }] of Object.entries(GOALS)) console.log(`${goal.padEnd(4)} ${title}`);
  process.exit(0);
}
const unknown = positionals.filter((goal) => !(goal in GOALS));
if (unknown.length > 0) {
  console.error(`There is no goal ${unknown.join(', ')}; there are ${Object.keys(GOALS).join(' ')}.`);
  process.exit(2);
}
const seed = options.seed === undefined ? undefined : Number(options.seed);
if (seed !== undefined && !Number.isSafeInteger(seed)) {
  console.error(`--seed: expected a whole number, got ${options.seed}`);
  process.exit(2);
}

const reports = [];
for (const goal of positionals.length > 0 ? positionals : Object.keys(GOALS)) {
  const report = await runGoal(goal, GOALS[goal], { tier: options.nightly ? 'nightly' : 'ci', seed });
  const { problems, ...line } = report;
  console.log(JSON.stringify(line));
  for (const problem of problems) console.error(`  ${problem}`);
  reports.push(report);
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(reports, null, 2)}\n`);
process.exitCode = reports.every(({ violations }) => violations === 0) ? 0 : 1;
