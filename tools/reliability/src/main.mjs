// node main.mjs [R1 R5 ...] [--nightly] [--seed N] [--json FILE]
//
// Runs the tests of the reliability goals with the required number of rounds, and prints a line of JSON for each goal. A count below
// the goal fails like a violation; so does a skipped test, or one that counts nothing. A goal that lacks a tool is not run, which is
// said before the first goal starts.
//
// Exit codes: 0 all goals met, 1 a violation, 2 wrong arguments, 3 no violation, but a goal was not run.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { GOALS } from './goals.mjs';
import { describeMissingTools } from './missing-tools.mjs';
import { runGoal } from './run-goal.mjs';
import { EXIT_CODES, exitCodeOf } from './verdict.mjs';

const { values: options, positionals } = readArguments();

if (options.help) {
  console.log('npm run reliability -- [R1 R5 ...] [--nightly] [--seed N] [--json FILE]\n');
  for (const [goal, { title }] of Object.entries(GOALS)) console.log(`${goal.padEnd(4)} ${title}`);
  console.log(
    '\nExit codes: 0 all goals met, 1 a violation, 2 wrong arguments, 3 no violation, but a goal was not run.',
  );
  process.exit(0);
}
const unknown = positionals.filter((goal) => !Object.hasOwn(GOALS, goal));
if (unknown.length > 0) {
  console.error(`There is no goal ${unknown.join(', ')}; there are ${Object.keys(GOALS).join(' ')}.`);
  process.exit(EXIT_CODES.badArguments);
}
const seed = options.seed === undefined ? undefined : Number(options.seed);
if (seed !== undefined && !Number.isSafeInteger(seed)) {
  console.error(`--seed: expected a whole number, got ${options.seed}`);
  process.exit(EXIT_CODES.badArguments);
}

const goals = positionals.length > 0 ? positionals : Object.keys(GOALS);
for (const line of describeMissingTools(goals, GOALS)) console.error(line);
const reports = [];
for (const goal of goals) {
  const report = await runGoal(goal, GOALS[goal], { tier: options.nightly ? 'nightly' : 'ci', seed });
  const { problems, ...line } = report;
  console.log(JSON.stringify(line));
  for (const problem of problems) console.error(`  ${problem}`);
  reports.push(report);
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(reports, null, 2)}\n`);
const notRun = reports.filter(({ verdict }) => verdict === 'not run').map(({ goal }) => goal);
if (notRun.length > 0) console.error(`Not run: ${notRun.join(', ')}`);
process.exitCode = exitCodeOf(reports);

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        nightly: { type: 'boolean', default: false },
        seed: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    console.error(error.message);
    process.exit(EXIT_CODES.badArguments);
  }
}
