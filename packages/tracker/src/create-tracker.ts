import { types } from 'node:util';
import { OPERATIONS } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requireInteger, requireObject } from '@gearshift/contracts/internal';
import { LAYOUT_VERSION } from './memory-layout.js';
import { byteLengthOf, monotonicMs, ThreadTracker, type TrackerSetup } from './thread-tracker.js';
import type { Tracker, TrackerHandle } from './tracker.js';
import { TRACKER_DEFAULTS, type TrackerOptions } from './tracker-options.js';

const LARGEST_WINDOW = 65_536;
const MOST_DEVICES = 32;
const MOST_WRITERS = 1024;
const MOST_SUMS = 1024;
const OPTIONS = optionNames<TrackerOptions>({
  windowSize: true,
  operations: true,
  devices: true,
  maxWriters: true,
  maxSums: true,
});

/**
 * A tracker with memory of its own: see {@link Tracker}. It is small until it is shared; then it reserves, for each writer,
 * about 2.5 KiB for each operation and device and 4 KiB for each name of sums.
 *
 * @example
 * const tracker = createTracker({ operations: ['lookup'], devices: ['primary', 'replica'] });
 * tracker.record({ operation: 'lookup', device: 'primary', outcome: 'success', latencyMs: 6 });
 * tracker.record({ operation: 'lookup', device: 'replica', outcome: 'timeout', latencyMs: 50 });
 * tracker.snapshot('lookup').devices.primary.avgMs; // 6
 * tracker.snapshot('lookup').devices.replica.successRate; // 0
 *
 * @throws TypeError or RangeError naming the option that is out of its range.
 */
export function createTracker(options: TrackerOptions = {}): Tracker {
  const {
    windowSize = TRACKER_DEFAULTS.windowSize,
    operations = OPERATIONS,
    devices = TRACKER_DEFAULTS.devices,
    maxWriters = TRACKER_DEFAULTS.maxWriters,
    maxSums = TRACKER_DEFAULTS.maxSums,
  } = readOptions('options', options, OPTIONS);
  return new ThreadTracker(
    checkSetup({ windowSize, operations, devices, maxWriters, maxSums, originMs: monotonicMs() }),
  );
}

/**
 * A tracker that records into, and reads, the memory of the one that `handle` came from. Once it
 * records it holds one of the `maxWriters` slots, until it is closed, or until `release` is called for a thread that ended
 * without closing it.
 *
 * @throws TypeError when `handle` is not a handle; RangeError when it comes from another version of this package.
 */
export function attachTracker(handle: TrackerHandle): Tracker {
  requireObject('handle', handle);
  const { layoutVersion, buffer, windowSize, operations, devices, maxWriters, maxSums, originMs } = handle;
  if (!types.isSharedArrayBuffer(buffer)) {
    throw new TypeError(expected('handle.buffer', 'a SharedArrayBuffer', buffer));
  }
  if (layoutVersion !== LAYOUT_VERSION) {
    throw new RangeError(expected('handle.layoutVersion', String(LAYOUT_VERSION), layoutVersion));
  }
  if (typeof originMs !== 'number') throw new TypeError(expected('handle.originMs', 'a number', originMs));
  const setup = checkSetup({ windowSize, operations, devices, maxWriters, maxSums, originMs });
  const byteLength = byteLengthOf(setup);
  if (buffer.byteLength !== byteLength) {
    throw new RangeError(expected('handle.buffer.byteLength', String(byteLength), buffer.byteLength));
  }
  return new ThreadTracker(setup, buffer);
}

function checkSetup({ windowSize, operations, devices, maxWriters, maxSums, originMs }: TrackerSetup): TrackerSetup {
  requireInteger('windowSize', windowSize, 1, LARGEST_WINDOW);
  requireInteger('maxWriters', maxWriters, 1, MOST_WRITERS);
  requireInteger('maxSums', maxSums, 0, MOST_SUMS);
  return Object.freeze({
    windowSize,
    operations: checkNames('operations', operations),
    devices: checkDevices(devices),
    maxWriters,
    maxSums,
    originMs,
  });
}

function checkDevices(devices: readonly string[]): readonly string[] {
  const names = checkNames('devices', devices);
  if (names.length > MOST_DEVICES) {
    throw new RangeError(`devices: expected at most ${MOST_DEVICES} names, got ${names.length}`);
  }
  // The names become keys of a plain object, in which this name sets the prototype.
  if (names.includes('__proto__')) throw new RangeError("devices: '__proto__' cannot be a name");
  return names;
}

/** Returns a frozen copy. */
function checkNames(argument: string, names: readonly string[]): readonly string[] {
  if (!Array.isArray(names)) throw new TypeError(expected(argument, 'an array of names', names));
  if (names.length === 0) throw new RangeError(`${argument}: expected at least one, got none`);
  for (const [index, name] of names.entries()) {
    if (typeof name !== 'string') throw new TypeError(expected(`${argument}[${index}]`, 'a name', name));
    if (names.indexOf(name) !== index) throw new RangeError(`${argument}: '${name}' is listed twice`);
  }
  return Object.freeze([...(names as readonly string[])]);
}
