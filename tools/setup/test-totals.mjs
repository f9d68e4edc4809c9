import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './workspace.mjs';

/**
 * Results of the tests of one project, read from `test-results/*.json` (vitest's JSON format).
 *
 * @typedef {{ passed: number, failures: string[], skips: string[] }} Totals
 */

/** Removes earlier results, so that a run that ended before it wrote any does not look like a pass. */
export function clearResults(folder) {
  rmSync(join(ROOT, folder, 'test-results'), { recursive: true, force: true });
}

/**
 * @param {string} folder of the project, relative to the root
 * @returns {Totals} a project without results counts as one failure, because tests that did not run must not look like a pass
 */
export function readTotals(folder) {
  const results = join(ROOT, folder, 'test-results');
  const files = existsSync(results) ? readdirSync(results).filter((file) => file.endsWith('.json')) : [];
  if (files.length === 0) return { passed: 0, failures: [`${folder}: no test results were written`], skips: [] };
  return files
    .map((file) => addUp(JSON.parse(readFileSync(join(results, file), 'utf8')), folder))
    .reduce((sum, totals) => ({
      passed: sum.passed + totals.passed,
      failures: [...sum.failures, ...totals.failures],
      skips: [...sum.skips, ...totals.skips],
    }));
}

/**
 * @param {{ success: boolean, testResults: { name: string, status: string, message?: string,
 *   assertionResults: { status: string, fullName: string }[] }[] }} report
 * @param {string} folder
 * @returns {Totals}
 */
export function addUp(report, folder) {
  const totals = { passed: 0, failures: [], skips: [] };
  for (const file of report.testResults) {
    const where = `${folder}/${relative(join(ROOT, folder), file.name)}`;
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') totals.passed++;
      else if (status === 'failed') totals.failures.push(`${where}: ${fullName}`);
      else totals.skips.push(`${where}: ${fullName}`);
    }
    const brokeOutsideTests =
      file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed');
    if (brokeOutsideTests) totals.failures.push(`${where}: ${file.message?.split('\n')[0] || 'the file did not run'}`);
  }
  // For example an unhandled rejection: every test passed, but the run failed.
  if (!report.success && totals.failures.length === 0)
    totals.failures.push(`${folder}: the run failed outside the tests`);
  return totals;
}
