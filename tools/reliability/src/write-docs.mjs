// node tools/reliability/src/write-docs.mjs [--check]: docs/reliability.md from docs/reliability.json, which
// `npm run reliability -- --json docs/reliability.json` writes, and from docs/mutation/*.json of `npm run mutation`. With --check it writes
// nothing and exits with 1 when the page is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { GOALS } from './goals.mjs';
import { mutationSection, readMutationReports } from './mutation-section.mjs';

const PAGE = fileURLToPath(new URL('../../../docs/reliability.md', import.meta.url));
const RESULTS = fileURLToPath(new URL('../../../docs/reliability.json', import.meta.url));

const INTRODUCTION = `# Reliability

Each goal has a number of trials and a number of violations, which must be 0. A goal also fails with fewer trials than required, and with a
test that is skipped for any other reason than a missing program. The tests are those of the packages, with more rounds:

\`\`\`sh
npm run reliability                        # all goals, with the trials of continuous integration
npm run reliability -- R3 R5 --seed 7      # some goals, with a given seed
npm run reliability -- R8 --nightly        # with the trials of nightly runs
\`\`\`

A goal that needs a program beside Node.js (a C++ compiler and CMake for R5, R6, R7, R10, R11, R12b, R17 and R22; clang for R12b; Prometheus for R16; nats-server for R17 and R23, which set-up fetches) is not run without it. The
command says so before it starts, with the packages to install; with \`--install-tools\` on Debian or Ubuntu it installs Prometheus itself.

| exit code | meaning |
| --- | --- |
| 0 | all goals met |
| 1 | a violation |
| 2 | wrong arguments |
| 3 | no violation, but a goal was not run |

Each goal prints a line \`{ goal, count, verdict, violations, seed, seconds, tier }\`; \`verdict\` is \`met\`, \`violated\` or \`not run\`. \`tier\` is the code under test. A simulated GPU runs the same kernels
and host code as a real one, on the CPU, but no real driver. A software GPU is a driver that runs on the CPU (SwiftShader).
`;

const reports = JSON.parse(readFileSync(RESULTS, 'utf8'));
const rows = reports.map(({ goal, count, violations, seconds, seed }) => {
  const { title, tier, unit, least } = GOALS[goal];
  const number = (value) => (value > 1e12 ? value.toExponential(1) : value.toLocaleString('en-US'));
  return `| ${goal} | ${title} | ${tier} | ${number(count)} ${unit} | ${number(least.ci)} | ${violations} | ${seconds} | ${seed ?? 'its own'} |`;
});
const figures = reports.flatMap(({ goal, figures = {} }) =>
  Object.entries(figures).map(([name, value]) => `- ${goal}: ${name}: ${value.toLocaleString('en-US')}`),
);
const MEASURED = figures.length === 0 ? '' : `Measured in these runs, besides:\n\n${figures.join('\n')}\n`;
const LAST_RUN = `## The last run

| goal | what is shown | on | counted | at least | violations | seconds | seed |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

${MEASURED}
R18 is part of [\`npm run release:dry\`](releasing.md).

## Problems found

- **R8**: when a GPU was lost in a call after its caller had aborted, only the next request detected the loss. That is correct, because no request
  waited for the call; the test was wrong, and now runs this script every time.
- **R12**: a damaged ZSTD page caused a \`TypeError\` on Node.js 20, because the errors of \`fzstd\` have numbers as codes. Files of Polars and DuckDB, which
  no mutation can replace, showed two more mistakes: messages of an Arrow file stand where its footer says, and decompressed pages need not be aligned.
- **R13**: scores of vectors of one or two dimensions exceeded the documented tolerance. The documented tolerance was wrong and is corrected
  ([semantics](semantics.md)).
- **R17** plants defects in copies of the sources and requires that a named test finds each of them. One planted defect changed nothing and was
  replaced.
- **The dry release**: a bundled program did not start, because the loaders read their version from a file that a bundle does not have.
  Programs did not compile with the newest type definitions of Node.js, which the types of two packages referred to.
- **The first CPU with AMX**: opening the CPU backend hung for ever, because one initializer of the addon ran another and the guards of its runtime
  waited for themselves. The native tests link the C++ library and did not show it; the runtime has tests of its own now.
- **R7**: a lost WebGPU device kept its memory until it was destroyed, and Dawn crashed when it was given shared memory.
- **R23**: \`placed.place()\` waited ten minutes when a worker ended, or a message was lost, while it loaded a file. The order is repeated now.
- **The benchmark of telemetry**: after \`dispose()\`, the instrumentation for spans still slowed down every promise of the process.
`;

const page = await format(`${INTRODUCTION}\n${LAST_RUN}\n${mutationSection(readMutationReports())}`, {
  ...(await resolveConfig(PAGE)),
  parser: 'markdown',
});
if (!process.argv.includes('--check')) {
  writeFileSync(PAGE, page);
} else if (readPage() !== page) {
  console.error(
    'docs/reliability.md is not what docs/reliability.json and docs/mutation say: run node tools/reliability/src/write-docs.mjs',
  );
  process.exitCode = 1;
}

function readPage() {
  try {
    return readFileSync(PAGE, 'utf8');
  } catch {
    return '';
  }
}
