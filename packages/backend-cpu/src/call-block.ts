import type { CpuAddon } from './addon.js';

/** Bytes of the block: scalars, then row numbers, then scores. */
const BLOCK_BYTES = 688;
const SCALARS = 22;
/** Entries of a top-k that fit in the block. */
export const BLOCK_RESULTS = 64;

/**
 * Memory shared by JavaScript and the addon: the scalars of the next synchronous call, and the results of a small top-k.
 * Passing a number or a typed array as an argument costs more than most of the work on a small request.
 */
export interface CallBlock {
  /** Indexed by {@link SCALAR}. */
  readonly scalars: Float64Array;
  readonly indices: Uint32Array;
  readonly scores: Float32Array;
}

/** Indices of the scalars. The entries of the addon that use them document their meaning. */
export const SCALAR = {
  context: 0,
  handle: 1,
  dimensions: 2,
  start: 3,
  end: 4,
  from: 5,
  firstQuery: 6,
  k: 7,
  outputQuery: 8,
  decay: 9,
  retention: 10,
  threshold: 11,
  sequence: 12,
  dtype: 13,
  scale: 14,
  hops: 15,
  scanned: 16,
  examined: 17,
  rescored: 18,
  whole: 19,
  plain: 20,
  queries: 21,
} as const;

/** The addon as one thread uses it. */
export interface AddonOfThread {
  readonly addon: CpuAddon;
  readonly block: CallBlock;
}

/** The block of this thread. The addon has one block, which all copies of this package share. */
export function openCallBlock(addon: CpuAddon): CallBlock {
  const { buffer, byteOffset } = addon.shareBlock(new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES)));
  const indicesOffset = byteOffset + SCALARS * Float64Array.BYTES_PER_ELEMENT;
  return {
    scalars: new Float64Array(buffer, byteOffset, SCALARS),
    indices: new Uint32Array(buffer, indicesOffset, BLOCK_RESULTS),
    scores: new Float32Array(buffer, indicesOffset + BLOCK_RESULTS * Uint32Array.BYTES_PER_ELEMENT, BLOCK_RESULTS),
  };
}
