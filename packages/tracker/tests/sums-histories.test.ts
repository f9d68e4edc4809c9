import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, SUMS_LENGTH } from '../src/index.js';
import { add, sumsOf } from './trackers-of-one-memory.js';

/*
 * Random histories of several trackers of one memory, compared with what an omniscient bookkeeper adds up.
 */

describe('any history of three trackers with two slots', () => {
  const index = fc.constantFrom(0, 1, 15, 16, 17, 100, SUMS_LENGTH - 1);
  const tracker = fc.nat(2);
  const name = fc.constantFrom('a', 'b');
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.record({ act: fc.constant('add' as const), tracker, name, index }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('flush' as const), tracker }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('close' as const), tracker }) },
    { weight: 3, arbitrary: fc.record({ act: fc.constant('read' as const), tracker, name }) },
  );

  it('gives the sums of what was added by whoever published, and of what the reader added himself', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
        const first = createTracker({ operations: ['top-k'], maxWriters: 2, maxSums: 2 });
        const trackers = [first, attachTracker(first.share()), attachTracker(first.share())];
        const published = { a: new Float64Array(SUMS_LENGTH), b: new Float64Array(SUMS_LENGTH) };
        const kept = trackers.map(() => ({ a: new Float64Array(SUMS_LENGTH), b: new Float64Array(SUMS_LENGTH) }));
        const publish = (by: number): void => {
          for (const each of ['a', 'b'] as const) {
            for (let i = 0; i < SUMS_LENGTH; i++) published[each][i] += kept[by][each][i];
            kept[by][each].fill(0);
          }
        };
        const expectTotal = (by: number, each: 'a' | 'b'): void => {
          const expected = published[each].map((number, i) => number + kept[by][each][i]);
          const total = sumsOf(trackers[by], each).total();
          // One comparison a number would be most of the test's time.
          const wrong = expected.findIndex((number, i) => total[i] !== number);
          if (wrong !== -1) expect([wrong, total[wrong]]).toEqual([wrong, expected[wrong]]);
        };
        let amount = 1;
        for (const step of acts) {
          const by = trackers[step.tracker];
          if (step.act === 'add') {
            add(sumsOf(by, step.name), step.index, ++amount);
            kept[step.tracker][step.name][step.index] += amount;
          } else if (step.act === 'read') {
            expectTotal(step.tracker, step.name);
          } else {
            const isPublished = by.flush();
            if (isPublished) publish(step.tracker);
            if (step.act === 'close') by.close();
          }
        }
        for (const by of trackers.keys()) for (const each of ['a', 'b'] as const) expectTotal(by, each);
      }),
      { seed: 20261123, numRuns: 400 },
    );
  });
});
