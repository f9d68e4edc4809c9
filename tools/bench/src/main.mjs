import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine, kindOfCpu } from './machine.mjs';
import { describeProvenance } from './provenance.mjs';
import { listSuites, loadSuite } from './suites.mjs';
import { formatTable } from './table.mjs';
import { windowsAfter } from './windows.mjs';

const USAGE = `Usage: npm run bench -- SUITE [--json FILE|FOLDER [--window]] [--quick]

  SUITE        one of: ${listSuites().join(', ') || '(none yet)'}
  --json FILE  also write tables, goals, machine and versions to FILE; to SUITE.CPU.json in a FOLDER
               that is there, where CPU is the kind of CPU (avx2, avx512, amx, neon)
  --window     adds this run to those of FILE, of which the goals show the median and the best
  --quick      a run of seconds that exercises every line; its figures mean nothing
`;

process.exitCode = await main(process.argv.slice(2));

/** Exit codes: 0 measured (a missed goal is a finding, not a failure), 1 the suite failed, 2 wrong usage. */
async function main(args) {
  const options = readOptions(args);
  if (options === null) return 2;
  const { name, quick, json, window } = options;
  const suite = await loadSuite(name);
  const machine = describeMachine();
  const provenance = describeProvenance();
  console.log(`${suite.name}: ${suite.description}`);
  console.log(
    `${machine.cpuModel}, ${machine.usableCpus} CPUs usable, Node ${provenance.node}${quick ? ', quick run: figures mean nothing' : ''}\n`,
  );
  const startedAt = new Date();
  const { tables, goals } = await suite.run({ quick, log: (message) => console.error(message) });
  for (const table of tables) console.log(`${formatTable(table)}\n`);
  if (goals.length > 0) console.log(formatTable(tableOfGoals(goals)));
  if (json !== null) {
    const jsonFile = isFolder(json) ? join(json, `${name}.${kindOfCpu(machine.cpuFeatures)}.json`) : json;
    const command = `npm run bench -- ${args.join(' ')}`;
    const tookSeconds = (Date.now() - startedAt.getTime()) / 1000;
    const report = {
      suite: name,
      command,
      date: startedAt.toISOString(),
      tookSeconds,
      quick,
      machine,
      provenance,
      goals,
      tables,
    };
    if (window) {
      const before = existsSync(jsonFile) ? JSON.parse(readFileSync(jsonFile, 'utf8')) : null;
      report.windows = windowsAfter(before, report);
    }
    mkdirSync(dirname(jsonFile), { recursive: true });
    writeFileSync(jsonFile, `${JSON.stringify(report, null, 2)}\n`);
    console.log(`\nWritten to ${jsonFile}`);
  }
  return 0;
}

function readOptions(args) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        window: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
      },
    });
    const [name] = positionals;
    if (positionals.length !== 1) throw new TypeError(`expected one suite, got ${positionals.length}`);
    if (!listSuites().includes(name)) throw new TypeError(`there is no suite '${name}'`);
    if (values.window && (values.json === undefined || values.quick)) {
      throw new TypeError('--window: expected --json with it, and no --quick');
    }
    // npm runs scripts in the root of the repository, but the user's path is relative to the user's folder.
    const from = process.env['INIT_CWD'] ?? process.cwd();
    const json = values.json === undefined ? null : resolve(from, values.json);
    return { name, quick: values.quick, json, window: values.window };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    return null;
  }
}

function isFolder(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function tableOfGoals(goals) {
  const verdict = ({ pass }) => (pass === null ? 'not measured' : pass ? 'pass' : 'MISS');
  return {
    title: 'Goals',
    columns: ['goal', 'target', 'measured', 'verdict', 'note'],
    rows: goals.map((goal) => [goal.id, goal.target, goal.measured, verdict(goal), goal.note ?? '']),
  };
}
