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

What must never happen is counted. Each goal is a number of trials and a number of violations, which has to be 0; a count below the
goal's fails like a violation, and so does a test that was skipped. The tests are those of the packages, with more rounds:

\`\`\`sh
npm run reliability                        # all goals, with the figures of continuous integration
npm run reliability -- R3 R5 --seed 7      # some, and the same random choices again
npm run reliability -- R8 --nightly        # as many rounds as nights allow
\`\`\`

Each prints a line \`{ goal, count, violations, seed, seconds, tier }\`. \`tier\` says on what it was shown: a simulated GPU runs the same
kernels and host code as a real one, on the CPU; it knows nothing of real drivers.
`;

const reports = JSON.parse(readFileSync(RESULTS, 'utf8'));
const rows = reports.map(({ goal, count, violations, seconds, seed }) => {
  const { title, tier, unit, least } = GOALS[goal];
  const number = (value) => (value > 1e12 ? value.toExponential(1) : value.toLocaleString('en-US'));
  return `| ${goal} | ${title} | ${tier} | ${number(count)} ${unit} | ${number(least.ci)} | ${violations} | ${seconds} | ${seed ?? 'its own'} |`;
});
const LAST_RUN = `## The last run

| goal | what is shown | on | counted | at least | violations | seconds | seed |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

R7 is for WebGPU, which has no backend yet; R12, fuzzing of the native core, is not there yet. R18 is counted by [\`npm run release:dry\`](releasing.md).

## What the counting has found

- **R8**: a GPU that died in a call whose caller had given up was found lost by the next request only. That is how it has to be, since nobody waited;
  the test had taken for granted that somebody had noticed, and plays that script every time now.
- **R13**: scores of vectors of one or two dimensions were off by more than was promised: the promise was wrong, and is now stated for them, too
  ([semantics](semantics.md)).
- **R17** plants defects in copies of the sources and demands that a named test finds each. One planted defect turned out to change nothing, and was replaced.
- **The dry release**: a bundled program did not start, because the loaders read their version from a file that a bundle does not have;
  and programs did not compile with the newest type definitions of Node, which the types of two packages named.
- **The benchmark of telemetry**: instrumentation for spans that had been taken back went on slowing every promise of the process down.
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
