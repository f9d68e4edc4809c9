import type { VectorMatrix } from '../matrix.js';
import { hasRow, requireRowSet, usedBits, wordsOf, type RowSetLike } from '../row-set.js';

/**
 * The rows that a request may consider: those of its `where` without the removed ones. Undefined when that is all of them.
 *
 * The set covers exactly the rows of the matrix and has no bits past them. It is a copy, because the caller may change the
 * `where` while the request is under way.
 *
 * @throws TypeError or RangeError that names the property of `where`, the expected and the given value
 */
export function effectiveRows(where: RowSetLike | undefined, matrix: VectorMatrix): RowSetLike | undefined {
  const remaining = matrix.removed === undefined ? undefined : withoutRemoved(matrix.removed, matrix.rows);
  if (where === undefined) return remaining;
  const { rowCount, words } = requireRowSet('where', where, matrix.rows);
  const combined = new Uint32Array(wordsOf(matrix.rows));
  combined.set(words);
  const last = words.length - 1;
  if (last >= 0) combined[last] &= usedBits(last, rowCount);
  if (remaining !== undefined) for (let i = 0; i <= last; i++) combined[i] &= remaining.words[i];
  return { rowCount: matrix.rows, words: combined };
}

/** Sets of removed rows never change, so that all requests between two removals share one complement. */
const complements = new WeakMap<RowSetLike, RowSetLike>();

function withoutRemoved(removed: RowSetLike, rows: number): RowSetLike {
  const known = complements.get(removed);
  if (known?.rowCount === rows) return known;
  const words = new Uint32Array(wordsOf(rows));
  for (let i = 0; i < words.length; i++) words[i] = usedBits(i, rows);
  const last = removed.words.length - 1;
  for (let i = 0; i <= last; i++) words[i] &= ~(removed.words[i] & usedBits(i, removed.rowCount));
  const complement = { rowCount: rows, words };
  complements.set(removed, complement);
  return complement;
}

/** The candidates that are in the set, in their order. */
export function candidatesIn(candidates: Uint32Array, { words }: RowSetLike): Uint32Array {
  return candidates.filter((row) => hasRow(words, row));
}
