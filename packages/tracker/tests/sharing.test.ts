import { OPERATIONS } from '@gearshift/contracts';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { attachTracker, createTracker, TRACKER_DEFAULTS, type Tracker } from '../src/index.js';
import { allocationsOf, sumOf } from './allocated-bytes.js';
import { add, sumsOf } from './trackers-of-one-memory.js';

const OPERATION = 'top-k';

/** Something of every kind, for each operation and device. */
function recordAll(tracker: Tracker): void {
  for (const operation of tracker.operations) {
    for (const device of tracker.devices) {
      for (let i = 0; i < 300; i++) tracker.record({ operation, device, outcome: 'success', latencyMs: 1 + i / 10 });
      tracker.record({ operation, device, outcome: 'fault', latencyMs: 1, fallback: true });
      tracker.record({ operation, device, outcome: 'out-of-memory', latencyMs: 1 });
    }
  }
}

/** Everything that a tracker knows. */
function knowledgeOf(tracker: Tracker): unknown {
  return tracker.operations.map((operation) => [tracker.snapshot(operation), tracker.totals(operation)]);
}

describe('a tracker that is not shared', () => {
  it('a tracker that is not shared allocates no shared memory, and less than 20 kB in all', () => {
    const { local, shared } = allocationsOf(() => createTracker());
    expect(shared).toEqual([]);
    expect(sumOf(local)).toBeLessThan(20_000);
  });

  it('a tracker stays below 100 kB when all operations record on all devices, and are read', () => {
    const { local, shared } = allocationsOf(() => {
      const tracker = createTracker();
      recordAll(tracker);
      tracker.flush();
      knowledgeOf(tracker);
    });
    expect(shared).toEqual([]);
    expect(sumOf(local)).toBeLessThan(50_000);
  });

  it('a tracker that is not shared takes 2 kB for each name of sums', () => {
    const tracker = createTracker();
    const { local, shared } = allocationsOf(() => {
      for (let i = 0; i < 10; i++) add(sumsOf(tracker, `name ${i}`), 3, 1);
      for (let i = 0; i < 10; i++) sumsOf(tracker, `name ${i}`).total();
    });
    expect(shared).toEqual([]);
    expect(sumOf(local)).toBeLessThan(10 * 2200);
  });

  it('each of 200 trackers takes less than 100 kB of the process', () => {
    const before = process.memoryUsage().arrayBuffers;
    const trackers = Array.from({ length: 200 }, () => createTracker());
    for (const tracker of trackers) recordAll(tracker);
    expect(trackers).toHaveLength(200);
    expect((process.memoryUsage().arrayBuffers - before) / trackers.length).toBeLessThan(100_000);
  });

  it('a tracker allocates the window of a device with its first record', () => {
    const windowSize = 5000;
    const tracker = createTracker({ windowSize, operations: [OPERATION] });
    const first = allocationsOf(() => {
      tracker.recordGpuSuccess(OPERATION, 1);
    });
    // A ring of the window and of the 32 latencies that may enter it at once, and one byte for each outcome.
    expect(first.local).toEqual([8 * (windowSize + 32), windowSize]);
    const next = allocationsOf(() => {
      for (let i = 0; i < 2 * windowSize; i++) tracker.recordGpuSuccess(OPERATION, 1);
      tracker.recordGpuFailure(OPERATION);
    });
    expect(next.local).toEqual([]);
  });

  it('flush(), close() and release() change nothing of a tracker that is not shared', () => {
    const tracker = createTracker({ operations: [OPERATION] });
    recordAll(tracker);
    add(sumsOf(tracker), 0, 5);
    const before = knowledgeOf(tracker);
    expect(tracker.flush()).toBe(true);
    tracker.close();
    expect(tracker.release(1_000_001)).toBe(0);
    expect(knowledgeOf(tracker)).toEqual(before);
    expect(sumsOf(tracker).own[0]).toBe(5);
    expect([sumsOf(tracker).hasNews(), sumsOf(tracker).total()[0]]).toEqual([false, 5]);
  });

  it('a tracker that is not shared has as many names of sums as a shared one', () => {
    const tracker = createTracker({ operations: [OPERATION], maxSums: 2 });
    sumsOf(tracker, 'a');
    // Two names with the same hash have one place.
    expect(tracker.sums('costarring')).toBe(tracker.sums('liquid'));
    expect(tracker.sums('c')).toBeUndefined();
    expect(tracker.sums('a')).toBe(sumsOf(tracker, 'a'));
    expect(createTracker({ operations: [OPERATION], maxSums: 0 }).sums('a')).toBeUndefined();
  });
});

describe('share', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('share() allocates the shared memory once, and returns the same handle every time', () => {
    const tracker = createTracker();
    const { shared } = allocationsOf(() => {
      expect(tracker.share()).toBe(tracker.share());
    });
    expect(shared).toEqual([tracker.share().buffer.byteLength]);
    expect(tracker.share()).toMatchObject({ operations: OPERATIONS, ...TRACKER_DEFAULTS });
  });

  it('share() changes no figure of the tracker', () => {
    const tracker = createTracker();
    recordAll(tracker);
    const before = knowledgeOf(tracker);
    tracker.share();
    expect(knowledgeOf(tracker)).toEqual(before);
    tracker.flush();
    expect(knowledgeOf(tracker)).toEqual(before);
  });

  it('an attached tracker reads everything that was recorded before share(), once', () => {
    const tracker = createTracker();
    recordAll(tracker);
    tracker.flush();
    tracker.recordCpuLatency(OPERATION, 3);
    const other = attachTracker(tracker.share());
    expect(knowledgeOf(other)).toEqual(knowledgeOf(tracker));
    expect(other.snapshot(OPERATION)).toMatchObject({ cpuCount: 301, staleWriters: 0 });
    tracker.recordCpuLatency(OPERATION, 3);
    expect(other.snapshot(OPERATION).cpuCount).toBe(301);
    tracker.flush();
    expect(other.snapshot(OPERATION).cpuCount).toBe(302);
    expect(knowledgeOf(other)).toEqual(knowledgeOf(tracker));
  });

  it('share() keeps the window: samples from before leave it in their turn', () => {
    const tracker = createTracker({ windowSize: 3, operations: [OPERATION] });
    for (const latencyMs of [1, 2, 3]) tracker.recordCpuLatency(OPERATION, latencyMs);
    tracker.recordGpuFailure(OPERATION);
    const other = attachTracker(tracker.share());
    tracker.recordCpuLatency(OPERATION, 10);
    for (let i = 0; i < 3; i++) tracker.recordGpuSuccess(OPERATION, 1);
    tracker.flush();
    expect(other.snapshot(OPERATION)).toMatchObject({ cpuAvgMs: 5, cpuWindowCount: 3, cpuCount: 4, successRate: 1 });
  });

  it.each([0, 1, 31, 32, 33, 100])('share() after %i records loses and doubles nothing', async (before) => {
    const tracker = createTracker({ operations: [OPERATION] });
    for (let i = 0; i < before; i++) tracker.recordCpuLatency(OPERATION, 1);
    const other = attachTracker(tracker.share());
    expect(other.snapshot(OPERATION).cpuCount).toBe(before);
    for (let i = 0; i < 40; i++) {
      tracker.recordCpuLatency(OPERATION, 1);
      other.recordCpuLatency(OPERATION, 1);
    }
    // The end of the turn publishes the rest.
    await Promise.resolve();
    for (const each of [tracker, other]) {
      expect(each.snapshot(OPERATION)).toMatchObject({ cpuCount: before + 80, version: before + 80 });
    }
    tracker.close();
    other.close();
    expect(attachTracker(tracker.share()).snapshot(OPERATION).cpuCount).toBe(before + 80);
  });

  it('share() moves sums: each thread adds to its own share, and the object stays the same', () => {
    const tracker = createTracker({ operations: [OPERATION], maxSums: 3 });
    const [a, b] = [sumsOf(tracker, 'a'), sumsOf(tracker, 'b')];
    const { own } = a;
    add(a, 0, 1);
    add(a, 200, 2);
    const other = attachTracker(tracker.share());
    add(sumsOf(other, 'c'), 0, 5);
    add(sumsOf(other, 'a'), 0, 10);
    other.flush();
    expect(tracker.sums('a')).toBe(a);
    expect(a.own).toBe(own);
    expect([own[0], own[200]]).toEqual([1, 2]);
    expect([a.total()[0], a.total()[200], b.total()[0]]).toEqual([11, 2, 0]);
    expect([sumsOf(other, 'a').total()[0], sumsOf(other, 'a').total()[200]]).toEqual([11, 2]);
    expect(sumsOf(tracker, 'c').total()[0]).toBe(5);
    for (const each of [tracker, other]) expect(each.sums('d')).toBeUndefined();
  });

  it('share() publishes sums that were changed before, without a record', () => {
    const tracker = createTracker({ operations: [OPERATION] });
    add(sumsOf(tracker), 0, 1);
    const other = attachTracker(tracker.share());
    expect(sumsOf(other).total()[0]).toBe(1);
  });

  it('share() takes no slot when there is nothing to publish', () => {
    const tracker = createTracker({ operations: [OPERATION], maxWriters: 1 });
    tracker.snapshot(OPERATION);
    sumsOf(tracker).total();
    const other = attachTracker(tracker.share());
    other.recordCpuLatency(OPERATION, 1);
    expect(other.flush()).toBe(true);
    expect(tracker.snapshot(OPERATION).cpuCount).toBe(1);
  });

  it('share() leaves the tracker as it was when the memory cannot be allocated', () => {
    const tracker = createTracker();
    recordAll(tracker);
    const before = knowledgeOf(tracker);
    vi.stubGlobal('SharedArrayBuffer', function () {
      throw new RangeError('Array buffer allocation failed');
    });
    expect(() => tracker.share()).toThrow(new RangeError('Array buffer allocation failed'));
    vi.unstubAllGlobals();
    expect(knowledgeOf(tracker)).toEqual(before);
    tracker.recordCpuLatency(OPERATION, 1);
    expect(attachTracker(tracker.share()).snapshot(OPERATION).cpuCount).toBe(301);
  });
});
