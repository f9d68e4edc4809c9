import { NUMBERS_PER_LINE, toWholeLines } from './cache-line.js';
import { BUCKET_COUNT, DOUBLING_COUNT } from './log-buckets.js';
import type { BlockShape, SparseRange } from './protocol/publication.js';

/** The figures about an operation that belong to no device. */
export const COMMON = {
  /** Lifetime count of facts recorded. */
  records: 0,
  fallbacks: 1,
} as const;

/** The figures about one device, counted from its first one. All are whole numbers, except `lastAtMs`. */
export const DEVICE = {
  windowSumNs: 0,
  windowCount: 1,
  /** Lifetime count of successes. */
  count: 2,
  /** Lifetime count of failures, and how many of them ran out of memory. */
  failures: 3,
  outOfMemory: 4,
  /** When the last latency was recorded, on the tracker's clock. */
  lastAtMs: 5,
  /** The range of buckets that are not empty: the first one, and the one after the last. */
  bucketLow: 6,
  bucketEnd: 7,
  /** Lifetime sums of the latencies of successes, and of failures. */
  totalNs: 8,
  lostNs: 9,
  /** The range of the doublings, like that of the buckets. */
  doublingLow: 10,
  doublingEnd: 11,
  /** Attempts in the window of outcomes, and how many of them succeeded. */
  outcomeCount: 12,
  outcomeSuccesses: 13,
} as const;

const COMMON_LENGTH = 2;
export const DEVICE_LENGTH = 14;

/** Where the figures of one device are. */
export interface DeviceFigures {
  /** The first of the fields of `DEVICE`. */
  readonly start: number;
  /** The first bucket: how many latencies of the window are in each. */
  readonly buckets: number;
  /** The first doubling: how many latencies were ever in each. */
  readonly doublings: number;
}

/**
 * The figures of one writer about one operation, as indices into a Float64Array: the common ones, those of each device, then
 * the histograms. The writer keeps them privately in this order, and a publication copies them to shared memory in this order.
 */
export interface FiguresLayout {
  /** A whole number of cache lines. */
  readonly length: number;
  readonly devices: readonly DeviceFigures[];
  readonly shape: BlockShape;
}

export function layOutFigures(deviceCount: number): FiguresLayout {
  const denseCount = COMMON_LENGTH + deviceCount * DEVICE_LENGTH;
  const devices = Array.from({ length: deviceCount }, (_, device): DeviceFigures => {
    const buckets = denseCount + device * (BUCKET_COUNT + DOUBLING_COUNT);
    return { start: COMMON_LENGTH + device * DEVICE_LENGTH, buckets, doublings: buckets + BUCKET_COUNT };
  });
  const length = toWholeLines(denseCount + deviceCount * (BUCKET_COUNT + DOUBLING_COUNT), NUMBERS_PER_LINE);
  const ranges = devices.flatMap(({ start, buckets, doublings }): SparseRange[] => [
    { at: buckets, lowField: start + DEVICE.bucketLow, endField: start + DEVICE.bucketEnd },
    { at: doublings, lowField: start + DEVICE.doublingLow, endField: start + DEVICE.doublingEnd },
  ]);
  return { length, devices, shape: { denseCount, ranges, copyCells: length } };
}
