import { effort } from '@gearshift/vitest-config/effort';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker } from '../src/index.js';

const LONGEST_MS = 1e9;

/** The means after each latency, as they should be: sums of whole nanoseconds without rounding. */
function meansOf(latenciesMs: readonly number[], windowSize: number): number[] {
  return latenciesMs.map((_, index) => {
    const window = latenciesMs.slice(Math.max(0, index + 1 - windowSize), index + 1);
    const sumNs = window.reduce((sum, ms) => sum + BigInt(Math.round(ms * 1e6)), 0n);
    return Number(sumNs / BigInt(window.length)) / 1e6;
  });
}

function expectClose(meanMs: number, rightMs: number): void {
  // A nanosecond, because the right mean is cut to whole ones.
  expect(Math.abs(meanMs - rightMs)).toBeLessThanOrEqual(1e-6 + 1e-12 * rightMs);
}

/** Of a tracker. Mutated sources count each statement, which takes a hundred times as long as a record; they get a smaller one. */
const LARGEST_WINDOW = effort({ test: 65_536, ci: 65_536, mutation: 1_024 });
const RECORDS = LARGEST_WINDOW + 4_464;

/** Bursts of the longest latencies, each followed by more short ones than a window holds. */
const BURSTS = Array.from({ length: 600 }, (_, index) =>
  index % 200 < 40 ? LONGEST_MS - 1e-6 * (2 * index + 1) : 0.001 * (index + 1),
);

describe('the mean of a window that had the longest latencies', () => {
  it.each([1, 5, 32, 100, 150])('is right after each record, with a window of %i', (windowSize) => {
    const tracker = createTracker({ operations: ['lookup'], devices: ['primary'], windowSize });
    const means = meansOf(BURSTS, windowSize);
    for (const [index, latencyMs] of BURSTS.entries()) {
      tracker.record({ operation: 'lookup', device: 'primary', outcome: 'success', latencyMs });
      expectClose(tracker.snapshot('lookup').devices['primary'].avgMs, means[index]);
    }
  });

  it('is right when it is read seldom, and with the largest window', () => {
    for (const windowSize of [100, LARGEST_WINDOW]) {
      const tracker = createTracker({ operations: ['lookup'], devices: ['primary'], windowSize });
      const latenciesMs = Array.from({ length: 2 * RECORDS }, (_, i) => (i < RECORDS ? LONGEST_MS - 1e-6 : 0.25));
      for (const latencyMs of latenciesMs) {
        tracker.record({ operation: 'lookup', device: 'primary', outcome: 'success', latencyMs });
      }
      expect(tracker.snapshot('lookup').devices['primary'].avgMs).toBe(0.25);
    }
  });

  it('is right for all threads together, whichever thread recorded them', () => {
    const windowSize = 50;
    const own = createTracker({ operations: ['lookup'], devices: ['primary'], windowSize });
    const others = [1, 2].map(() => attachTracker(own.share()));
    const writers = [own, ...others];
    const record = (writer: number, latencyMs: number) => {
      writers[writer].record({ operation: 'lookup', device: 'primary', outcome: 'success', latencyMs });
      writers[writer].flush();
    };
    const means = () => writers.map((tracker) => tracker.snapshot('lookup').devices['primary'].avgMs);
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 3 * windowSize; i++) {
        const writer = i % 3;
        record(writer, (i + round) % 4 === 0 ? LONGEST_MS - 1e-6 * (2 * i + 1) : 0.001);
        for (const meanMs of means()) expect(meanMs).toBeGreaterThan(0);
      }
      for (let i = 0; i < 3 * windowSize; i++) record(i % 3, 0.001);
      for (const meanMs of means()) expect(meanMs).toBe(0.001);
    }
    others[0].close();
    record(1, 0.001);
    for (const meanMs of means()) expect(meanMs).toBe(0.001);
  });

  it('is right for a reader that takes a slot while others have them', () => {
    const own = createTracker({ operations: ['lookup'], devices: ['primary'], windowSize: 10 });
    const other = attachTracker(own.share());
    const record = (tracker: typeof own, latencyMs: number) => {
      tracker.record({ operation: 'lookup', device: 'primary', outcome: 'success', latencyMs });
      tracker.flush();
    };
    for (let i = 0; i < 10; i++) record(other, LONGEST_MS - 1e-6);
    own.snapshot('lookup');
    record(own, 0.5);
    for (let i = 0; i < 10; i++) record(other, 0.5);
    expect(own.snapshot('lookup').devices['primary'].avgMs).toBe(0.5);
  });
});

it('adds up the longest latencies of failures and successes without a negative total', () => {
  const tracker = createTracker({ operations: ['lookup'], devices: ['primary'] });
  for (let i = 0; i < 20_000; i++) {
    const outcome = i % 2 === 0 ? 'success' : 'timeout';
    tracker.record({ operation: 'lookup', device: 'primary', outcome, latencyMs: LONGEST_MS });
  }
  const { totalMs, lostMs } = tracker.totals('lookup').devices['primary'];
  expect(totalMs / 1e13).toBeCloseTo(1, 9);
  expect(lostMs / 1e13).toBeCloseTo(1, 9);
});
