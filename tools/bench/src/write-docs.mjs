// node tools/bench/src/write-docs.mjs [--check]: docs/benchmarks.md from the committed results in docs/benchmarks/*.json.
// With --check it writes nothing and exits with 1 when the page is not what the results say.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { formatCell } from './table.mjs';

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));
const PAGE = `${DOCS}benchmarks.md`;

const INTRODUCTION = `# Benchmarks

Every figure here was measured by a command of this repository, and this page is written from the results it left in
[benchmarks/](benchmarks): \`npm run bench -- SUITE --json docs/benchmarks/SUITE.json\`, then
\`node tools/bench/src/write-docs.mjs\`.

A figure is a ratio of two things measured in turns in one run, or a time next to the machine it was taken on. Machines
in the cloud share caches and memory with strangers: a time by itself is not stable on them, a ratio is. A goal that is
missed says MISS; the goals are those of the project, chosen before the code was written.
`;

const page = await format([INTRODUCTION, ...readResults().map(sectionOf)].join('\n'), {
  ...(await resolveConfig(PAGE)),
  parser: 'markdown',
});
if (!process.argv.includes('--check')) {
  writeFileSync(PAGE, page);
} else if (readPage() !== page) {
  console.error('docs/benchmarks.md is not what docs/benchmarks/*.json say: run node tools/bench/src/write-docs.mjs');
  process.exitCode = 1;
}

function readResults() {
  return readdirSync(`${DOCS}benchmarks`)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(`${DOCS}benchmarks/${name}`, 'utf8')));
}

function readPage() {
  try {
    return readFileSync(PAGE, 'utf8');
  } catch {
    return '';
  }
}

function sectionOf({ suite, command, date, machine, provenance, goals, tables }) {
  const caches = machine.caches
    .filter(({ type }) => type !== 'Instruction')
    .map(({ level, size }) => `L${level} ${size}`)
    .join(', ');
  const features = machine.cpuFeatures.length > 0 ? `, ${machine.cpuFeatures.join(' ')}` : '';
  return [
    `## ${suite}\n`,
    `\`${command}\` on ${date.slice(0, 10)}: ${machine.cpuModel} (${machine.usableCpus} CPUs usable${features}; ${caches}), ` +
      `${machine.platform} ${machine.arch}, Node ${provenance.node}, commit \`${String(provenance.commit).slice(0, 10)}\`.\n`,
    ...(goals.length > 0 ? [markdownTable(goalTable(goals))] : []),
    ...tables.map((table) => `### ${table.title}\n\n${markdownTable(table)}`),
  ].join('\n');
}

function goalTable(goals) {
  const verdict = ({ pass }) => (pass === null ? 'not measured' : pass ? 'held' : 'MISS');
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
