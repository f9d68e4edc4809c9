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
  it('createTracker() uses the documented defaults for options that are left out', () => {
    const made = createTracker();
    expect(made.windowSize).toBe(TRACKER_DEFAULTS.windowSize);
    expect(made.share().maxWriters).toBe(TRACKER_DEFAULTS.maxWriters);
    expect(made.share().maxSums).toBe(TRACKER_DEFAULTS.maxSums);
    expect(made.operations).toEqual(['cosine-similarity', 'top-k', 'spread-activation']);
    expect(made.devices).toEqual(['cpu', 'gpu', 'remote']);
    expect(createTracker({ windowSize: undefined, operations: undefined, maxWriters: undefined }).windowSize).toBe(100);
    expect(createTracker({ devices: undefined }).devices).toEqual(TRACKER_DEFAULTS.devices);
  });

  it('createTracker() accepts the smallest and the largest value of each option', () => {
    expect(createTracker({ windowSize: 1, maxWriters: 1, operations: ['a'] }).windowSize).toBe(1);
    expect(createTracker({ windowSize: 65_536, maxWriters: 1024, operations: ['a'] }).windowSize).toBe(65_536);
    expect(createTracker({ maxSums: 0 }).share().maxSums).toBe(0);
    expect(createTracker({ maxSums: 1024, maxWriters: 1 }).share().maxSums).toBe(1024);
  });

  it('a tracker reserves the documented amount of shared memory when it is shared', () => {
    const bytes = (maxSums: number): number =>
      createTracker({ operations: ['a'], maxWriters: 10, maxSums }).share().buffer.byteLength;
    expect(Math.round((bytes(20) - bytes(4)) / (10 * 16) / 1024)).toBe(4);
    expect(Math.round(createTracker().share().buffer.byteLength / 2 ** 20)).toBe(14);
    const ofDevices = (count: number): number => {
      const devices = Array.from({ length: count }, (_, index) => `device ${index}`);
      return createTracker({ operations: ['a'], maxWriters: 10, maxSums: 0, devices }).share().buffer.byteLength;
    };
    expect((ofDevices(24) - ofDevices(8)) / (10 * 16) / 1024).toBeCloseTo(2.5, 1);
  });

  it('a tracker keeps frozen copies of the operations and of the devices', () => {
    const operations = ['a'];
    const devices = ['primary'];
    const made = createTracker({ operations, devices });
    operations.push('b');
    devices.push('replica');
    expect(made.operations).toEqual(['a']);
    expect(made.devices).toEqual(['primary']);
    expect(Object.isFrozen(made.operations)).toBe(true);
    expect(Object.isFrozen(made.devices)).toBe(true);
    expect(() => made.snapshot('b')).toThrow(RangeError);
  });
});

describe('attachTracker', () => {
  it('attachTracker() accepts a handle that was posted through a port', () => {
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

  it('an attached tracker has the clock of the first one', () => {
    const made = tracker();
    const before = made.nowMs();
    const between = attachTracker(made.share()).nowMs();
    expect(before).toBeGreaterThanOrEqual(0);
    expect(between).toBeGreaterThanOrEqual(before);
    expect(made.nowMs()).toBeGreaterThanOrEqual(between);
  });
});

describe('createTracker and attachTracker', () => {
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
    ["operations: 'a' is listed twice", RangeError, create({ operations: ['a', 'a'] })],
    ["devices: expected an array of names, got 'cpu'", TypeError, create({ devices: 'cpu' })],
    ['devices: expected at least one, got none', RangeError, create({ devices: [] })],
    ['devices[0]: expected a name, got undefined', TypeError, create({ devices: [undefined] })],
    ["devices: 'b' is listed twice", RangeError, create({ devices: ['b', 'a', 'b'] })],
    ["devices: '__proto__' cannot be a name", RangeError, create({ devices: ['__proto__'] })],
    [
      'devices: expected at most 32 names, got 33',
      RangeError,
      create({ devices: Array.from({ length: 33 }, (_, index) => `shard ${index}`) }),
    ],

    ['handle: expected an object, got undefined', TypeError, () => attachTracker(undefined as never)],
    ['handle.buffer: expected a SharedArrayBuffer, got undefined', TypeError, () => attachTracker({} as never)],
    ['handle.buffer: expected a SharedArrayBuffer, got', TypeError, attach({ buffer: new ArrayBuffer(8) })],
    ['handle.buffer.byteLength: expected', RangeError, attach({ buffer: new SharedArrayBuffer(64) })],
    ['handle.buffer.byteLength: expected', RangeError, attach({ maxWriters: 3 })],
    ['handle.buffer.byteLength: expected', RangeError, attach({ maxSums: 3 })],
    ['handle.layoutVersion: expected', RangeError, attach({ layoutVersion: 99 })],
    ['handle.layoutVersion: expected', RangeError, attach({ layoutVersion: 4 })],
    ['handle.layoutVersion: expected', RangeError, attach({ layoutVersion: undefined })],
    ['windowSize: expected', RangeError, attach({ windowSize: -1 })],
    ['operations: expected', TypeError, attach({ operations: undefined })],
    ['devices: expected', TypeError, attach({ devices: undefined })],
    ['handle.buffer.byteLength: expected', RangeError, attach({ devices: ['cpu'] })],
    // As a handle of a version without sums has it.
    ['maxSums: expected an integer from 0 to 1024, got undefined', TypeError, attach({ maxSums: undefined })],
    ['handle.originMs: expected a number, got undefined', TypeError, attach({ originMs: undefined })],
  ];

  it.each(WRONG)(
    'createTracker() and attachTracker() refuse a wrong argument and name it: %s',
    (message, kind, act) => {
      expect(act).toThrow(kind);
      expect(act).toThrow(message);
    },
  );
});
