/**
 * A set of rows as a bitmap, for the `where` of a request. Plain data: it may be written by hand, posted to a worker thread,
 * and live in a SharedArrayBuffer.
 */
export interface RowSet {
  /** Rows from this number on are outside of the set. */
  readonly rowCount: number;
  /** `ceil(rowCount / 32)` elements: row `r` is in the set when bit `r % 32` of `words[r >> 5]` is 1, the lowest bit being 0. */
  readonly words: Uint32Array;
}
