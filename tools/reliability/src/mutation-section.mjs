import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../../docs/mutation/', import.meta.url));

/** The reports of `npm run mutation`, one per package. */
export function readMutationReports() {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(`${FOLDER}${name}`, 'utf8')));
}

/**
 * The section of the page about mutation testing.
 *
 * @param {readonly any[]} reports
 * @returns {string} Markdown
 */
export function mutationSection(reports) {
  const rows = reports.map((report) => {
    const { package: name, goal, score, killed, timeout, survived, noCoverage, explained } = report;
    const { filesMeasured, filesChanged, filesInAll } = report;
    const isComplete = filesMeasured === filesInAll && filesChanged === 0;
    const scope = filesMeasured === filesInAll ? String(filesInAll) : `${filesMeasured} of ${filesInAll}`;
    const verdict = !isComplete || score === null ? 'not complete' : score >= goal ? 'met' : 'missed';
    return `| [${name}](mutation/${name}.json) | ${score ?? 'none'} | ${goal} | ${verdict} | ${killed + timeout} | ${timeout} | ${survived} | ${noCoverage} | ${explained} | ${scope} | ${filesChanged} |`;
  });
  const table =
    rows.length === 0
      ? 'No package is measured yet.'
      : `| package | score | goal | | found | by time limit | survived | not covered | explained | files | changed since |
| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}`;
  return `## Mutation testing

\`npm run mutation -- PACKAGE\` changes the sources of a package one by one ([Stryker](https://stryker-mutator.io)), runs the package's own tests
on each change, and counts the changes that they find. The score is the share found, in percent; a change that makes the tests run into a
time limit is found. Strings are not changed, because most of them are messages. Tests in worker threads and those that explore every
interleaving are left out: the first run the built package, the second take minutes for each change. The last column counts the files with
figures of an earlier source.

${table}

Each survivor is listed in the file of its package, with its place, what it replaces, and why it may survive where that is explained. The
explanations are in [tools/mutation/explanations](../tools/mutation/explanations).
`;
}
