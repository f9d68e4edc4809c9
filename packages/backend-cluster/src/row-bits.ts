/**
 * The bits of rows `[start, end)` of a set that begins at row `first`, in a new set of `rowCount` rows that begins at row `newFirst`.
 */
export function moveBits(
  words: Uint32Array,
  first: number,
  start: number,
  end: number,
  newFirst: number,
  rowCount: number,
): Uint32Array {
  const moved = new Uint32Array(Math.ceil(rowCount / 32));
  for (let row = start; row < end;) {
    const from = row - first;
    const to = row - newFirst;
    // As many as both words have left.
    const count = Math.min(32 - (from & 31), 32 - (to & 31), end - row);
    const mask = count === 32 ? 0xffff_ffff : 2 ** count - 1;
    moved[to >>> 5] |= ((words[from >>> 5] >>> (from & 31)) & mask) << (to & 31);
    row += count;
  }
  return moved;
}
