import { expected, OPERATIONS, requireInteger, requireObject, type OperationName } from '@gearshift/contracts';
import { LAYOUT_VERSION, layOut } from './shared-layout.js';
import { SharedTracker } from './shared-tracker.js';
import { TRACKER_DEFAULTS, type Tracker, type TrackerHandle, type TrackerOptions } from './tracker.js';

const MOST_WRITERS = 4096;
const LARGEST_WINDOW = 1_000_000;

/**
 * Makes a tracker, with shared memory of its own: about 1.8 KiB for each writer and operation.
 *
 * @throws TypeError or RangeError that names the option.
 *
 * @example
 * const tracker = createTracker({ operations: ['top-k'] });
 * tracker.recordCpuLatency('top-k', 6);
 * tracker.recordGpuSuccess('top-k', 2);
 * tracker.snapshot('top-k').speedup; // 3
 */
export function createTracker(options: TrackerOptions = {}): Tracker {
  requireObject('options', options);
  const {
    windowSize = TRACKER_DEFAULTS.windowSize,
    operations = OPERATIONS,
    maxWriters = TRACKER_DEFAULTS.maxWriters,
  } = options;
  requireInteger('windowSize', windowSize, 1, LARGEST_WINDOW);
  requireInteger('maxWriters', maxWriters, 1, MOST_WRITERS);
  const names = requireOperations(operations);
  const buffer = new SharedArrayBuffer(layOut(maxWriters, names.length).byteLength);
  return new SharedTracker({ buffer, operations: names, windowSize, maxWriters, layout: LAYOUT_VERSION });
}

/**
 * A tracker over the memory of another one, in this thread or another.
 *
 * @param handle what `share()` gave.
 * @throws TypeError when it is no such handle, RangeError when it comes from another version of this package.
 */
export function attachTracker(handle: TrackerHandle): Tracker {
  requireObject('handle', handle);
  const { buffer, operations, windowSize, maxWriters, layout } = handle;
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new TypeError(expected('handle.buffer', 'the SharedArrayBuffer that share() gave', buffer));
  }
  if (layout !== LAYOUT_VERSION) {
    throw new RangeError(
      expected('handle.layout', `${LAYOUT_VERSION}, of the same version of @gearshift/tracker`, layout),
    );
  }
  requireInteger('handle.windowSize', windowSize, 1, LARGEST_WINDOW);
  requireInteger('handle.maxWriters', maxWriters, 1, MOST_WRITERS);
  const names = requireOperations(operations);
  const { byteLength } = layOut(maxWriters, names.length);
  if (buffer.byteLength !== byteLength) {
    throw new RangeError(`handle.buffer: expected ${byteLength} bytes, got ${buffer.byteLength}`);
  }
  return new SharedTracker({ buffer, operations: names, windowSize, maxWriters, layout });
}

function requireOperations(operations: readonly OperationName[]): readonly OperationName[] {
  if (!Array.isArray(operations)) throw new TypeError(expected('operations', 'an array of names', operations));
  if (operations.length === 0) throw new RangeError('operations: expected at least one name, got none');
  for (const [index, operation] of operations.entries()) {
    if (typeof operation !== 'string') throw new TypeError(expected(`operations[${index}]`, 'a string', operation));
  }
  if (new Set(operations).size !== operations.length) {
    throw new RangeError(`operations: expected each name once, got ${operations.join(', ')}`);
  }
  return Object.freeze([...operations]);
}
