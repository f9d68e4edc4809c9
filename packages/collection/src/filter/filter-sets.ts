import type { RowSetLike } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import type { ItemRows } from '../view.js';
import { canonicalFilter } from './canonical-filter.js';
import { compileFilter, type MetadataTest } from './compile-filter.js';
import type { Filter, ItemPredicate } from './filter.js';

/** Changes are forgotten, and sets that have not seen them with them, when there are more than rows and this many. */
const FEW_CHANGES = 1024;
const REMOVED = 0xffff_ffff;

interface FilterSet {
  readonly matches: MetadataTest;
  words: Uint32Array;
  /** The rows below this number are in `words`. */
  rows: number;
  /** Number of changes that `words` takes into account. */
  seen: number;
}

/**
 * The rows that match a filter, for the filters that were used last. A set is made by testing every row once; later uses test
 * only the rows that were added or changed since.
 */
export class FilterSets {
  readonly #most: number;
  /** The filter that was used last is the last one. */
  readonly #sets = new Map<string, FilterSet>();
  /** Rows with another item than when they were added. */
  #changed: number[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * The rows of `items` that match. The words are those of the cache: later calls change them.
   *
   * @throws TypeError or RangeError that names the part of the filter that is wrong
   */
  rowsOf(filter: Filter, items: ItemRows): RowSetLike {
    const text = canonicalFilter('where', filter);
    const set = this.#sets.get(text) ?? {
      matches: compileFilter('where', text),
      words: new Uint32Array(0),
      rows: 0,
      seen: this.#changed.length,
    };
    this.#update(set, items);
    this.#sets.delete(text);
    this.#sets.set(text, set);
    if (this.#sets.size > this.#most) this.#forgetOldest();
    return { rowCount: items.length, words: set.words.subarray(0, wordsFor(items.length)) };
  }

  /** The items of these rows were replaced or removed. */
  change(rows: Iterable<number>, rowCount: number): void {
    if (this.#sets.size === 0) return;
    for (const row of rows) this.#changed.push(row);
    if (this.#changed.length <= rowCount + FEW_CHANGES) return;
    for (const [text, set] of this.#sets) {
      if (set.seen < this.#changed.length) this.#sets.delete(text);
      set.seen = 0;
    }
    this.#changed = [];
  }

  /** Rows have new numbers: see `matrix.compact()`. */
  compact(numbers: Uint32Array): void {
    // Positions stay, so that each set still knows what it has not seen.
    this.#changed = this.#changed.map((row) => (row === REMOVED ? row : numbers[row]));
    for (const set of this.#sets.values()) {
      const words = new Uint32Array(set.words.length);
      let rows = 0;
      for (let row = 0; row < set.rows; row++) {
        const now = numbers[row];
        if (now === REMOVED) continue;
        rows = now + 1;
        if (hasBit(set.words, row)) setBit(words, now, true);
      }
      set.words = words;
      set.rows = rows;
    }
  }

  #update(set: FilterSet, items: ItemRows): void {
    const rowCount = items.length;
    if (set.words.length < wordsFor(rowCount)) {
      const longer = new Uint32Array(Math.max(wordsFor(rowCount), Math.ceil(set.words.length * 1.25)));
      longer.set(set.words);
      set.words = longer;
    }
    const test = (row: number): void => {
      const item = items[row];
      setBit(set.words, row, item !== undefined && set.matches(item.metadata));
    };
    for (; set.seen < this.#changed.length; set.seen++) {
      const row = this.#changed[set.seen];
      if (row < set.rows) test(row);
    }
    for (; set.rows < rowCount; set.rows++) test(set.rows);
  }

  #forgetOldest(): void {
    const [oldest] = this.#sets.keys();
    this.#sets.delete(oldest);
  }
}

/** The rows that a predicate chooses: it is called for each item. */
export function rowsByPredicate(predicate: ItemPredicate, items: ItemRows): RowSetLike {
  const words = new Uint32Array(wordsFor(items.length));
  for (let row = 0; row < items.length; row++) {
    const item = items[row];
    if (item === undefined) continue;
    const isChosen: unknown = predicate(item.metadata, item.id);
    if (typeof isChosen !== 'boolean') throw new TypeError(expected('the result of where', 'true or false', isChosen));
    if (isChosen) setBit(words, row, true);
  }
  return { rowCount: items.length, words };
}

function wordsFor(rows: number): number {
  return Math.ceil(rows / 32);
}

function hasBit(words: Uint32Array, row: number): boolean {
  return ((words[row >>> 5] >>> (row & 31)) & 1) === 1;
}

function setBit(words: Uint32Array, row: number, isSet: boolean): void {
  const bit = 1 << (row & 31);
  if (isSet) words[row >>> 5] |= bit;
  else words[row >>> 5] &= ~bit;
}
