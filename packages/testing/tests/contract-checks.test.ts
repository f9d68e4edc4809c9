import { AssertionError } from 'node:assert';
import { contractChecks, runCheck } from '../src/index.js';
import { describe, expect, test } from 'vitest';
import { wrongCopies } from './faults/wrong-copies.js';
import { wrongElements } from './faults/wrong-elements.js';
import { wrongFilters } from './faults/wrong-filters.js';
import { wrongManners } from './faults/wrong-manners.js';
import { wrongRankings } from './faults/wrong-rankings.js';
import { wrongScores } from './faults/wrong-scores.js';
import { wrongSpreads } from './faults/wrong-spreads.js';

const brokenBackends = [
  ...wrongScores,
  ...wrongRankings,
  ...wrongElements,
  ...wrongFilters,
  ...wrongSpreads,
  ...wrongManners,
  ...wrongCopies,
];

/** Checks for faults that cannot be written in JavaScript. */
const UNPROVABLE = [
  "semantics: no operation changes the caller's floating-point mode, so subnormal numbers still exist",
];

// A check that cannot fail proves nothing, so each check runs with a backend that breaks its rule.
describe.each(brokenBackends)('backend with a fault ($fault)', ({ create, noticedBy }) => {
  test.each(noticedBy)('fails the check: %s', async (name) => {
    const check = contractChecks.find((candidate) => candidate.name === name);
    if (check === undefined) throw new Error(`there is no check named '${name}'`);
    await expect(runCheck(check, async () => create())).rejects.toBeInstanceOf(AssertionError);
  });
});

test('every check fails for at least one broken backend', () => {
  const seen = new Set(brokenBackends.flatMap(({ noticedBy }) => noticedBy));
  expect(contractChecks.map(({ name }) => name).filter((name) => !seen.has(name))).toEqual(UNPROVABLE);
});

test('check names are unique', () => {
  expect(new Set(contractChecks.map(({ name }) => name)).size).toBe(contractChecks.length);
});
