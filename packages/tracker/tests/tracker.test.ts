import type { AttemptOutcome, AttemptReport } from '@gearshift/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, NO_METRICS, TRACKER_DEFAULTS, type Tracker } from '../src/index.js';

const OPERATION = 'top-k';
const tracker = (windowSize = 4): Tracker => createTracker({ windowSize, operations: [OPERATION, 'other'] });
const attempt = (parts: Partial<AttemptReport>): AttemptReport => ({
  operation: OPERATION,
  backend: 'cpu',
  device: 'cpu',
  outcome: 'success',
  latencyMs: 1,
  fallback: false,
  ...parts,
});

describe('what the original promised', () => {
  it('knows nothing at first: speedup 0, success rate 1', () => {
    expect(tracker().snapshot(OPERATION)).toEqual(NO_METRICS);
  });

  it('says by how much the GPU is faster once both are known', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 6);
    expect(t.snapshot(OPERATION).speedup).toBe(0);
    t.recordGpuSuccess(OPERATION, 2);
    expect(t.snapshot(OPERATION)).toMatchObject({ cpuAvgMs: 6, gpuAvgMs: 2, speedup: 3, successRate: 1 });
  });

  it('forgets what left the window, but not what counts for life', () => {
    const t = tracker(2);
    t.recordGpuFailure(OPERATION);
    for (const latencyMs of [100, 10, 20]) t.recordGpuSuccess(OPERATION, latencyMs);
    expect(t.snapshot(OPERATION)).toMatchObject({
      gpuAvgMs: 15,
      gpuWindowCount: 2,
      gpuCount: 3,
      gpuFailureCount: 1,
      successRate: 1,
      lifetimeSuccessRate: 0.75,
    });
  });

  it('counts running out of memory as a failure, and as such', () => {
    const t = tracker();
    t.recordOutOfMemory(OPERATION);
    t.recordGpuSuccess(OPERATION, 1);
    expect(t.snapshot(OPERATION)).toMatchObject({ oomCount: 1, gpuFailureCount: 1, successRate: 0.5 });
  });

  it('keeps operations apart', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 6);
    expect(t.snapshot('other')).toEqual(NO_METRICS);
  });

  it('answers single questions from the snapshot', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 6);
    t.recordGpuSuccess(OPERATION, 2);
    t.recordGpuFailure(OPERATION);
    const snapshot = t.snapshot(OPERATION);
    expect(t.gpuSpeedup(OPERATION)).toBe(snapshot.speedup);
    expect(t.gpuSuccessRate(OPERATION)).toBe(snapshot.successRate);
    expect(t.averageCpuLatency(OPERATION)).toBe(snapshot.cpuAvgMs);
    expect(t.averageGpuLatency(OPERATION)).toBe(snapshot.gpuAvgMs);
  });
});

describe('record', () => {
  const FAILURES: AttemptOutcome[] = ['fault', 'timeout', 'device-lost', 'invalid-result', 'unsupported'];

  it.each(FAILURES)('counts %s as a failure of the device that ran it', (outcome) => {
    const t = tracker();
    t.record(attempt({ outcome, device: 'gpu' }));
    t.record(attempt({ outcome }));
    expect(t.snapshot(OPERATION)).toMatchObject({ gpuFailureCount: 1, cpuFailureCount: 1, oomCount: 0, version: 2 });
  });

  it.each(['aborted', 'invalid-input'] as const)('learns nothing about a device from %s', (outcome) => {
    const t = tracker();
    t.record(attempt({ outcome, device: 'gpu' }));
    expect(t.snapshot(OPERATION)).toEqual(NO_METRICS);
  });

  it('does as the single methods do', () => {
    const one = tracker();
    const other = tracker();
    one.record(attempt({ latencyMs: 3 }));
    one.record(attempt({ latencyMs: 2, device: 'gpu' }));
    one.record(attempt({ outcome: 'out-of-memory', device: 'gpu' }));
    one.record(attempt({ latencyMs: 5, fallback: true }));
    other.recordCpuLatency(OPERATION, 3);
    other.recordGpuSuccess(OPERATION, 2);
    other.recordOutOfMemory(OPERATION);
    other.recordFallback(OPERATION);
    other.recordCpuLatency(OPERATION, 5);
    const { cpuLastSampleAtMs: a, gpuLastSampleAtMs: b, ...mine } = one.snapshot(OPERATION);
    const { cpuLastSampleAtMs: c, gpuLastSampleAtMs: d, ...theirs } = other.snapshot(OPERATION);
    expect(mine).toEqual(theirs);
    expect([a, b, c, d].every((atMs) => typeof atMs === 'number')).toBe(true);
  });
});

describe('a snapshot', () => {
  it('is frozen, plain, and does not change when more is recorded', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 1);
    const before = t.snapshot(OPERATION);
    const copy = { ...before };
    t.recordCpuLatency(OPERATION, 100);
    expect(Object.isFrozen(before)).toBe(true);
    expect(Object.getPrototypeOf(before)).toBe(Object.prototype);
    expect(before).toEqual(copy);
    expect(structuredClone(before)).toEqual(copy);
  });

  it('is the same object while nothing changes', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 1);
    expect(t.snapshot(OPERATION)).toBe(t.snapshot(OPERATION));
  });

  it('agrees with an exact account of the window, and its percentiles to within a quarter', () => {
    const latencies = fc.array(fc.double({ min: 0.002, max: 10_000, noNaN: true }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), latencies, (windowSize, all) => {
        const t = tracker(windowSize);
        for (const latencyMs of all) t.recordCpuLatency(OPERATION, latencyMs);
        const window = all.slice(-windowSize).sort((a, b) => a - b);
        const { cpuAvgMs, cpuP50Ms, cpuP99Ms, cpuCount, cpuWindowCount } = t.snapshot(OPERATION);
        expect(cpuAvgMs).toBeCloseTo(window.reduce((sum, ms) => sum + ms, 0) / window.length, 5);
        expect([cpuCount, cpuWindowCount]).toEqual([all.length, window.length]);
        for (const [share, measured] of [[0.5, cpuP50Ms] as const, [0.99, cpuP99Ms] as const]) {
          const exact = window[Math.ceil(share * window.length) - 1];
          expect(Math.abs(measured / exact - 1)).toBeLessThanOrEqual(0.26);
        }
      }),
      { seed: 20261123, numRuns: 300 },
    );
  });
});

describe('bad input', () => {
  const bad: [string, () => unknown, string][] = [
    ['an unknown operation', () => tracker().snapshot('nothing'), 'operation: expected one of top-k, other'],
    ['a negative latency', () => tracker().recordCpuLatency(OPERATION, -1), 'latencyMs: expected a number of'],
    ['NaN', () => tracker().recordGpuSuccess(OPERATION, NaN), 'latencyMs: expected a number of'],
    ['a string', () => tracker().recordGpuSuccess(OPERATION, '1' as never), 'latencyMs: expected a number of'],
    ['a window of none', () => createTracker({ windowSize: 0 }), 'windowSize: expected'],
    ['no operations', () => createTracker({ operations: [] }), 'operations: expected at least one'],
    ['an operation twice', () => createTracker({ operations: ['a', 'a'] }), 'operations[1]: expected'],
    ['too many writers', () => createTracker({ maxWriters: 5000 }), 'maxWriters: expected'],
    ['a handle of something else', () => attachTracker({} as never), 'handle.buffer: expected a SharedArrayBuffer'],
    [
      'a handle of another version',
      () => attachTracker({ ...tracker().share(), layoutVersion: 99 }),
      'handle.layoutVersion: expected',
    ],
    [
      'a handle with memory of another length',
      () => attachTracker({ ...tracker().share(), buffer: new SharedArrayBuffer(64) }),
      'handle.buffer.byteLength: expected',
    ],
    ['its own thread', () => tracker().release(0), 'threadId: expected that of a thread that has ended'],
    ['no attempt', () => tracker().record(undefined as never), 'attempt: expected'],
    [
      'a device of another kind',
      () => tracker().record(attempt({ device: 'tpu' as never })),
      'attempt.device: expected',
    ],
  ];

  it.each(bad)('%s is refused with the name of the argument', (_name, act, message) => {
    let thrown: unknown;
    try {
      act();
    } catch (error) {
      thrown = error;
    }
    expect(thrown instanceof TypeError || thrown instanceof RangeError).toBe(true);
    expect((thrown as Error).message).toContain(message);
  });

  it('changes nothing', () => {
    const t = tracker();
    expect(() => t.recordCpuLatency(OPERATION, NaN)).toThrow();
    expect(t.snapshot(OPERATION)).toEqual(NO_METRICS);
  });
});

describe('several trackers of one memory', () => {
  it('see what each other published, and their own at once', () => {
    const one = tracker();
    const other = attachTracker(one.share());
    one.recordCpuLatency(OPERATION, 2);
    expect(other.snapshot(OPERATION).cpuCount).toBe(0);
    expect(one.flush()).toBe(true);
    other.recordCpuLatency(OPERATION, 4);
    expect(other.snapshot(OPERATION)).toMatchObject({ cpuCount: 2, cpuAvgMs: 3 });
  });

  it('publish with the 32nd record, and at the end of the turn', async () => {
    const one = tracker(100);
    const other = attachTracker(one.share());
    for (let i = 0; i < 33; i++) one.recordCpuLatency(OPERATION, 1);
    expect(other.snapshot(OPERATION).cpuCount).toBe(32);
    await Promise.resolve();
    expect(other.snapshot(OPERATION).cpuCount).toBe(33);
  });

  it('keep what they cannot publish when all slots are taken, until one is free', () => {
    const first = createTracker({ operations: [OPERATION], maxWriters: 1 });
    const second = attachTracker(first.share());
    first.recordCpuLatency(OPERATION, 1);
    expect(first.flush()).toBe(true);
    second.recordCpuLatency(OPERATION, 1);
    expect(second.flush()).toBe(false);
    expect(second.snapshot(OPERATION).cpuCount).toBe(2);
    expect(first.snapshot(OPERATION).cpuCount).toBe(1);
    first.close();
    expect(second.flush()).toBe(true);
    expect(first.snapshot(OPERATION).cpuCount).toBe(2);
  });

  it('pass on what they counted for life when they close', () => {
    const first = createTracker({ operations: [OPERATION], maxWriters: 1 });
    const second = attachTracker(first.share());
    first.recordOutOfMemory(OPERATION);
    first.close();
    second.recordOutOfMemory(OPERATION);
    second.close();
    first.recordOutOfMemory(OPERATION);
    first.flush();
    expect(second.snapshot(OPERATION).oomCount).toBe(3);
    expect(first.snapshot(OPERATION).oomCount).toBe(3);
  });
});

it('has the defaults that it says', () => {
  const t = createTracker();
  expect(t.windowSize).toBe(TRACKER_DEFAULTS.windowSize);
  expect(t.operations).toEqual(['cosine-similarity', 'top-k', 'spread-activation']);
});
