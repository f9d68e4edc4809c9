import { AssertionError } from 'node:assert';
import { contractChecks, runCheck } from '../src/index.js';
import { describe, expect, test } from 'vitest';
import { wrongCopies } from './faults/wrong-copies.js';
import { wrongManners } from './faults/wrong-manners.js';
import { wrongRankings } from './faults/wrong-rankings.js';
import { wrongScores } from './faults/wrong-scores.js';
import { wrongSpreads } from './faults/wrong-spreads.js';

const brokenBackends = [...wrongScores, ...wrongRankings, ...wrongSpreads, ...wrongManners, ...wrongCopies];

/** These need a fault that JavaScript cannot have. */
const UNPROVABLE = [
  "semantics: the caller's floating-point mode is as it was: subnormal numbers exist after every operation",
];

// A check that cannot fail proves nothing: each is shown a backend that breaks its rule.
describe.each(brokenBackends)('where $fault', ({ create, noticedBy }) => {
  test.each(noticedBy)('it is noticed by: %s', async (name) => {
    const check = contractChecks.find((candidate) => candidate.name === name);
    if (check === undefined) throw new Error(`there is no check of the name ${name}`);
    await expect(runCheck(check, async () => create())).rejects.toBeInstanceOf(AssertionError);
  });
});

test('every check has been seen failing', () => {
  const seen = new Set(brokenBackends.flatMap(({ noticedBy }) => noticedBy));
  expect(contractChecks.map(({ name }) => name).filter((name) => !seen.has(name))).toEqual(UNPROVABLE);
});

test('check names are unique', () => {
  expect(new Set(contractChecks.map(({ name }) => name)).size).toBe(contractChecks.length);
});
