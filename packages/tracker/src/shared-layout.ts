import { BUCKET_COUNT } from './latency-buckets.js';

/*
 * Where everything lies in the shared memory, and the only place that says so.
 *
 *   header          integer cells, one cache line
 *   control         for each writer slot: its owner, then one publication index per operation; whole cache lines
 *   figures         for each writer slot and operation: two copies of the fields below, plain float64 cells
 */

/** Fields of one writer for one operation. Latencies are whole nanoseconds, so that sums stay exact for ever. */
export const FIELD = {
  cpuWindowSumNs: 0,
  cpuWindowCount: 1,
  cpuCount: 2,
  cpuFailureCount: 3,
  cpuLastSampleAtMs: 4,
  gpuWindowSumNs: 5,
  gpuWindowCount: 6,
  gpuCount: 7,
  gpuFailureCount: 8,
  gpuLastSampleAtMs: 9,
  outcomeWindowCount: 10,
  outcomeWindowFailures: 11,
  oomCount: 12,
  fallbackCount: 13,
  cpuBuckets: 14,
  gpuBuckets: 14 + BUCKET_COUNT,
} as const;
export const FIELD_COUNT = FIELD.gpuBuckets + BUCKET_COUNT;

/** Fields that count for life, and the times of the last samples: a slot's next owner carries them on. */
export const LIFETIME_FIELDS = [
  FIELD.cpuCount,
  FIELD.cpuFailureCount,
  FIELD.cpuLastSampleAtMs,
  FIELD.gpuCount,
  FIELD.gpuFailureCount,
  FIELD.gpuLastSampleAtMs,
  FIELD.oomCount,
  FIELD.fallbackCount,
] as const;

/** Raised whenever anything in this file changes: threads of different package versions must not share memory. */
export const LAYOUT_VERSION = 1;

/** Integer cell: how many slots were ever owned; readers look no further. */
export const USED_SLOTS_CELL = 0;

const CELLS_PER_LINE = 16;
const FLOATS_PER_LINE = 8;
const HEADER_CELLS = CELLS_PER_LINE;

export interface SharedLayout {
  readonly slots: number;
  readonly operations: number;
  readonly controlCells: number;
  readonly figureCells: number;
  readonly byteLength: number;
  /** Integer cell with the owner of a slot: 0, or the owner's token. */
  ownerCell(slot: number): number;
  /** Integer cell with the number of publications of a slot for an operation. */
  indexCell(slot: number, operation: number): number;
  /** First plain cell of a copy (0 or 1). */
  copyCell(slot: number, operation: number, copy: number): number;
}

export function layOut(slots: number, operations: number): SharedLayout {
  const controlStride = roundUp(1 + operations, CELLS_PER_LINE);
  const copyStride = roundUp(FIELD_COUNT, FLOATS_PER_LINE);
  const controlCells = HEADER_CELLS + slots * controlStride;
  const figureCells = slots * operations * 2 * copyStride;
  return {
    slots,
    operations,
    controlCells,
    figureCells,
    byteLength: controlCells * Int32Array.BYTES_PER_ELEMENT + figureCells * Float64Array.BYTES_PER_ELEMENT,
    ownerCell: (slot) => HEADER_CELLS + slot * controlStride,
    indexCell: (slot, operation) => HEADER_CELLS + slot * controlStride + 1 + operation,
    copyCell: (slot, operation, copy) => ((slot * operations + operation) * 2 + copy) * copyStride,
  };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
