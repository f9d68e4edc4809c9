/** Exit codes of the command. */
export const EXIT_CODES = { met: 0, violated: 1, badArguments: 2, notRun: 3 };

/**
 * What the tests of a goal say. A goal that lacks a tool was not run: that says nothing about the code, but is not a success either.
 *
 * @param {{ failures: readonly string[], skips: readonly string[], count: number, least: number, unit: string }} found
 *   `skips`: tests that were skipped, with the reason in their name
 * @returns {{ verdict: 'met' | 'violated' | 'not run', violations: number, problems: string[] }}
 */
export function verdictOf({ failures, skips, count, least, unit }) {
  // A skip for lack of a tool says so in its name; any other skip hides a test.
  const lacking = skips.filter((skip) => skip.includes('(skipped: needs '));
  const hidden = skips.filter((skip) => !lacking.includes(skip));
  const violations = [...failures, ...hidden];
  // Skipped tests count nothing, so the sum says nothing then.
  if (lacking.length === 0 && count < least) violations.push(`${count} ${unit}, of at least ${least}`);
  const problems = [...violations, ...lacking];
  if (violations.length > 0) return { verdict: 'violated', violations: violations.length, problems };
  return { verdict: lacking.length > 0 ? 'not run' : 'met', violations: 0, problems };
}

/** @param {readonly { verdict: string }[]} reports */
export function exitCodeOf(reports) {
  if (reports.some(({ verdict }) => verdict === 'violated')) return EXIT_CODES.violated;
  return reports.some(({ verdict }) => verdict === 'not run') ? EXIT_CODES.notRun : EXIT_CODES.met;
}
