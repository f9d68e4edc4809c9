import { EventEmitter } from 'node:events';
import { threadId } from 'node:worker_threads';
import type { AttemptOutcome, AttemptReport } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, NO_METRICS, type MetricsSnapshot, type Tracker } from '../src/index.js';

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

describe('the snapshot of an operation', () => {
  it('a snapshot has speedup 0 and success rate 1 before anything is recorded', () => {
    expect(tracker().snapshot(OPERATION)).toEqual(NO_METRICS);
  });

  it('a snapshot has the speedup of the GPU once both latencies are known', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 6);
    expect(t.snapshot(OPERATION).speedup).toBe(0);
    t.recordGpuSuccess(OPERATION, 2);
    expect(t.snapshot(OPERATION)).toMatchObject({ cpuAvgMs: 6, gpuAvgMs: 2, speedup: 3, successRate: 1 });
  });

  it('a snapshot leaves out samples that left the window, but keeps the lifetime counts', () => {
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

  it('a snapshot has new percentiles when samples replace others in a full window', () => {
    const t = tracker(2);
    for (const latencyMs of [1, 1]) t.recordCpuLatency(OPERATION, latencyMs);
    expect(t.snapshot(OPERATION).cpuP99Ms).toBeLessThan(1.25);
    for (const latencyMs of [64, 64]) t.recordCpuLatency(OPERATION, latencyMs);
    const { cpuP50Ms, cpuP95Ms, cpuP99Ms } = t.snapshot(OPERATION);
    for (const percentileMs of [cpuP50Ms, cpuP95Ms, cpuP99Ms]) {
      expect(percentileMs).toBeGreaterThan(48);
      expect(percentileMs).toBeLessThan(80);
    }
  });

  it('running out of memory is counted as a failure, and separately', () => {
    const t = tracker();
    t.recordOutOfMemory(OPERATION);
    t.recordGpuSuccess(OPERATION, 1);
    expect(t.snapshot(OPERATION)).toMatchObject({ oomCount: 1, gpuFailureCount: 1, successRate: 0.5 });
  });

  it('the snapshot of an operation is not affected by other operations', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 6);
    expect(t.snapshot('other')).toEqual(NO_METRICS);
  });

  it('gpuSpeedup() and the other shortcuts return the values of the snapshot', () => {
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

  it.each(FAILURES)('record() counts %s as a failure of the device that ran it', (outcome) => {
    const t = tracker();
    t.record(attempt({ outcome, device: 'gpu' }));
    t.record(attempt({ outcome }));
    expect(t.snapshot(OPERATION)).toMatchObject({ gpuFailureCount: 1, cpuFailureCount: 1, oomCount: 0, version: 2 });
  });

  it.each(['aborted', 'invalid-input'] as const)(
    'record() counts nothing for a device when the outcome is %s',
    (outcome) => {
      const t = tracker();
      t.record(attempt({ outcome, device: 'gpu' }));
      expect(t.snapshot(OPERATION)).toEqual(NO_METRICS);
    },
  );

  it('record() counts a fallback, whatever its outcome', () => {
    const t = tracker();
    for (const outcome of ['success', 'aborted', 'fault', 'invalid-input'] as const) {
      t.record(attempt({ outcome, fallback: true }));
    }
    expect(t.snapshot(OPERATION)).toMatchObject({ fallbackCount: 4, cpuCount: 1, cpuFailureCount: 1 });
  });

  it('record() records the same as the methods for single facts', () => {
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
    const { cpuLastSampleAtMs: a, gpuLastSampleAtMs: b, devices, ...mine } = one.snapshot(OPERATION);
    const { cpuLastSampleAtMs: c, gpuLastSampleAtMs: d, devices: theirDevices, ...theirs } = other.snapshot(OPERATION);
    expect(mine).toEqual(theirs);
    expect([a, b, c, d].every((atMs) => typeof atMs === 'number')).toBe(true);
    const withoutTime = ({ cpu, gpu, remote }: MetricsSnapshot['devices']) =>
      [cpu, gpu, remote].map((metrics) => ({ ...metrics, lastSampleAtMs: null }));
    expect(withoutTime(devices)).toEqual(withoutTime(theirDevices));
  });
});

describe('a snapshot', () => {
  it('a snapshot is frozen, plain, and does not change when more is recorded', () => {
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

  it('snapshot() returns the same object while nothing changes', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 1);
    expect(t.snapshot(OPERATION)).toBe(t.snapshot(OPERATION));
  });

  it('a snapshot can be written by hand', () => {
    const byHand: MetricsSnapshot = { ...NO_METRICS, speedup: 2 };
    expect(Object.keys(tracker().snapshot(OPERATION))).toEqual(Object.keys(byHand));
    expect(Object.isFrozen(NO_METRICS)).toBe(true);
  });

  it('a snapshot has the time of the last sample of each device, on the clock of the tracker', () => {
    const t = tracker();
    const before = t.nowMs();
    t.recordCpuLatency(OPERATION, 5);
    const { cpuLastSampleAtMs, gpuLastSampleAtMs } = t.snapshot(OPERATION);
    expect(gpuLastSampleAtMs).toBeNull();
    expect(cpuLastSampleAtMs).toBeGreaterThanOrEqual(before);
    expect(cpuLastSampleAtMs).toBeLessThanOrEqual(t.nowMs());
  });

  it('a snapshot has speedup 0 while the GPU is too fast for the clock', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 5);
    t.recordGpuSuccess(OPERATION, 0);
    expect(t.snapshot(OPERATION)).toMatchObject({ gpuCount: 1, gpuAvgMs: 0, speedup: 0 });
  });
});

describe('a tracker', () => {
  const ended = { threadId: -1, once: () => undefined };
  const LATENCY = 'latencyMs: expected a number of milliseconds from 0 to 1000000000, got';
  const WRONG: readonly [string, typeof TypeError | typeof RangeError, (t: Tracker) => unknown][] = [
    ["operation: expected one of top-k, other, got 'nothing'", RangeError, (t) => t.snapshot('nothing')],
    ['operation: expected one of top-k, other, got undefined', RangeError, (t) => t.gpuSpeedup(undefined as never)],
    ['operation: expected one of top-k, other', RangeError, (t) => t.recordCpuLatency('nothing', 1)],
    ['operation: expected one of top-k, other', RangeError, (t) => t.recordGpuSuccess('nothing', 1)],
    ['operation: expected one of top-k, other', RangeError, (t) => t.recordGpuFailure('nothing')],
    ['operation: expected one of top-k, other', RangeError, (t) => t.recordOutOfMemory('nothing')],
    ['operation: expected one of top-k, other', RangeError, (t) => t.recordFallback('nothing')],
    [`${LATENCY} -1`, RangeError, (t) => t.recordCpuLatency(OPERATION, -1)],
    [`${LATENCY} NaN`, RangeError, (t) => t.recordGpuSuccess(OPERATION, NaN)],
    [`${LATENCY} Infinity`, RangeError, (t) => t.recordCpuLatency(OPERATION, Infinity)],
    [`${LATENCY} 1000000001`, RangeError, (t) => t.recordCpuLatency(OPERATION, 1_000_000_001)],
    [`${LATENCY} '1'`, TypeError, (t) => t.recordGpuSuccess(OPERATION, '1' as never)],
    [`${LATENCY} undefined`, TypeError, (t) => t.recordCpuLatency(OPERATION, undefined as never)],
    [LATENCY, TypeError, (t) => t.recordCpuLatency(OPERATION, 1n as never)],
    ['attempt: expected an object, got undefined', TypeError, (t) => t.record(undefined as never)],
    ['attempt: expected an object, got null', TypeError, (t) => t.record(null as never)],
    ['attempt: expected an object, got 7', TypeError, (t) => t.record(7 as never)],
    ['operation: expected one of', RangeError, (t) => t.record(attempt({ operation: 'nothing' }))],
    [
      "attempt.device: expected one of cpu, gpu, remote, got 'tpu'",
      RangeError,
      (t) => t.record(attempt({ device: 'tpu' as never })),
    ],
    ['attempt.outcome: expected a string', TypeError, (t) => t.record(attempt({ outcome: undefined as never }))],
    [`${LATENCY} -1`, RangeError, (t) => t.record(attempt({ latencyMs: -1, fallback: true }))],
    ['threadId: expected that of a thread that has ended, got', RangeError, (t) => t.release(threadId)],
    ['threadId: expected an integer of at least 0, got -1', RangeError, (t) => t.release(-1)],
    ["threadId: expected an integer of at least 0, got '1'", TypeError, (t) => t.release('1' as never)],
    ['worker: expected an object, got undefined', TypeError, (t) => t.releaseOnExit(undefined as never)],
    ['worker.threadId: expected an integer of at least 0, got -1', RangeError, (t) => t.releaseOnExit(ended)],
  ];

  it.each(WRONG)('a tracker refuses a wrong argument, names it and changes nothing: %s', (...parts) => {
    const [message, kind, act] = parts;
    const t = tracker();
    expect(() => act(t)).toThrow(kind);
    expect(() => act(t)).toThrow(message);
    expect(t.snapshot(OPERATION)).toEqual(NO_METRICS);
  });

  it('a tracker accepts the smallest and the largest latency', () => {
    const t = tracker();
    t.recordCpuLatency(OPERATION, 0);
    t.recordCpuLatency(OPERATION, 1_000_000_000);
    expect(t.snapshot(OPERATION)).toMatchObject({ cpuCount: 2, cpuAvgMs: 500_000_000 });
  });
});

describe('several trackers of one memory', () => {
  it('each of several trackers reads its own records at once and those of others when they are published', () => {
    const one = tracker();
    const other = attachTracker(one.share());
    one.recordCpuLatency(OPERATION, 2);
    expect(other.snapshot(OPERATION).cpuCount).toBe(0);
    expect(one.flush()).toBe(true);
    other.recordCpuLatency(OPERATION, 4);
    expect(other.snapshot(OPERATION)).toMatchObject({ cpuCount: 2, cpuAvgMs: 3 });
  });

  it('a shared tracker publishes with the 32nd record, and at the end of the turn', async () => {
    const one = tracker(100);
    const other = attachTracker(one.share());
    for (let i = 0; i < 33; i++) one.recordCpuLatency(OPERATION, 1);
    expect(other.snapshot(OPERATION).cpuCount).toBe(32);
    await Promise.resolve();
    expect(other.snapshot(OPERATION).cpuCount).toBe(33);
  });

  it('a tracker keeps its unpublished records until a slot is free', () => {
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

  it('the window of a thread ends when its slot is taken over, although no count changes', () => {
    const reader = createTracker({ operations: [OPERATION], maxWriters: 1 });
    const [first, second] = [attachTracker(reader.share()), attachTracker(reader.share())];
    for (const latencyMs of [2, 4]) first.recordGpuSuccess(OPERATION, latencyMs);
    first.record(attempt({ outcome: 'fault' }));
    first.close();
    expect(reader.snapshot(OPERATION).devices).toMatchObject({
      cpu: { count: 0, windowCount: 0, failureCount: 1, successRate: 0 },
      gpu: { count: 2, windowCount: 2, avgMs: 3, successRate: 1 },
    });
    second.recordFallback(OPERATION);
    second.flush();
    const { cpu, gpu } = reader.snapshot(OPERATION).devices;
    // A success rate is 1 while there are no attempts.
    expect(cpu).toMatchObject({ count: 0, windowCount: 0, failureCount: 1, successRate: 1, lifetimeSuccessRate: 0 });
    expect(gpu).toMatchObject({ count: 2, windowCount: 0, avgMs: 0, p50Ms: 0, p99Ms: 0, successRate: 1 });
    expect(second.snapshot(OPERATION).devices).toEqual({ ...reader.snapshot(OPERATION).devices });
  });

  it('the next owner of a slot continues the lifetime counts of the previous one', () => {
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

  it('a tracker is closed when the scope of `using` ends, and can record again', () => {
    const first = createTracker({ operations: [OPERATION], maxWriters: 1 });
    const second = attachTracker(first.share());
    first.recordCpuLatency(OPERATION, 1);
    first[Symbol.dispose]();
    first.close();
    second.recordCpuLatency(OPERATION, 1);
    expect(second.flush()).toBe(true);
    second.close();
    first.recordCpuLatency(OPERATION, 1);
    expect(first.flush()).toBe(true);
    expect(first.snapshot(OPERATION).cpuCount).toBe(3);
  });

  it('a tracker reads what another published just before its own publication', () => {
    const one = tracker();
    const other = attachTracker(one.share());
    for (const each of [one, other]) each.recordFallback(OPERATION);
    for (const each of [one, other]) each.flush();
    expect(other.snapshot(OPERATION).fallbackCount).toBe(2);
    one.recordFallback(OPERATION);
    one.flush();
    other.recordFallback(OPERATION);
    other.flush();
    expect(other.snapshot(OPERATION).fallbackCount).toBe(4);
  });

  it('a tracker needs no slot for reading', () => {
    const first = createTracker({ operations: [OPERATION], maxWriters: 1 });
    const second = attachTracker(first.share());
    second.snapshot(OPERATION);
    expect(second.flush()).toBe(true);
    first.recordCpuLatency(OPERATION, 1);
    expect(first.flush()).toBe(true);
  });

  it('releaseOnExit() releases the slots of the worker on its exit event, and no others', () => {
    const t = tracker();
    const worker = Object.assign(new EventEmitter(), { threadId: 1_000_001 });
    t.recordCpuLatency(OPERATION, 1);
    t.flush();
    t.releaseOnExit(worker);
    expect(worker.listenerCount('exit')).toBe(1);
    // As a worker that has ended says.
    worker.threadId = -1;
    expect(() => worker.emit('exit', 0)).not.toThrow();
    expect(worker.listenerCount('exit')).toBe(0);
    expect(t.release(1_000_001)).toBe(0);
    const other = attachTracker(t.share());
    expect(other.snapshot(OPERATION).cpuCount).toBe(1);
  });
});
