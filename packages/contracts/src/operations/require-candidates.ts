import { requireUint32Array } from '../arguments.js';

/** Bitmaps of at most this many times the bytes of the candidates are used; for sparser candidates a hash table is smaller. */
const BITMAP_RATIO = 4;

/**
 * Checks that the candidates are rows in `[start, end)`, each named once. A repeated row would take two places in the ranking.
 *
 * @throws RangeError that names the entry
 */
export function requireCandidates(candidates: Uint32Array, start: number, end: number): void {
  requireUint32Array('candidates', candidates);
  let isAscending = true;
  let before = -1;
  for (let i = 0; i < candidates.length; i++) {
    const row = candidates[i];
    if (row < start || row >= end) {
      throw new RangeError(`candidates[${i}]: expected a row in [${start}, ${end}), got ${row}`);
    }
    if (row <= before) isAscending = false;
    before = row;
  }
  if (isAscending) return;
  const bitmapWords = Math.ceil((end - start) / 32);
  const repeated =
    bitmapWords <= candidates.length * BITMAP_RATIO
      ? findInBitmap(candidates, start, bitmapWords)
      : findInTable(candidates);
  if (repeated < 0) return;
  const first = candidates.indexOf(candidates[repeated]);
  throw new RangeError(`candidates[${repeated}]: row ${candidates[repeated]} is already candidates[${first}]`);
}

/** Place of the first repeated row, or -1. One bit per row of the range. */
function findInBitmap(candidates: Uint32Array, start: number, words: number): number {
  const seen = new Uint32Array(words);
  for (let i = 0; i < candidates.length; i++) {
    const row = candidates[i] - start;
    const bit = 1 << (row & 31);
    if ((seen[row >>> 5] & bit) !== 0) return i;
    seen[row >>> 5] |= bit;
  }
  return -1;
}

/** The same with a table of places, twice as long as the list, whatever the number of rows. */
function findInTable(candidates: Uint32Array): number {
  const bits = Math.ceil(Math.log2(candidates.length)) + 1;
  const places = new Uint32Array(2 ** bits);
  const mask = places.length - 1;
  for (let i = 0; i < candidates.length; i++) {
    const row = candidates[i];
    let slot = Math.imul(row, 0x9e37_79b1) >>> (32 - bits);
    // A slot holds the place of its candidate plus one; 0 is free.
    while (places[slot] !== 0) {
      if (candidates[places[slot] - 1] === row) return i;
      slot = (slot + 1) & mask;
    }
    places[slot] = i + 1;
  }
  return -1;
}
