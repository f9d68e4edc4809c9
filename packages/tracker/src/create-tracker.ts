import { OPERATIONS, type OperationName } from '@gearshift/contracts';
import { expected, requireInteger, requireObject } from '@gearshift/contracts/internal';
import { LAYOUT_VERSION, layOut } from './layout.js';
import { monotonicMs } from './monotonic-clock.js';
import { SharedTracker } from './shared-tracker.js';
import { TRACKER_DEFAULTS, type Tracker, type TrackerHandle, type TrackerOptions } from './tracker.js';

const LARGEST_WINDOW = 65_536;
const MOST_WRITERS = 1024;
const MOST_SUMS = 1024;

/**
 * A tracker with memory of its own, which may be shared: see {@link Tracker}. It needs about 4 KiB for each writer and
 * operation, and for each writer and name of sums, touched only when written.
 *
 * @example
 * const tracker = createTracker({ operations: ['top-k'] });
 * tracker.recordCpuLatency('top-k', 6);
 * tracker.recordGpuSuccess('top-k', 2);
 * tracker.snapshot('top-k').speedup; // 3
 *
 * @throws TypeError or RangeError naming the option that is out of its range.
 */
export function createTracker(options: TrackerOptions = {}): Tracker {
  requireObject('options', options);
  const {
    windowSize = TRACKER_DEFAULTS.windowSize,
    operations = OPERATIONS,
    maxWriters = TRACKER_DEFAULTS.maxWriters,
    maxSums = TRACKER_DEFAULTS.maxSums,
  } = options;
  const byteLength = checkShape(windowSize, operations, maxWriters, maxSums);
  return new SharedTracker(
    Object.freeze({
      layoutVersion: LAYOUT_VERSION,
      buffer: new SharedArrayBuffer(byteLength),
      windowSize,
      operations: Object.freeze([...operations]),
      maxWriters,
      maxSums,
      originMs: monotonicMs(),
    }),
  );
}

/**
 * A tracker that records into, and reads, the memory of the one that `handle` came from. Once it
 * records it holds one of that one's `maxWriters` slots, until it is closed, or until `release` is called for a thread that
 * ended without closing it.
 *
 * @throws TypeError when `handle` is no handle; RangeError when it comes from another version of this package.
 */
export function attachTracker(handle: TrackerHandle): Tracker {
  requireObject('handle', handle);
  const { layoutVersion, buffer, windowSize, operations, maxWriters, maxSums, originMs } = handle;
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new TypeError(expected('handle.buffer', 'a SharedArrayBuffer', buffer));
  }
  if (layoutVersion !== LAYOUT_VERSION) {
    throw new RangeError(expected('handle.layoutVersion', String(LAYOUT_VERSION), layoutVersion));
  }
  const byteLength = checkShape(windowSize, operations, maxWriters, maxSums);
  if (typeof originMs !== 'number') throw new TypeError(expected('handle.originMs', 'a number', originMs));
  if (buffer.byteLength !== byteLength) {
    throw new RangeError(expected('handle.buffer.byteLength', String(byteLength), buffer.byteLength));
  }
  const ownOperations = Object.freeze([...operations]);
  return new SharedTracker(
    Object.freeze({ layoutVersion, buffer, windowSize, operations: ownOperations, maxWriters, maxSums, originMs }),
  );
}

/** Returns the length of the memory in bytes. */
function checkShape(
  windowSize: number,
  operations: readonly OperationName[],
  maxWriters: number,
  maxSums: number,
): number {
  requireInteger('windowSize', windowSize, 1, LARGEST_WINDOW);
  requireInteger('maxWriters', maxWriters, 1, MOST_WRITERS);
  requireInteger('maxSums', maxSums, 0, MOST_SUMS);
  if (!Array.isArray(operations)) throw new TypeError(expected('operations', 'an array of names', operations));
  if (operations.length === 0) throw new RangeError('operations: expected at least one, got none');
  for (const [index, operation] of operations.entries()) {
    const name = `operations[${index}]`;
    if (typeof operation !== 'string') throw new TypeError(expected(name, 'a name', operation));
    if (operations.indexOf(operation) !== index) throw new RangeError(expected(name, 'each name once', operation));
  }
  return layOut({ slotCount: maxWriters, operationCount: operations.length, nameCount: maxSums }).byteLength;
}
