import { beforeEach, describe, expect, it, vi } from 'vitest';
import { attachTracker, createTracker, type Tracker } from '../src/index.js';

const clock = vi.hoisted(() => ({ ms: 0, readings: 0 }));
vi.mock('node:process', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  hrtime() {
    clock.readings++;
    return [Math.floor(clock.ms / 1e3), (clock.ms % 1e3) * 1e6];
  },
}));

const OPERATION = 'top-k';
const START_MS = 5_000_250;
const PER_BATCH = 32;

const alone = () => createTracker({ operations: [OPERATION] });
const shared = () => {
  const tracker = alone();
  tracker.share();
  return tracker;
};
const KINDS = [
  ['not shared', alone],
  ['shared', shared],
] as const;

const record = (tracker: Tracker) => {
  tracker.recordCpuLatency(OPERATION, 1);
};
const lastAtMs = (tracker: Tracker) => tracker.snapshot(OPERATION).cpuLastSampleAtMs;
/** Runs after the microtasks of this turn. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  clock.ms = START_MS;
});

describe.each(KINDS)('the time of a record in a tracker that is %s', (_kind, create) => {
  it('records of one turn have the time of the first one', () => {
    const tracker = create();
    clock.ms += 10;
    record(tracker);
    clock.ms += 10;
    record(tracker);
    expect(lastAtMs(tracker)).toBe(10);
    expect(tracker.nowMs()).toBe(20);
  });

  it('the first record of the next turn has a new time', async () => {
    const tracker = create();
    record(tracker);
    await nextTurn();
    clock.ms += 7;
    record(tracker);
    expect(lastAtMs(tracker)).toBe(7);
    await nextTurn();
    clock.ms += 7;
    record(tracker);
    expect(lastAtMs(tracker)).toBe(14);
  });

  it('the 33rd record of a turn has a new time, and the 32nd has not', () => {
    const tracker = create();
    record(tracker);
    clock.ms += 3;
    for (let i = 1; i < PER_BATCH; i++) record(tracker);
    expect(lastAtMs(tracker)).toBe(0);
    record(tracker);
    expect(lastAtMs(tracker)).toBe(3);
  });

  it('all kinds of records belong to the same batch', () => {
    const tracker = create();
    tracker.recordFallback(OPERATION);
    clock.ms += 3;
    for (let i = 0; i < 10; i++) {
      tracker.recordGpuFailure(OPERATION);
      tracker.record({ operation: OPERATION, device: 'gpu', outcome: 'success', latencyMs: 1 });
      tracker.recordOutOfMemory(OPERATION);
    }
    record(tracker);
    expect(lastAtMs(tracker)).toBe(0);
    tracker.recordGpuSuccess(OPERATION, 1);
    expect(tracker.snapshot(OPERATION).gpuLastSampleAtMs).toBe(3);
  });

  it('the clock is read once for each batch', async () => {
    const tracker = create();
    clock.readings = 0;
    for (let i = 0; i < 2 * PER_BATCH; i++) record(tracker);
    expect(clock.readings).toBe(2);
    await nextTurn();
    record(tracker);
    record(tracker);
    expect(clock.readings).toBe(3);
  });

  it('flush() begins a new batch', () => {
    const tracker = create();
    record(tracker);
    tracker.flush();
    clock.ms += 4;
    record(tracker);
    expect(lastAtMs(tracker)).toBe(4);
  });
});

describe('what a tracker publishes by itself', () => {
  const KINDS_OF_RECORDS = [
    ['recordCpuLatency', record],
    ['recordGpuSuccess', (tracker: Tracker) => tracker.recordGpuSuccess(OPERATION, 1)],
    ['recordGpuFailure', (tracker: Tracker) => tracker.recordGpuFailure(OPERATION)],
    ['recordOutOfMemory', (tracker: Tracker) => tracker.recordOutOfMemory(OPERATION)],
    ['recordFallback', (tracker: Tracker) => tracker.recordFallback(OPERATION)],
    [
      'record',
      (tracker: Tracker) => tracker.record({ operation: OPERATION, device: 'cpu', outcome: 'fault', latencyMs: 1 }),
    ],
  ] as const;

  it.each(KINDS_OF_RECORDS)('%s publishes when it makes the 32nd record of the turn', (_name, act) => {
    const tracker = shared();
    const other = attachTracker(tracker.share());
    for (let i = 1; i < PER_BATCH; i++) act(tracker);
    expect(other.snapshot(OPERATION).version).toBe(0);
    act(tracker);
    expect(other.snapshot(OPERATION).version).toBe(PER_BATCH);
  });

  it('a record of the turn in which the tracker is shared is published at its end', async () => {
    const tracker = alone();
    record(tracker);
    const other = attachTracker(tracker.share());
    expect(other.snapshot(OPERATION).version).toBe(1);
    record(tracker);
    expect(other.snapshot(OPERATION).version).toBe(1);
    await nextTurn();
    expect(other.snapshot(OPERATION).version).toBe(2);
  });

  it('sums that change after a publication in the same turn are published at its end', async () => {
    const tracker = shared();
    const other = attachTracker(tracker.share());
    const [sums, seen] = [tracker, other].map((each) => each.sums('seen'));
    if (sums === undefined || seen === undefined) throw new Error('there is room for the name');
    for (const value of [1, 2]) {
      sums.own[0] = value;
      sums.changed(0, 1);
      if (value === 1) tracker.flush();
    }
    expect(seen.total()[0]).toBe(1);
    await nextTurn();
    expect(seen.total()[0]).toBe(2);
  });

  it('a tracker without anything new takes no slot', async () => {
    const tracker = createTracker({ operations: [OPERATION], maxWriters: 1 });
    const other = attachTracker(tracker.share());
    await nextTurn();
    expect(tracker.flush()).toBe(true);
    record(other);
    expect(other.flush()).toBe(true);
  });

  it('a tracker that found no slot publishes as soon as one is free, without another record', async () => {
    const tracker = createTracker({ operations: [OPERATION], maxWriters: 1 });
    const other = attachTracker(tracker.share());
    record(tracker);
    record(other);
    await nextTurn();
    expect(tracker.snapshot(OPERATION).version).toBe(1);
    tracker.close();
    expect(other.flush()).toBe(true);
    expect(tracker.snapshot(OPERATION).version).toBe(2);
  });
});
