import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { explain } from './explanations.mjs';
import { GOAL_SCORE } from './mutated-packages.mjs';

const FOLDER = fileURLToPath(new URL('../../../docs/mutation/', import.meta.url));

/**
 * @typedef {{ source: string, package: string, killed: number, timeout: number, survivors: import('./read-mutants.mjs').Survivor[] }} FileResult
 *   `source` and `package` are hashes of the measured code
 * @typedef {{ package: string, goal: number, score: number | null, killed: number, timeout: number, survived: number, noCoverage: number, explained: number,
 *   filesMeasured: number, filesChanged: number, filesInAll: number, leftOut: { file: string, why: string }[], survivors: any[],
 *   files: Record<string, any> }} MutationReport
 */

/** @returns {MutationReport | null} the contents of `docs/mutation/PACKAGE.json` */
export function readReport(name) {
  const file = `${FOLDER}${name}.json`;
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

export function writeReport(report) {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}${report.package}.json`, `${JSON.stringify(report, null, 2)}\n`);
}

/** The results by file in a report. */
export function resultsOf(report) {
  const results = new Map();
  for (const [file, { source, package: ofPackage, killed, timeout }] of Object.entries(report?.files ?? {})) {
    const survivors = report.survivors
      .filter((survivor) => survivor.file === file)
      .map(({ key, line, status, mutator, original, replacement }) => ({
        ...{ key, line, status, mutator, original, replacement },
      }));
    results.set(file, { source, package: ofPackage, killed, timeout, survivors });
  }
  return results;
}

/**
 * @param {string} name
 * @param {readonly { file: string, hash: string }[]} sources all that are mutated, as they are now
 * @param {ReadonlyMap<string, FileResult>} results of those that are measured
 * @param {readonly { file: string, why: string }[]} leftOut
 * @param {import('./explanations.mjs').Explanations} explanations
 * @returns {MutationReport}
 */
export function makeReport(name, sources, results, leftOut, explanations) {
  const measured = sources.map(({ file }) => file).filter((file) => results.has(file));
  const survivors = measured.flatMap((file) =>
    results
      .get(file)
      .survivors.map((survivor) => ({ file, ...survivor, explained: explain(file, survivor, explanations) })),
  );
  const sum = (key) => measured.reduce((total, file) => total + results.get(file)[key], 0);
  const [killed, timeout] = [sum('killed'), sum('timeout')];
  const noCoverage = survivors.filter(({ status }) => status === 'no coverage').length;
  const inAll = killed + timeout + survivors.length;
  return {
    package: name,
    goal: GOAL_SCORE,
    score: inAll === 0 ? null : Math.round((1000 * (killed + timeout)) / inAll) / 10,
    killed,
    timeout,
    survived: survivors.length - noCoverage,
    noCoverage,
    explained: survivors.filter(({ explained }) => explained !== null).length,
    filesMeasured: measured.length,
    // Their figures belong to an earlier source.
    filesChanged: sources.filter(({ file, hash }) => results.has(file) && results.get(file).source !== hash).length,
    filesInAll: sources.length,
    leftOut,
    survivors,
    files: Object.fromEntries(
      measured.map((file) => {
        const { survivors: alive, ...result } = results.get(file);
        return [file, { ...result, survived: alive.length }];
      }),
    ),
  };
}
