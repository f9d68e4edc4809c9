import { appendFileSync } from 'node:fs';

/** A mutation run repeats each test for every mutant that it reaches. */
const SHARE_FOR_MUTATION = 1 / 50;

/**
 * How much a test that counts does: `GEARSHIFT_TEST_EFFORT` is `test` (or not set: what a test run has time for), `ci` (the figures of
 * the reliability goals), `nightly`, or `mutation` (a fiftieth of `test` where the test asks for no other).
 *
 * @param {{ test: number, ci: number, nightly?: number, mutation?: number }} counts
 */
export function effort({ test, ci, nightly = ci, mutation = Math.ceil(test * SHARE_FOR_MUTATION) }) {
  return { mutation, test, ci, nightly }[tier()];
}

/** @returns {'mutation' | 'test' | 'ci' | 'nightly'} */
export function tier() {
  const asked = process.env['GEARSHIFT_TEST_EFFORT'] ?? 'test';
  if (asked === 'mutation' || asked === 'test' || asked === 'ci' || asked === 'nightly') return asked;
  throw new RangeError(`GEARSHIFT_TEST_EFFORT: expected mutation, test, ci or nightly, got ${asked}`);
}

/** The seed of a test that draws: `GEARSHIFT_SEED`, or the test's own. */
export function seedOr(/** @type {number} */ own) {
  const asked = Number(process.env['GEARSHIFT_SEED'] ?? own);
  if (!Number.isSafeInteger(asked)) throw new RangeError('GEARSHIFT_SEED: expected a whole number');
  return asked;
}

/** Tells how much was done for a reliability goal, where it is asked for (`npm run reliability`). */
export function tellCount(/** @type {string} */ goal, /** @type {number} */ count) {
  const file = process.env['GEARSHIFT_COUNTS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ goal, count })}\n`);
}

/** Tells what was measured for a reliability goal. Its report has the value; no verdict depends on it. */
export function tellFigure(/** @type {string} */ goal, /** @type {string} */ name, /** @type {number} */ value) {
  const file = process.env['GEARSHIFT_COUNTS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ goal, count: 0, name, value })}\n`);
}
