import type { GpuWork, Kernel } from '../device/gpu-work.js';
import { mergeParameters } from '../kernels/merge.js';
import { SORTED_ENTRIES } from '../kernels/sort.js';

/** A key and a row for each entry, best first, without entries that are not there. */
export interface BestEntries {
  readonly keys: Uint32Array;
  readonly rows: Uint32Array;
}

export const NO_ENTRIES: BestEntries = { keys: new Uint32Array(0), rows: new Uint32Array(0) };

/** Lists of some entries for each query. */
export interface EntryLists {
  readonly lists: number;
  readonly kept: number;
  readonly queries: number;
}

/** Merges the lists of each query until there is one. */
export function mergeLists(
  work: GpuWork,
  merge: Kernel,
  output: GPUBuffer,
  { lists, kept, queries }: EntryLists,
): GPUBuffer {
  let current = output;
  let left = lists;
  while (left > 1) {
    const entries = left * kept;
    left = Math.ceil(entries / SORTED_ENTRIES);
    const next = work.scratch(queries * left * kept * 8);
    work.dispatch(merge, [work.parameters(mergeParameters(entries, kept, left)), current, next], left, queries);
    current = next;
  }
  return current;
}

/** Adds a list of pairs, in which a key of 0 ends the entries, to entries of earlier pieces. */
export function mergeEntries(before: BestEntries, list: Uint32Array, kept: number): BestEntries {
  let count = 0;
  while (count < kept && list[2 * count] !== 0) count += 1;
  const total = Math.min(kept, before.keys.length + count);
  const keys = new Uint32Array(total);
  const rows = new Uint32Array(total);
  for (let i = 0, a = 0, b = 0; i < total; i++) {
    const isOld =
      b >= count ||
      (a < before.keys.length &&
        (before.keys[a] > list[2 * b] || (before.keys[a] === list[2 * b] && before.rows[a] < list[2 * b + 1])));
    keys[i] = isOld ? before.keys[a] : list[2 * b];
    rows[i] = isOld ? before.rows[a++] : list[2 * b++ + 1];
  }
  return { keys, rows };
}
