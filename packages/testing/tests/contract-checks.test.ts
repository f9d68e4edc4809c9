import { AssertionError } from 'node:assert';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { contractChecks, runCheck } from '../src/index.js';
import { withMethods } from './faults/with-fault.js';
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

test.each([
  'abort: a signal stops a long request under way, and the backend serves later requests',
  'event loop: is not blocked while a long request is under way',
])('a process that is held up once does not fail the check: %s', async (name) => {
  const check = contractChecks.find((candidate) => candidate.name === name) ?? expect.fail();
  const heldUpOnce = () => {
    let calls = 0;
    return withMethods((right) => ({
      async cosineSimilarity(request, output, signal) {
        calls += 1;
        if (calls > 1) return right.cosineSimilarity(request, output, signal);
        // After the abort.
        for (let turn = 0; turn < 2; turn++) await setImmediate();
        const untilMs = performance.now() + 600;
        while (performance.now() < untilMs);
        return right.cosineSimilaritySync(request, output);
      },
    }));
  };
  await runCheck(check, async () => heldUpOnce());
});

test('check names are unique', () => {
  expect(new Set(contractChecks.map(({ name }) => name)).size).toBe(contractChecks.length);
});
