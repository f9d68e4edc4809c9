// node tools/bench/src/write-docs.mjs [--check]: docs/benchmarks.md and docs/cluster-limits.md from the committed results in
// docs/benchmarks/*.json.
// With --check it writes nothing and exits with 1 when a page does not match the results.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { barChart } from './chart.mjs';
import { CHARTS } from './charts.mjs';
import { limitsPage } from './cluster/limits-page.mjs';
import { kindOfCpu } from './machine.mjs';
import { formatCell } from './table.mjs';
import { summarizeWindows } from './windows.mjs';

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));
const PAGE = `${DOCS}benchmarks.md`;
const CLUSTER_PAGE = `${DOCS}cluster-limits.md`;

const INTRODUCTION = `# Benchmarks

Every figure here was measured by a command of this repository, and this page is written from the results it left in
[benchmarks/](benchmarks), a file for each suite and kind of CPU: \`npm run bench -- SUITE --json docs/benchmarks\`, then
\`node tools/bench/src/write-docs.mjs\`.

A figure is a ratio of two things measured in turns in one run, or a time next to the machine it was taken on. Machines
in the cloud share caches and memory with strangers: a time by itself is not stable on them, a ratio is. A goal that is
missed says MISS; the goals are those of the project, chosen before the code was written. Where a suite was measured in several
windows of time (\`--window\`), goals show the median and the best of them, and tables are those of the last.
`;

const METHOD = `## Method, and where others are better

- **Turns.** What is compared takes turns within one run, and the turn that begins changes with every round. A ratio is the median over the
  rounds of the ratio within a round.
- **Peers** run in processes of their own, one at a time, on the same data and the same questions: the exact best rows of a query by cosine,
  another query each time. Rows and queries have length 1 as they are. Each has the data as it likes it best (packed, in an index built
  beforehand), and as many threads as stated. All must find the same rows. Whatever a process does before its first turn is not timed.
- **Gearshift** searches with [codes](certified-search.md), built beforehand, and finds the same rows with the same scores as its own scan
  in float32, which stands beside it.
- **Sets.** Two are real, and the command makes them from npm packages; three are drawn at random.
- **Time.** On a busy machine what one thread does is measured as CPU time of its process, which others change little. The last table says so.
- **Fairness.** Times are those of a call from the language that the peer is made for: Node.js for usearch, simsimd, hnswlib-node and
  onnxruntime-node, Python for numpy and faiss. Debian builds faiss for any x86-64, which costs it much; a build for this CPU would be
  faster. numpy is as fast as the BLAS it is given: the table of versions says which.
- **Below 1**, a figure of a table says that the peer was faster. On small matrices, which lie in a cache, all scans read the same bytes and codes
  are not used.
- **Approximate indexes** do another job: they look at a part of the rows. The third table of peers has their recall and the time it takes to build
  them, beside exact search and the time it takes to make codes. Up to 50,000 sentences both take about as long
  as each other; with more rows the lead of an index grows, as exact search reads something of every row. It costs
  the build, memory, and some missing rows. Gearshift has none: it searches exactly, or scores the candidates that such an index proposes.
- **Batches.** Many queries in one call are compared with a matrix product of a good BLAS (numpy) and the selection of the best from it. The goals P6 and P7
  compare with the product alone.
- **Element types.** The comparison is between float32 vectors. usearch, simsimd and faiss also score int8, half-precision and binary vectors;
  Gearshift scores float16, bfloat16 and int8, with exactly the scores of the float32 matrix with the same values.
- **Machine.** Shared machines are noisy; the same command elsewhere gives other figures. \`gearshift bench\` shows yours.
`;

const results = readResults();
const clusters = results.filter(({ suite }) => suite === 'cluster');
const files = new Map([
  [PAGE, await formatPage([INTRODUCTION, ...results.map(sectionOf), METHOD].join('\n'))],
  [CLUSTER_PAGE, await formatPage(limitsPage(clusters))],
]);
for (const result of results) {
  for (const { file, ...chart } of chartsOf(result)) files.set(`${DOCS}benchmarks/${file}`, barChart(chart));
}
if (!process.argv.includes('--check')) {
  for (const [file, text] of files) writeFileSync(file, text);
} else {
  const stale = [...files].filter(([file, text]) => read(file) !== text).map(([file]) => file.slice(DOCS.length));
  if (stale.length > 0) {
    console.error(`docs: ${stale.join(', ')} is not what the results say: run node tools/bench/src/write-docs.mjs`);
    process.exitCode = 1;
  }
}

async function formatPage(text) {
  return format(text, { ...(await resolveConfig(PAGE)), parser: 'markdown' });
}

function readResults() {
  return readdirSync(`${DOCS}benchmarks`)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(`${DOCS}benchmarks/${name}`, 'utf8')));
}

function chartsOf({ suite, machine, tables }) {
  const kind = kindOfCpu(machine.cpuFeatures);
  return (CHARTS[suite]?.(tables) ?? []).map(({ name, ...chart }) => ({ file: `${name}.${kind}.svg`, ...chart }));
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function sectionOf(result) {
  const { suite, command, date, machine, provenance, goals, windows, tables } = result;
  const caches = machine.caches
    .filter(({ type }) => type !== 'Instruction')
    .map(({ level, size }) => `L${level} ${size}`)
    .join(', ');
  const features = machine.cpuFeatures.length > 0 ? `, ${machine.cpuFeatures.join(' ')}` : '';
  return [
    `## ${suite}, ${kindOfCpu(machine.cpuFeatures)}\n`,
    `\`${command}\` on ${date.slice(0, 10)}: ${machine.cpuModel} (${machine.usableCpus} CPUs usable${features}; ${caches}), ` +
      `${machine.platform} ${machine.arch}, Node ${provenance.node}, commit \`${String(provenance.commit).slice(0, 10)}\`.\n`,
    ...chartsOf(result).map(({ file, title }) => `![${title}](benchmarks/${file})\n`),
    ...(goals.length > 0 ? [markdownTable(windows === undefined ? goalTable(goals) : windowTable(windows))] : []),
    ...tables.map((table) => `### ${table.title}\n\n${markdownTable(table)}`),
  ].join('\n');
}

function verdict({ pass }) {
  return pass === null ? 'not measured' : pass ? 'held' : 'MISS';
}

function windowTable(windows) {
  return {
    columns: ['goal', 'target', 'median', 'best', 'windows', 'verdict', 'note'],
    rows: summarizeWindows(windows).map((goal) => [
      goal.id,
      goal.target,
      goal.measured,
      goal.best,
      goal.windows,
      verdict(goal),
      goal.note ?? '',
    ]),
  };
}

function goalTable(goals) {
  return {
    columns: ['goal', 'target', 'measured', 'verdict', 'note'],
    rows: goals.map((goal) => [goal.id, goal.target, goal.measured, verdict(goal), goal.note ?? '']),
  };
}

function markdownTable({ columns, rows }) {
  const cell = (value) => formatCell(value).replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const body = rows.map((row) => line(columns.map((_, column) => cell(row[column]))));
  return `${[line(columns.map(cell)), line(columns.map(() => '---')), ...body].join('\n')}\n`;
}
