import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  attachTracker,
  createTracker,
  TRACKER_DEFAULTS,
  type Tracker,
  type TrackerHandle,
  type TrackerOptions,
} from '../src/index.js';

const OPERATION = 'top-k';
const tracker = (): Tracker => createTracker({ operations: [OPERATION, 'other'] });
const create = (options: unknown) => () => createTracker(options as TrackerOptions);
const attach = (parts: object) => () => attachTracker({ ...tracker().share(), ...parts });

describe('createTracker', () => {
  it('has the defaults that it says', () => {
    const made = createTracker();
    expect(made.windowSize).toBe(TRACKER_DEFAULTS.windowSize);
    expect(made.share().maxWriters).toBe(TRACKER_DEFAULTS.maxWriters);
    expect(made.share().maxSums).toBe(TRACKER_DEFAULTS.maxSums);
    expect(made.operations).toEqual(['cosine-similarity', 'top-k', 'spread-activation']);
    expect(createTracker({ windowSize: undefined, operations: undefined, maxWriters: undefined }).windowSize).toBe(100);
  });

  it('takes the ends of each range', () => {
    expect(createTracker({ windowSize: 1, maxWriters: 1, operations: ['a'] }).windowSize).toBe(1);
    expect(createTracker({ windowSize: 65_536, maxWriters: 1024, operations: ['a'] }).windowSize).toBe(65_536);
    expect(createTracker({ maxSums: 0 }).share().maxSums).toBe(0);
    expect(createTracker({ maxSums: 1024, maxWriters: 1 }).share().maxSums).toBe(1024);
  });

  it('reserves what the documentation says for sums', () => {
    const bytes = (maxSums: number): number =>
      createTracker({ operations: ['a'], maxWriters: 10, maxSums }).share().buffer.byteLength;
    expect(Math.round((bytes(20) - bytes(4)) / (10 * 16) / 1024)).toBe(4);
    expect(Math.round(createTracker().share().buffer.byteLength / 2 ** 20)).toBe(14);
  });

  it('keeps a frozen copy of the operations', () => {
    const operations = ['a'];
    const made = createTracker({ operations });
    operations.push('b');
    expect(made.operations).toEqual(['a']);
    expect(Object.isFrozen(made.operations)).toBe(true);
    expect(() => made.snapshot('b')).toThrow(RangeError);
  });
});

describe('attachTracker', () => {
  it('takes a handle that came through a port', () => {
    const made = createTracker({ windowSize: 7, operations: [OPERATION], maxWriters: 2, maxSums: 5 });
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(made.share());
    const attached = attachTracker((receiveMessageOnPort(port2) as { message: TrackerHandle }).message);
    port1.close();
    attached.recordCpuLatency(OPERATION, 3);
    attached.flush();
    expect(made.averageCpuLatency(OPERATION)).toBe(3);
    expect(attached.windowSize).toBe(7);
    expect(attached.operations).toEqual([OPERATION]);
    expect(attached.share().maxSums).toBe(5);
  });

  it('has the clock of the tracker it came from', () => {
    const made = tracker();
    const before = made.nowMs();
    const between = attachTracker(made.share()).nowMs();
    expect(before).toBeGreaterThanOrEqual(0);
    expect(between).toBeGreaterThanOrEqual(before);
    expect(made.nowMs()).toBeGreaterThanOrEqual(between);
  });
});

describe('a wrong argument is refused with its name, what was expected and what came', () => {
  const WRONG: readonly [string, typeof TypeError | typeof RangeError, () => unknown][] = [
    ['options: expected an object, got null', TypeError, create(null)],
    ["options: expected an object, got 'a'", TypeError, create('a')],
    ["windowSize: expected an integer from 1 to 65536, got '4'", TypeError, create({ windowSize: '4' })],
    ['windowSize: expected an integer from 1 to 65536, got 0', RangeError, create({ windowSize: 0 })],
    ['windowSize: expected an integer from 1 to 65536, got 1.5', RangeError, create({ windowSize: 1.5 })],
    ['windowSize: expected an integer from 1 to 65536, got NaN', RangeError, create({ windowSize: NaN })],
    ['windowSize: expected an integer from 1 to 65536, got 65537', RangeError, create({ windowSize: 65_537 })],
    ['maxWriters: expected an integer from 1 to 1024, got null', TypeError, create({ maxWriters: null })],
    ['maxWriters: expected an integer from 1 to 1024, got 0', RangeError, create({ maxWriters: 0 })],
    ['maxWriters: expected an integer from 1 to 1024, got 1025', RangeError, create({ maxWriters: 1025 })],
    ['maxSums: expected an integer from 0 to 1024, got null', TypeError, create({ maxSums: null })],
    ["maxSums: expected an integer from 0 to 1024, got '1'", TypeError, create({ maxSums: '1' })],
    ['maxSums: expected an integer from 0 to 1024, got -1', RangeError, create({ maxSums: -1 })],
    ['maxSums: expected an integer from 0 to 1024, got 1025', RangeError, create({ maxSums: 1025 })],
    ['maxSums: expected an integer from 0 to 1024, got 0.5', RangeError, create({ maxSums: 0.5 })],
    ["operations: expected an array of names, got 'a'", TypeError, create({ operations: 'a' })],
    ['operations: expected at least one, got none', RangeError, create({ operations: [] })],
    ['operations[1]: expected a name, got 7', TypeError, create({ operations: ['a', 7] })],
    ["operations[1]: expected each name once, got 'a'", RangeError, create({ operations: ['a', 'a'] })],

    ['handle: expected an object, got undefined', TypeError, () => attachTracker(undefined as never)],
    ['handle.buffer: expected a SharedArrayBuffer, got undefined', TypeError, () => attachTracker({} as never)],
    ['handle.buffer: expected a SharedArrayBuffer, got', TypeError, attach({ buffer: new ArrayBuffer(8) })],
    ['handle.buffer.byteLength: expected', RangeError, attach({ buffer: new SharedArrayBuffer(64) })],
    ['handle.buffer.byteLength: expected', RangeError, attach({ maxWriters: 3 })],
    ['handle.buffer.byteLength: expected', RangeError, attach({ maxSums: 3 })],
    ['handle.layoutVersion: expected', RangeError, attach({ layoutVersion: 99 })],
    ['handle.layoutVersion: expected', RangeError, attach({ layoutVersion: 2 })],
    ['handle.layoutVersion: expected', RangeError, attach({ layoutVersion: undefined })],
    ['windowSize: expected', RangeError, attach({ windowSize: -1 })],
    ['operations: expected', TypeError, attach({ operations: undefined })],
    // As a handle of a version without sums has it.
    ['maxSums: expected an integer from 0 to 1024, got undefined', TypeError, attach({ maxSums: undefined })],
    ['handle.originMs: expected a number, got undefined', TypeError, attach({ originMs: undefined })],
  ];

  it.each(WRONG)('%s', (message, kind, act) => {
    expect(act).toThrow(kind);
    expect(act).toThrow(message);
  });
});
