import { readRow, type VectorMatrix } from '@gearshift/contracts';
import type { StoredItem } from './read-items.js';

/** The items by row; undefined for a removed row. */
export type ItemRows = (StoredItem | undefined)[];

/**
 * What queries are answered from: one version of the matrix, and the items of its rows in that version. Views share one array
 * of items: what the next view replaces in it, the earlier one keeps for its readers.
 */
export class View {
  readonly matrix: VectorMatrix & Disposable;
  readonly #items: ItemRows;
  #readers = 1;
  #replaced: ReadonlyMap<number, StoredItem> | undefined;
  #next: View | undefined;

  constructor(matrix: VectorMatrix & Disposable, items: ItemRows) {
    this.matrix = matrix;
    this.#items = items;
  }

  /** The item of a row that is not removed. */
  itemAt(row: number): StoredItem {
    const item = View.#replacedSince(this, row) ?? this.#items[row];
    if (item === undefined) throw new RangeError(`row ${row}: expected a row with an item, got one without`);
    return item;
  }

  /** What the first later change of the row has replaced. */
  static #replacedSince(first: View, row: number): StoredItem | undefined {
    for (let view: View | undefined = first; view !== undefined; view = view.#next) {
      const item = view.#replaced?.get(row);
      if (item !== undefined) return item;
    }
    return undefined;
  }

  /** A copy of the vector of a row. */
  vectorAt(row: number): Float32Array {
    const vector = new Float32Array(this.matrix.dimensions);
    readRow(this.matrix, row, vector);
    return vector;
  }

  /** The next view changes these items of the array. */
  replaceBy(next: View, items: ReadonlyMap<number, StoredItem | undefined>): void {
    const replaced = new Map<number, StoredItem>();
    for (const [row, item] of items) {
      const before = this.#items[row];
      if (before !== undefined) replaced.set(row, before);
      this.#items[row] = item;
    }
    this.#replaced = replaced;
    this.#next = next;
  }

  /** One more reader, until {@link release}. */
  retain(): this {
    this.#readers += 1;
    return this;
  }

  release(): void {
    this.#readers -= 1;
    if (this.#readers === 0) this.matrix[Symbol.dispose]();
  }
}
