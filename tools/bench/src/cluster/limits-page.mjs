import { kindOfCpu } from '../machine.mjs';
import { formatCell } from '../table.mjs';
import { readConstants } from './constants.mjs';
import { simulateScenarios, STRAGGLERS } from './scenarios.mjs';
import { simulateOneMachine } from './simulate-one-machine.mjs';

const WORKERS = 4;

const INTRODUCTION = `# Limits of a cluster

What [a cluster](cluster.md) costs, how far that was measured, and what is calculated. Every number on this page comes from a result in
[benchmarks/](benchmarks): \`npm run bench -- cluster --json docs/benchmarks\`, then \`node tools/bench/src/write-docs.mjs\`. All tables are in
[Benchmarks](benchmarks.md).

## What was measured

The coordinator, a NATS server and four workers run on one machine, and share its CPUs. So no figure here shows what more machines save: four workers
on two cores scan no faster than two. What can be seen is what a cluster adds: messages, and the work for them. Each figure stands beside the same
messages sent with the NATS client alone, in turns, which is the least that this way of sending costs.
`;

const WHEN_NOT = `## When not to use a cluster

- **One machine holds the rows.** Then \`createExecutor()\` is faster, simpler, and has nothing that can be unreachable.
- **Scans are short.** A scan of one CPU that takes less than the break-even above is slower on a cluster. Send several queries in one call instead:
  they share their messages.
- **The workers have different CPUs.** Equal rows would no longer tie, so a mix of instruction sets is refused.
- **The coordinator is far away.** A request waits for a way there and back, and spreading for one in each hop. Nothing was measured beyond one
  machine, and nothing over the internet.
- **One copy must do.** With \`replicas: 1\`, the rows of a worker that fails are missing until it is back.
- **Many coordinators ask at once.** Each worker computes its queries one after the other; replicas and more workers help, more coordinators do not.
`;

/** docs/cluster-limits.md, from the results of the suite `cluster`, one for each kind of CPU. */
export function limitsPage(results) {
  return [INTRODUCTION, ...results.map(measuredOf), ON_PAPER, ...results.map(simulatedOf), WHEN_NOT].join('\n');
}

const ON_PAPER = `## What is on paper

A thousand workers have never been run. The tables below add up what one message was measured to cost: the coordinator writes one message, the server hands it
out to one worker after the other, every shard is on a machine of its own and takes as long as a single one did, and the coordinator takes the answers
one after the other. The scan of the slowest shard comes on top. There is no network in it, and no worker that is busy with other queries.
`;

function measuredOf(result) {
  const { machine, date, goals } = result;
  const scatter = tableOf(result, 'Top 10 of shards');
  const added = (shards) => scatter.find((row) => row.shards === shards)['besides the scan, p50 ms'];
  const breakEvenMs = (shards) => added(shards) / (1 - 1 / shards);
  return `### ${kindOfCpu(machine.cpuFeatures)}: ${machine.cpuModel}, ${machine.usableCpus} CPUs, ${date.slice(0, 10)}

${table(
  ['goal', 'measured', 'verdict', 'note'],
  goals.map(({ target, measured, pass, note }) => [target, measured, verdict(pass), note ?? '']),
)}

${table(
  [
    'shards',
    'a query besides its scan, p50 ms',
    'bare messages, p50 ms',
    'times',
    'CPU of the coordinator, us',
    'bare, us',
  ],
  scatter.map((row) => [
    row.shards,
    row['besides the scan, p50 ms'],
    row['bare p50 ms'],
    row['times bare'],
    row['CPU of the coordinator, us'],
    row['bare, us'],
  ]),
)}

**Break-even.** With two machines a scan is split in two, with four in four. The messages cost more than that saves while the whole scan takes less than
${formatCell(breakEvenMs(2))} ms on one machine (for two), or ${formatCell(breakEvenMs(4))} ms (for four).

**A worker fails.** Two clients ask 4 shards, each on two workers:

${table(
  [
    ...['what happens', 'queries', 'errors', 'slowest before, ms', 'p50 ms', 'p99 ms', 'slowest, ms'],
    'asked again at the latest after, ms',
  ],
  tableOf(result, 'Two clients').map((row) => [
    row.what,
    row.queries,
    row.errors,
    row['slowest before, ms'],
    row['p50 ms'],
    row['p99 ms'],
    row['slowest, ms'],
    row['at the latest after, ms'],
  ]),
)}

**Loads.**

${table(
  ['how', 'MB/s'],
  tableOf(result, 'How fast').map((row) => [row.how, row['MB/s']]),
)}
`;
}

function simulatedOf(result) {
  const { machine, tables } = result;
  const kind = kindOfCpu(machine.cpuFeatures);
  const constants = readConstants(tables);
  const measured = tableOf(result, 'Top 10 of shards');
  const cores = machine.usableCpus;
  const most = Math.round(1e6 / (constants.coordinatorUs + 1000 * constants.coordinatorShardUs));
  return `### ${kind}

![Simulated latency](benchmarks/cluster.${kind}.svg)

Milliseconds besides the scan. *Late*: ${100 * STRAGGLERS.share} % of all answers come ${STRAGGLERS.ms} ms later. *Asked again*: after the 95th percentile,
and not before 5 ms, at another worker. *Mergers*: workers that merge the answers of a share of the shards; Gearshift has none, this is a what-if.

${table(
  [
    ...[
      'shards',
      'p50',
      'p99',
      'p99, asked again',
      'p50, late',
      'p99, late',
      'p50, late, asked again',
      'p99, late, asked again',
    ],
    ...['shards asked again', 'p50, mergers', 'p99, mergers'],
  ],
  simulateScenarios(constants).map(({ shards, plain, hedged, late, lateHedged, merged }) => [
    ...[shards, plain.p50Ms, plain.p99Ms, hedged.p99Ms, late.p50Ms, late.p99Ms, lateHedged.p50Ms, lateHedged.p99Ms],
    ...[lateHedged.hedges, merged.p50Ms, merged.p99Ms],
  ]),
)}

One coordinator has no time for more than ${most} queries per second to 1,000 shards, whatever the workers do.

**How good is that?** The same constants, with all processes on ${cores} cores and the shards on ${WORKERS} workers, against what was measured there. One
shard is what the constants were taken from; the rest is a prediction.

${table(
  ['shards', 'measured p50 ms', 'simulated ms', 'simulated / measured'],
  measured.map((row) => {
    const simulatedMs = simulateOneMachine(constants, { shards: row.shards, cores, workers: WORKERS });
    const measuredMs = row['besides the scan, p50 ms'];
    return [row.shards, measuredMs, simulatedMs, simulatedMs / measuredMs];
  }),
)}
`;
}

/** The rows of a table as objects, by the beginning of its title. */
function tableOf({ tables }, beginning) {
  const { columns, rows } = tables.find(({ title }) => title.startsWith(beginning));
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
}

function verdict(pass) {
  return pass === null ? 'not measured' : pass ? 'held' : 'MISS';
}

function table(columns, rows) {
  const line = (cells) => `| ${cells.map((cell) => formatCell(cell).replaceAll('<', '&lt;')).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}
