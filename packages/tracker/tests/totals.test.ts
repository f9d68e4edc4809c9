import { describe, expect, test } from 'vitest';
import { attachTracker, createTracker, LATENCY_BOUNDS_MS } from '../src/index.js';
import { createRandom } from './create-random.js';

const OPERATION = 'top-k';
const attempt = (
  device: 'cpu' | 'gpu',
  outcome: 'success' | 'fault' | 'out-of-memory' | 'aborted',
  latencyMs: number,
) => ({ operation: OPERATION, backend: device, device, outcome, latencyMs, fallback: false }) as const;

/** The place in the histogram, found by looking at the bounds one by one. */
const placeOf = (latencyMs: number) => {
  const above = LATENCY_BOUNDS_MS.findIndex((boundMs) => Math.floor(latencyMs * 1e6 + 0.5) < boundMs * 1e6);
  return above < 0 ? LATENCY_BOUNDS_MS.length : above;
};

describe('totals', () => {
  test('the histogram of totals has bounds that double, from 10 microseconds to 10 seconds', () => {
    expect([LATENCY_BOUNDS_MS[0], LATENCY_BOUNDS_MS.at(-1)]).toEqual([0.008_192, 17_179.869_184]);
    expect(LATENCY_BOUNDS_MS[0]).toBeLessThanOrEqual(0.01);
    expect(LATENCY_BOUNDS_MS.at(-1)).toBeGreaterThanOrEqual(10_000);
    for (let i = 1; i < LATENCY_BOUNDS_MS.length; i++) expect(LATENCY_BOUNDS_MS[i]).toBe(2 * LATENCY_BOUNDS_MS[i - 1]);
  });

  test('totals are zeros at first', () => {
    const { cpu, gpu } = createTracker().totals(OPERATION).devices;
    expect(cpu).toEqual(gpu);
    expect(cpu).toMatchObject({ successes: 0, failures: 0, totalMs: 0, lostMs: 0 });
    expect(cpu.counts).toEqual(new Array(LATENCY_BOUNDS_MS.length + 1).fill(0));
  });

  test('totals count everything, whatever the window holds', () => {
    const tracker = createTracker({ windowSize: 10 });
    const random = createRandom(3);
    const expected = { cpu: new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0), totalNs: 0 };
    for (let i = 0; i < 5000; i++) {
      const latencyMs = 10 ** (random(10_000) / 1000 - 5);
      tracker.recordCpuLatency(OPERATION, latencyMs);
      expected.cpu[placeOf(latencyMs)] += 1;
      expected.totalNs += Math.floor(latencyMs * 1e6 + 0.5);
      if (i % 617 === 0) expect(tracker.totals(OPERATION).devices.cpu.counts).toEqual(expected.cpu);
    }
    const { cpu, gpu } = tracker.totals(OPERATION).devices;
    expect(cpu.counts).toEqual(expected.cpu);
    expect(cpu.totalMs).toBe(expected.totalNs / 1e6);
    expect(cpu.successes).toBe(5000);
    expect(gpu.successes).toBe(0);
  });

  test('totals count a latency at a bound above it', () => {
    const tracker = createTracker();
    for (const [place, boundMs] of LATENCY_BOUNDS_MS.entries()) {
      const before = tracker.totals(OPERATION).devices.gpu.counts[place + 1];
      tracker.recordGpuSuccess(OPERATION, boundMs);
      expect(tracker.totals(OPERATION).devices.gpu.counts[place + 1]).toBe(before + 1);
    }
  });

  test('totals count the time of failed attempts as lost, but not that of aborted ones', () => {
    const tracker = createTracker();
    tracker.record(attempt('gpu', 'fault', 5));
    tracker.record(attempt('gpu', 'out-of-memory', 2.5));
    tracker.record(attempt('cpu', 'fault', 1));
    tracker.record(attempt('gpu', 'aborted', 100));
    tracker.recordGpuFailure(OPERATION);
    expect(tracker.totals(OPERATION).devices).toMatchObject({
      cpu: { failures: 1, lostMs: 1 },
      gpu: { failures: 3, lostMs: 7.5, successes: 0 },
    });
  });

  test('totals of one device include no latency of another one', () => {
    const tracker = createTracker({ operations: ['lookup'], devices: ['primary', 'replica'] });
    tracker.record({ operation: 'lookup', device: 'primary', outcome: 'success', latencyMs: 60_000 });
    tracker.record({ operation: 'lookup', device: 'replica', outcome: 'success', latencyMs: 0 });
    const { primary, replica } = tracker.totals('lookup').devices;
    const last = primary.counts.length - 1;
    expect(primary.counts).toEqual(primary.counts.map((_, bound) => (bound === last ? 1 : 0)));
    expect(replica.counts).toEqual(replica.counts.map((_, bound) => (bound === 0 ? 1 : 0)));
  });

  test('totals include all threads, and those that have ended', () => {
    const tracker = createTracker({ maxWriters: 3 });
    // Each takes the slot of the one before, and counts on from there.
    for (let writer = 0; writer < 4; writer++) {
      const other = attachTracker(tracker.share());
      for (let i = 0; i < 40; i++) other.recordGpuSuccess(OPERATION, 2 ** (i % 12) / 100);
      other.record(attempt('gpu', 'fault', 3));
      other.close();
      tracker.recordGpuSuccess(OPERATION, 0.5);
    }
    const { gpu } = tracker.totals(OPERATION).devices;
    expect(gpu).toMatchObject({ successes: 4 * 41, failures: 4, lostMs: 12 });
    expect(gpu.counts.reduce((sum, count) => sum + count)).toBe(4 * 41);
    const elsewhere = attachTracker(tracker.share());
    tracker.flush();
    expect(elsewhere.totals(OPERATION)).toEqual(tracker.totals(OPERATION));
  });
});
