import { appendFileSync } from 'node:fs';

/**
 * How much a test that counts does: `GEARSHIFT_TEST_EFFORT` is `test` (or not set: what a test run has time for), `ci` (the figures of
 * the reliability goals) or `nightly`.
 *
 * @param {{ test: number, ci: number, nightly?: number }} counts
 */
export function effort({ test, ci, nightly = ci }) {
  return { test, ci, nightly }[tier()];
}

/** @returns {'test' | 'ci' | 'nightly'} */
export function tier() {
  const asked = process.env['GEARSHIFT_TEST_EFFORT'] ?? 'test';
  if (asked === 'test' || asked === 'ci' || asked === 'nightly') return asked;
  throw new RangeError(`GEARSHIFT_TEST_EFFORT: expected test, ci or nightly, got ${asked}`);
}

/** The seed of a test that draws: `GEARSHIFT_SEED`, or the test's own. */
export function seedOr(/** @type {number} */ own) {
  const asked = Number(process.env['GEARSHIFT_SEED'] ?? own);
  if (!Number.isSafeInteger(asked)) throw new RangeError('GEARSHIFT_SEED: expected a whole number');
  return asked;
}

/** Tells how much was done for a reliability goal, where somebody wants to know (`npm run reliability`). */
export function tellCount(/** @type {string} */ goal, /** @type {number} */ count) {
  const file = process.env['GEARSHIFT_COUNTS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ goal, count })}\n`);
}
