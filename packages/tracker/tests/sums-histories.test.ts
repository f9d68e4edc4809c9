import { effort } from '@gearshift/vitest-config/effort';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, SUMS_LENGTH, type Tracker } from '../src/index.js';
import { add, sumsOf } from './trackers-of-one-memory.js';

/*
 * Random histories of several trackers of one memory, compared with what an omniscient bookkeeper adds up. The first tracker
 * is alone until another one is used.
 */

const NAMES = ['a', 'b'] as const;
type Name = (typeof NAMES)[number];
type Act =
  | { readonly act: 'add'; readonly tracker: number; readonly name: Name; readonly index: number }
  | { readonly act: 'flush'; readonly tracker: number }
  | { readonly act: 'close'; readonly tracker: number }
  | { readonly act: 'read'; readonly tracker: number; readonly name: Name };

const zeros = () => ({ a: new Float64Array(SUMS_LENGTH), b: new Float64Array(SUMS_LENGTH) });

function replay(acts: readonly Act[]): void {
  const trackers: Tracker[] = [createTracker({ operations: ['top-k'], maxWriters: 2, maxSums: 2 })];
  const published = zeros();
  const kept = [zeros(), zeros(), zeros()];
  const publish = (by: number): void => {
    for (const each of NAMES) {
      for (let i = 0; i < SUMS_LENGTH; i++) published[each][i] += kept[by][each][i];
      kept[by][each].fill(0);
    }
  };
  const tracker = (index: number): Tracker => {
    if (trackers.length === 1 && index > 0) {
      const handle = trackers[0].share();
      // What the first one added so far is published by that, and its own share stays as it is.
      trackers.push(attachTracker(handle), attachTracker(handle));
      publish(0);
    }
    return trackers[index];
  };
  const expectTotal = (by: number, each: Name): void => {
    const total = sumsOf(tracker(by), each).total();
    const expected = published[each].map((number, i) => number + kept[by][each][i]);
    // One comparison a number would be most of the test's time.
    const wrong = expected.findIndex((number, i) => total[i] !== number);
    if (wrong !== -1) expect([wrong, total[wrong]]).toEqual([wrong, expected[wrong]]);
  };
  let amount = 1;
  for (const step of acts) {
    const by = tracker(step.tracker);
    if (step.act === 'add') {
      add(sumsOf(by, step.name), step.index, ++amount);
      kept[step.tracker][step.name][step.index] += amount;
    } else if (step.act === 'read') {
      expectTotal(step.tracker, step.name);
    } else {
      const isPublished = by.flush();
      if (isPublished && trackers.length > 1) publish(step.tracker);
      if (step.act === 'close') by.close();
    }
  }
  for (const by of kept.keys()) for (const each of NAMES) expectTotal(by, each);
}

describe('sums of three trackers of one memory with two slots', () => {
  const index = fc.constantFrom(0, 1, 15, 16, 17, 100, SUMS_LENGTH - 1);
  const name = fc.constantFrom(...NAMES);
  const actOf = (tracker: fc.Arbitrary<number>) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ act: fc.constant('add' as const), tracker, name, index }) },
      { weight: 2, arbitrary: fc.record({ act: fc.constant('flush' as const), tracker }) },
      { weight: 2, arbitrary: fc.record({ act: fc.constant('close' as const), tracker }) },
      { weight: 3, arbitrary: fc.record({ act: fc.constant('read' as const), tracker, name }) },
    );
  const together = fc.array(actOf(fc.nat(2)), { maxLength: 80 });
  const alone = fc.array(actOf(fc.constant(0)), { maxLength: 20 });
  const history = fc.tuple(alone, together).map((parts) => parts.flat());

  it('totals contain what was published and what the reader added itself, in any history', () => {
    fc.assert(fc.property(together, replay), { seed: 20261123, numRuns: effort({ test: 400, ci: 400 }) });
  });

  it('totals are the same when the first tracker is not shared for a while', () => {
    fc.assert(fc.property(history, replay), { seed: 20261124, numRuns: effort({ test: 200, ci: 200 }) });
  });
});
