import { SUMS_LENGTH } from '@gearshift/contracts';
import { BUCKET_COUNT, DOUBLING_COUNT } from './log-buckets.js';
import type { DirectoryCells } from './protocol/directory.js';
import type { OwnershipCells } from './protocol/ownership.js';
import type { Block, BlockShape } from './protocol/publication.js';

/** The figures about one device that are always there, counted from its first one. */
export const DEVICE = {
  windowSumNs: 0,
  windowCount: 1,
  /** Successes for life. */
  count: 2,
  /** Failures for life. */
  failures: 3,
  /** When the last latency was recorded, on the tracker's clock. */
  lastAtMs: 4,
  /** First bucket that is not empty, and the one after the last. */
  bucketLow: 5,
  bucketEnd: 6,
  /** Sum of the latencies of successes, and of failures, for life. */
  totalNs: 7,
  lostNs: 8,
  /** The same as of the buckets, of the doublings. */
  doublingLow: 9,
  doublingEnd: 10,
} as const;

const DEVICE_LENGTH = 11;
/** What comes before the histograms. */
const DENSE_COUNT = 27;
const DEVICE_HISTOGRAMS = BUCKET_COUNT + DOUBLING_COUNT;

/**
 * The figures of one writer about one operation, as indices into a Float64Array: the writer keeps them privately in this
 * order, and a publication copies them to shared memory in this order. All are whole numbers, but for `lastAtMs`.
 */
export const FIGURES = {
  cpu: placeDevice(0, DENSE_COUNT),
  gpu: placeDevice(DEVICE_LENGTH, DENSE_COUNT + DEVICE_HISTOGRAMS),
  /** Facts recorded, for life. */
  records: 22,
  /** Attempts of the GPU within the window, and how many of them succeeded. */
  outcomeCount: 23,
  outcomeSuccesses: 24,
  outOfMemory: 25,
  fallbacks: 26,
} as const;

/**
 * Where the figures of one device are: the fields of `DEVICE`, then how many samples of the window are in each bucket, and how
 * many there ever were in each doubling.
 */
export interface DeviceFigures extends Readonly<Record<keyof typeof DEVICE, number>> {
  readonly start: number;
  readonly buckets: number;
  readonly doublings: number;
}

function placeDevice(start: number, buckets: number): DeviceFigures {
  return {
    windowSumNs: start + DEVICE.windowSumNs,
    windowCount: start + DEVICE.windowCount,
    count: start + DEVICE.count,
    failures: start + DEVICE.failures,
    lastAtMs: start + DEVICE.lastAtMs,
    bucketLow: start + DEVICE.bucketLow,
    bucketEnd: start + DEVICE.bucketEnd,
    totalNs: start + DEVICE.totalNs,
    lostNs: start + DEVICE.lostNs,
    doublingLow: start + DEVICE.doublingLow,
    doublingEnd: start + DEVICE.doublingEnd,
    start,
    buckets,
    doublings: buckets + BUCKET_COUNT,
  };
}

const CACHE_LINE_BYTES = 64;
const NUMBERS_PER_LINE = CACHE_LINE_BYTES / Float64Array.BYTES_PER_ELEMENT;
const INTEGERS_PER_LINE = CACHE_LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;

/** Length of the array of figures; whole cache lines, so that no two copies share one. */
export const FIGURE_COUNT = Math.ceil((DENSE_COUNT + 2 * DEVICE_HISTOGRAMS) / NUMBERS_PER_LINE) * NUMBERS_PER_LINE;

export const FIGURES_SHAPE: BlockShape = {
  denseCount: DENSE_COUNT,
  ranges: [
    { at: FIGURES.cpu.buckets, lowField: FIGURES.cpu.bucketLow, endField: FIGURES.cpu.bucketEnd },
    { at: FIGURES.gpu.buckets, lowField: FIGURES.gpu.bucketLow, endField: FIGURES.gpu.bucketEnd },
    { at: FIGURES.cpu.doublings, lowField: FIGURES.cpu.doublingLow, endField: FIGURES.cpu.doublingEnd },
    { at: FIGURES.gpu.doublings, lowField: FIGURES.gpu.doublingLow, endField: FIGURES.gpu.doublingEnd },
  ],
  copyCells: FIGURE_COUNT,
};

/** So many numbers under one name of `Tracker.sums` are published every time, the others from the first to the last that was ever changed. */
export const ALWAYS_PUBLISHED = 16;

/** How sums lie in a block: where those that were changed begin and end, then, on a line of their own, the numbers. */
export const SUMS = { low: 0, end: 1, numbers: NUMBERS_PER_LINE } as const;
export const SUMS_CELLS = SUMS.numbers + SUMS_LENGTH;

export const SUMS_SHAPE: BlockShape = {
  denseCount: SUMS.numbers + ALWAYS_PUBLISHED,
  ranges: [{ at: SUMS.numbers, lowField: SUMS.low, endField: SUMS.end }],
  copyCells: SUMS_CELLS,
};

/** Raised whenever the order of anything in shared memory changes: threads with different versions of the package differ. */
export const LAYOUT_VERSION = 4;

/** What the layout depends on. */
export interface LayoutSize {
  readonly slotCount: number;
  readonly operationCount: number;
  /** Names of sums. */
  readonly nameCount: number;
}

/**
 * Where everything lies in shared memory: who owns which slot, the names of sums, then, a line each, the counts of
 * publications of the operations and of the blocks, then the copies.
 */
export interface MemoryLayout {
  readonly byteLength: number;
  readonly ownership: OwnershipCells;
  readonly directory: DirectoryCells;
  /** Counts the publications of all writers about one operation: while it stands still, no block has to be looked at. */
  newsCell(operation: number): number;
  /** The block of one slot for one operation. */
  block(slot: number, operation: number): Block;
  /** The block of one slot for the sums at one place of the directory. */
  sumsBlock(slot: number, place: number): Block;
}

export function layOut({ slotCount, operationCount, nameCount }: LayoutSize): MemoryLayout {
  const firstOwnerCell = INTEGERS_PER_LINE;
  const firstNameCell = toWholeLines(firstOwnerCell + slotCount);
  const firstNewsCell = toWholeLines(firstNameCell + nameCount);
  const firstSequenceCell = firstNewsCell + operationCount * INTEGERS_PER_LINE;
  const blockCount = slotCount * operationCount;
  const sumsCount = slotCount * nameCount;
  const firstSumsSequenceCell = firstSequenceCell + blockCount * INTEGERS_PER_LINE;
  const firstDataCell = (firstSumsSequenceCell + sumsCount * INTEGERS_PER_LINE) / 2;
  const firstSumsDataCell = firstDataCell + blockCount * 2 * FIGURE_COUNT;
  return {
    byteLength: (firstSumsDataCell + sumsCount * 2 * SUMS_CELLS) * Float64Array.BYTES_PER_ELEMENT,
    ownership: { highWaterCell: 0, firstOwnerCell, slotCount },
    directory: { firstNameCell, nameCount },
    newsCell: (operation) => firstNewsCell + operation * INTEGERS_PER_LINE,
    block: (slot, operation) => {
      const index = slot * operationCount + operation;
      return {
        sequenceCell: firstSequenceCell + index * INTEGERS_PER_LINE,
        dataCell: firstDataCell + index * 2 * FIGURE_COUNT,
      };
    },
    sumsBlock: (slot, place) => {
      const index = slot * nameCount + place;
      return {
        sequenceCell: firstSumsSequenceCell + index * INTEGERS_PER_LINE,
        dataCell: firstSumsDataCell + index * 2 * SUMS_CELLS,
      };
    },
  };
}

function toWholeLines(integerCount: number): number {
  return Math.ceil(integerCount / INTEGERS_PER_LINE) * INTEGERS_PER_LINE;
}
