import { attachTracker, createTracker, type SharedSums, type Tracker } from '../src/index.js';

export const NAME = 'a line';

/** Two trackers of one memory. */
export function trackersOfOneMemory(maxWriters = 4): [Tracker, Tracker] {
  const first = createTracker({ operations: ['top-k'], maxWriters });
  return [first, attachTracker(first.share())];
}

export function sumsOf(tracker: Tracker, name = NAME): SharedSums {
  const sums = tracker.sums(name);
  if (sums === undefined) throw new Error('there was room');
  return sums;
}

/** Adds to this thread's share, as code that learns does it. */
export function add(sums: SharedSums, index: number, amount: number): void {
  sums.own[index] += amount;
  sums.changed(index, index + 1);
}
