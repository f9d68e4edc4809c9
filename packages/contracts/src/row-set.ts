import { types } from 'node:util';
import { expected, requireInteger, requireUint32Array } from './arguments.js';
import { own } from './options.js';

/** Row numbers have 32 bits. */
const MAX_ROWS = 2 ** 32;
const WORD_BITS = 32;

/** The data of a set of rows, as it arrives by `postMessage` or is written by hand. Requests take it like a {@link RowSet}. */
export interface RowSetLike {
  /** Rows from this number on are outside of the set. */
  readonly rowCount: number;
  /**
   * `ceil(rowCount / 32)` elements: row `r` is in the set when bit `r % 32` of `words[floor(r / 32)]` is 1, the lowest bit being
   * 0. Bits past `rowCount` are ignored.
   */
  readonly words: Uint32Array;
}

/**
 * A set of rows of a matrix, one bit for each row, for the `where` of a request.
 *
 * A request reads the bits when it is made, so later changes of the set do not affect it. `postMessage` sends `rowCount` and
 * `words` without the methods: requests accept that as it is, and `new RowSet(rowCount, words)` gives the methods back. Sets
 * over a SharedArrayBuffer are shared between threads; one thread at a time may change them.
 *
 * @example
 * const ofTenant = RowSet.fromPredicate(matrix.rows, (row) => tenants[row] === 'acme');
 * const { indices } = await executor.topK(query, matrix, { k: 10, where: ofTenant });
 */
export class RowSet implements RowSetLike {
  readonly rowCount: number;
  readonly words: Uint32Array;

  /**
   * @param words memory of the set, used in place with the rows that it contains; default: new memory, without a row
   * @throws TypeError or RangeError that names the argument, the expected and the given value
   */
  constructor(rowCount: number, words?: Uint32Array) {
    this.rowCount = requireInteger('rowCount', rowCount, 0, MAX_ROWS);
    this.words = words === undefined ? new Uint32Array(wordsOf(rowCount)) : requireWords('words', words, rowCount);
  }

  /**
   * The set of the listed rows; a row may be listed more than once.
   *
   * @throws TypeError or RangeError that names the entry that is not a row below `rowCount`
   */
  static fromRows(rows: Iterable<number>, rowCount: number): RowSet {
    if (typeof rows?.[Symbol.iterator] !== 'function') {
      throw new TypeError(expected('rows', 'an array or another iterable of row numbers', rows));
    }
    const set = new RowSet(rowCount);
    let place = 0;
    for (const row of rows) {
      if (!isRow(row, rowCount)) refuseRow(`rows[${place}]`, row, rowCount);
      set.words[row >>> 5] |= 1 << (row & 31);
      place += 1;
    }
    return set;
  }

  /**
   * The set of the rows for which the predicate returns true. It is called once for each row, in ascending order.
   *
   * @throws TypeError when it returns anything but true or false, such as a Promise, which would count as true
   */
  static fromPredicate(rowCount: number, predicate: (row: number) => boolean): RowSet {
    if (typeof predicate !== 'function') throw new TypeError(expected('predicate', 'a function', predicate));
    const set = new RowSet(rowCount);
    for (let row = 0; row < rowCount; row++) {
      const isInside: unknown = predicate(row);
      if (isInside === true) set.words[row >>> 5] |= 1 << (row & 31);
      else if (isInside !== false) throw new TypeError(expected(`predicate(${row})`, 'true or false', isInside));
    }
    return set;
  }

  /** Adds a row below `rowCount`. */
  add(row: number): this {
    const words = attachedWords(this);
    if (!isRow(row, this.rowCount)) refuseRow('row', row, this.rowCount);
    words[row >>> 5] |= 1 << (row & 31);
    return this;
  }

  /** Removes a row, and returns whether it was in the set. */
  delete(row: number): boolean {
    if (!this.has(row)) return false;
    this.words[row >>> 5] &= ~(1 << (row & 31));
    return true;
  }

  /** Whether the row is in the set; false for rows from `rowCount` on. */
  has(row: number): boolean {
    const words = attachedWords(this);
    if (isRow(row, this.rowCount)) return hasRow(words, row);
    requireInteger('row', row, 0);
    return false;
  }

  /** A new set of the rows that are in both; its `rowCount` is the smaller one. */
  and(other: RowSetLike): RowSet {
    const [mine, others] = [attachedWords(this), requireRowSet('other', other, MAX_ROWS)];
    const result = new RowSet(Math.min(this.rowCount, others.rowCount));
    for (let i = 0; i < result.words.length; i++) result.words[i] = mine[i] & others.words[i];
    return withoutStrayBits(result);
  }

  /** A new set of the rows that are in at least one of them; its `rowCount` is the larger one. */
  or(other: RowSetLike): RowSet {
    const sets = [{ rowCount: this.rowCount, words: attachedWords(this) }, requireRowSet('other', other, MAX_ROWS)];
    const result = new RowSet(Math.max(...sets.map(({ rowCount }) => rowCount)));
    for (const { rowCount, words } of sets) {
      for (let i = 0; i < words.length; i++) result.words[i] |= words[i] & usedBits(i, rowCount);
    }
    return result;
  }

  /** A new set of the rows below `rowCount` that are not in this one. */
  not(): RowSet {
    const words = attachedWords(this);
    const result = new RowSet(this.rowCount);
    for (let i = 0; i < result.words.length; i++) result.words[i] = ~words[i];
    return withoutStrayBits(result);
  }

  /** The number of rows in the set. It counts the bits at every call. */
  count(): number {
    return countRows(attachedWords(this), 0, this.rowCount);
  }

  /** The rows in ascending order. */
  *[Symbol.iterator](): Generator<number, undefined, undefined> {
    const { rowCount } = this;
    const words = attachedWords(this);
    for (let row = nextRow(words, 0, rowCount); row < rowCount; row = nextRow(words, row + 1, rowCount)) yield row;
  }
}

/**
 * `value` as the data of a set of rows with a `rowCount` of at most `rows`.
 *
 * @throws TypeError or RangeError that names the property, the expected and the given value
 */
export function requireRowSet(name: string, value: RowSetLike, rows: number): RowSetLike {
  if (Array.isArray(value) || ArrayBuffer.isView(value) || types.isSet(value)) {
    throw new TypeError(expected(name, 'a RowSet, such as RowSet.fromRows(rows, matrix.rows)', value));
  }
  if (typeof value !== 'object' || value === null) throw new TypeError(expected(name, 'a RowSet', value));
  const rowCount = requireInteger(`${name}.rowCount`, own(value, 'rowCount'), 0);
  if (rowCount > rows) {
    throw new RangeError(`${name}.rowCount: expected at most ${rows}, the number of rows, got ${rowCount}`);
  }
  return { rowCount, words: requireWords(`${name}.words`, own(value, 'words'), rowCount) };
}

function requireWords(name: string, value: unknown, rowCount: number): Uint32Array {
  const words = requireUint32Array(name, value);
  if (words.length !== wordsOf(rowCount)) {
    throw new RangeError(`${name}: expected ${wordsOf(rowCount)} elements for ${rowCount} rows, got ${words.length}`);
  }
  return words;
}

/** Words of a set with this many rows. */
export function wordsOf(rowCount: number): number {
  return Math.ceil(rowCount / WORD_BITS);
}

/** The bits of a word that belong to rows below `rowCount`. */
export function usedBits(word: number, rowCount: number): number {
  const rows = rowCount - word * WORD_BITS;
  return rows >= WORD_BITS ? -1 : (1 << rows) - 1;
}

export function hasRow(words: Uint32Array, row: number): boolean {
  return ((words[row >>> 5] >>> (row & 31)) & 1) === 1;
}

/** The number of rows in `[start, end)`. */
export function countRows(words: Uint32Array, start: number, end: number): number {
  if (start >= end) return 0;
  const first = Math.floor(start / WORD_BITS);
  const last = Math.floor((end - 1) / WORD_BITS);
  let count = 0;
  for (let i = first + 1; i < last; i++) count += bitCount(words[i]);
  const fromStart = -1 << (start & 31);
  const upToEnd = usedBits(last, end);
  if (first === last) return bitCount(words[first] & fromStart & upToEnd);
  return count + bitCount(words[first] & fromStart) + bitCount(words[last] & upToEnd);
}

/** The first row of the set in `[from, end)`, or `end`. */
export function nextRow(words: Uint32Array, from: number, end: number): number {
  if (from >= end) return end;
  let word = Math.floor(from / WORD_BITS);
  const last = Math.floor((end - 1) / WORD_BITS);
  let bits = words[word] & (-1 << (from & 31));
  while (bits === 0 && word < last) bits = words[++word];
  return bits === 0 ? end : Math.min(end, word * WORD_BITS + 31 - Math.clz32(bits & -bits));
}

/** The rows of the set in `[start, end)`, ascending. */
export function listRows(words: Uint32Array, start: number, end: number): Uint32Array {
  const rows = new Uint32Array(countRows(words, start, end));
  let place = 0;
  for (let row = nextRow(words, start, end); place < rows.length; row = nextRow(words, row + 1, end)) {
    rows[place++] = row;
  }
  return rows;
}

function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

function isRow(row: number, rowCount: number): boolean {
  return Number.isInteger(row) && row >= 0 && row < rowCount;
}

function refuseRow(name: string, row: unknown, rowCount: number): never {
  const range = rowCount === 0 ? 'no row, because rowCount is 0' : `a row from 0 to ${rowCount - 1}`;
  const message = expected(name, range, row);
  throw typeof row === 'number' ? new RangeError(message) : new TypeError(message);
}

/** The words of a set, unless their memory was transferred to another thread: every row would seem to be outside. */
function attachedWords({ words }: RowSetLike): Uint32Array {
  return words.byteLength === 0 ? requireUint32Array('words', words) : words;
}

function withoutStrayBits(set: RowSet): RowSet {
  const last = set.words.length - 1;
  if (last >= 0) set.words[last] &= usedBits(last, set.rowCount);
  return set;
}
