import { effort } from '@gearshift/vitest-config/effort';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTracker, type MetricsSnapshot } from '../src/index.js';
import { percentilesMs } from '../src/log-buckets.js';
import { exactPercentile } from './account.js';

const OPERATION = 'top-k';

/** The middle of the bucket that a latency falls into: what a percentile of one sample is. */
function middleMs(latencyMs: number): number {
  return snapshotOf([latencyMs], 1).cpuP50Ms;
}

function snapshotOf(latenciesMs: readonly number[], windowSize: number): MetricsSnapshot {
  const tracker = createTracker({ windowSize, operations: [OPERATION] });
  for (const latencyMs of latenciesMs) tracker.recordCpuLatency(OPERATION, latencyMs);
  return tracker.snapshot(OPERATION);
}

describe('latency buckets', () => {
  it('latency buckets begin and end at the documented nanosecond', () => {
    // Quarters of doublings from 2^10 ns to 2^39 ns, as the documentation says.
    for (let doubling = 10; doubling < 39; doubling++) {
      for (let quarter = 4; quarter < 8; quarter++) {
        const startNs = quarter * 2 ** (doubling - 2);
        const endNs = (quarter + 1) * 2 ** (doubling - 2);
        const expectedMs = (startNs + endNs) / 2 / 1e6;
        expect(middleMs(startNs / 1e6)).toBe(expectedMs);
        expect(middleMs((endNs - 1) / 1e6)).toBe(expectedMs);
      }
    }
  });

  it('the first bucket counts everything below a microsecond, zero included', () => {
    for (const latencyMs of [0, -0, 1e-9, 1e-6, 0.000_256, 0.001, 0.001_023])
      expect(middleMs(latencyMs)).toBe(0.000_512);
  });

  it('the last bucket counts everything above nine minutes', () => {
    const last = middleMs(500_000);
    expect(last).toBeGreaterThan(480_000);
    for (const latencyMs of [549_755, 600_000, 1e8, 1e9]) expect(middleMs(latencyMs)).toBe(last);
  });
});

describe('percentiles', () => {
  it('percentiles of any samples are right to within a quarter', () => {
    const latencyMs = fc.oneof(
      fc.double({ min: 0.001_03, max: 500_000, noNaN: true }),
      // As latencies really are: near each other.
      fc.double({ min: 1, max: 1.3, noNaN: true }),
    );
    const samples = fc.array(latencyMs, { minLength: 1, maxLength: 150 });
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 120 }), (latenciesMs, windowSize) => {
        const { cpuP50Ms, cpuP95Ms, cpuP99Ms } = snapshotOf(latenciesMs, windowSize);
        const window = latenciesMs.slice(-windowSize);
        for (const [share, measured] of [
          [0.5, cpuP50Ms],
          [0.95, cpuP95Ms],
          [0.99, cpuP99Ms],
        ]) {
          const exact = exactPercentile(window, share);
          expect(measured).toBeGreaterThanOrEqual(exact * 0.75);
          expect(measured).toBeLessThanOrEqual(exact * 1.25);
        }
        expect(cpuP50Ms).toBeLessThanOrEqual(cpuP95Ms);
        expect(cpuP95Ms).toBeLessThanOrEqual(cpuP99Ms);
      }),
      { seed: 20261123, numRuns: effort({ test: 300, ci: 300 }) },
    );
  });

  it('percentiles are interpolated within a bucket by their share of its samples', () => {
    // One bucket of 2^20 to 1.25 * 2^20 ns.
    const latenciesMs = Array.from({ length: 100 }, () => 2 ** 20 / 1e6);
    const { cpuP50Ms, cpuP99Ms } = snapshotOf(latenciesMs, 100);
    expect(cpuP50Ms).toBeCloseTo((2 ** 20 * (1 + 0.25 * 0.5)) / 1e6, 9);
    expect(cpuP99Ms).toBeCloseTo((2 ** 20 * (1 + 0.25 * 0.99)) / 1e6, 9);
  });

  it('percentiles are computed from the sum of two histograms, and are 0 without samples', () => {
    const first = Float64Array.of(9, 9, 1, 0);
    const second = Float64Array.of(9, 9, 0, 1);
    const result = new Float64Array(2);
    percentilesMs(first, second, 2, 0, 2, 2, [0.5, 1], result);
    // The end of the first bucket, and of the second.
    expect([...result]).toEqual([0.001_024, 0.001_28]);
    percentilesMs(first, second, 2, 0, 0, 0, [0.5, 1], result);
    expect([...result]).toEqual([0, 0]);
  });
});
