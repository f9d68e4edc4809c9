import type { Metric, RowSetLike, TopKOutput } from '@gearshift/contracts';
import { optionNames, readOptions, requireSignal } from '@gearshift/contracts/internal';
import type { Collection, FoundItem, Match, SaveOptions } from './collection.js';
import type { CollectionExecutor, CollectionMatrix, RankingOptions } from './collection-executor.js';
import { requireId, type CollectionId } from './collection-id.js';
import { FilterSets, rowsByPredicate } from './filter/filter-sets.js';
import { nodeFolderSystem } from './folder/folder-system.js';
import { requireFolder } from './folder/require-folder.js';
import { saveFolder, type SavedContents } from './folder/save-folder.js';
import { copyJson } from './json.js';
import type { PlacedRows } from './placed-rows.js';
import { readItems, type ItemBatch, type StoredItem } from './read-items.js';
import { readQuery, type ReadQuery, type VectorQuery, type VectorsQuery } from './read-query.js';
import { View, type ItemRows } from './view.js';

const SAVE_OPTIONS = optionNames<SaveOptions>({ signal: true });
/** What `matrix.compact()` gives for a removed row. */
const REMOVED = 0xffff_ffff;

export interface CollectionParts {
  readonly executor: CollectionExecutor;
  readonly matrix: CollectionMatrix;
  /** By row of the matrix; undefined for each removed row. */
  readonly items: ItemRows;
  readonly metric: Metric;
  readonly autoCompact: boolean;
  readonly cachedFilters: number;
  readonly isReadOnly?: boolean | undefined;
  /** The same rows on other machines, which queries read instead of the matrix. */
  readonly placed?: PlacedRows | undefined;
}

/** Implements {@link Collection}. */
export class VectorCollection implements Collection {
  readonly dimensions: number;
  readonly metric: Metric;
  readonly #executor: CollectionExecutor;
  readonly #matrix: CollectionMatrix;
  readonly #autoCompact: boolean;
  readonly #isReadOnly: boolean;
  readonly #placed: PlacedRows | undefined;
  readonly #filters: FilterSets;
  /** The row of each id in {@link #view}. */
  readonly #rows = new Map<CollectionId, number>();
  #items: ItemRows;
  #view: View;
  /** Ends with the last change. */
  #changes: Promise<unknown> = Promise.resolve();
  /** Ends with the last save. */
  #saves: Promise<unknown> = Promise.resolve();
  #disposal: Promise<void> | undefined;

  constructor(parts: CollectionParts) {
    const { executor, matrix, items, metric, autoCompact, cachedFilters, isReadOnly = false, placed } = parts;
    this.dimensions = matrix.dimensions;
    this.metric = metric;
    this.#executor = executor;
    this.#matrix = matrix;
    this.#autoCompact = autoCompact;
    this.#isReadOnly = isReadOnly;
    this.#placed = placed;
    this.#filters = new FilterSets(cachedFilters);
    this.#items = items;
    for (const [row, item] of items.entries()) if (item !== undefined) this.#rows.set(item.id, row);
    this.#view = new View(matrix.pin(), items);
  }

  get size(): number {
    return this.#rows.size;
  }

  async upsert(items: unknown): Promise<void> {
    this.#requireWritable();
    const batch = readItems(items, this.dimensions);
    if (batch.items.length > 0) await this.#change(() => this.#upsert(batch));
  }

  async delete(ids: CollectionId | readonly CollectionId[]): Promise<number> {
    this.#requireWritable();
    const list = Array.isArray(ids) ? ids.map((id, i) => requireId(`ids[${i}]`, id)) : [requireId('ids', ids)];
    return this.#change(() => this.#delete(list));
  }

  has(id: CollectionId): boolean {
    this.#requireOpen();
    return this.#rows.has(requireId('id', id));
  }

  get(id: CollectionId): FoundItem | undefined {
    this.#requireOpen();
    const row = this.#rows.get(requireId('id', id));
    return row === undefined ? undefined : this.#found(row);
  }

  ids(): IterableIterator<CollectionId> {
    this.#requireOpen();
    return this.#rows.keys();
  }

  *[Symbol.iterator](): IterableIterator<FoundItem> {
    for (const row of this.#rows.values()) {
      this.#requireOpen();
      yield this.#found(row);
    }
  }

  query(query: VectorQuery): Promise<Match[]>;
  query(query: VectorsQuery): Promise<Match[][]>;
  async query(query: VectorQuery | VectorsQuery): Promise<Match[] | Match[][]> {
    this.#requireOpen();
    const given = readQuery(query, this.dimensions);
    if (given.queries === 0) return [];
    const { k, queries, values, minScore, signal, deadlineMs, isSingle } = given;
    const where = this.#rowsThatMatch(given);
    const view = this.#view.retain();
    try {
      const output = await this.#rank(values, view, {
        k,
        metric: this.metric,
        queries,
        ...(where === undefined ? {} : { where }),
        ...(minScore === undefined ? {} : { minScore }),
        signal,
        deadlineMs,
      });
      const matches = Array.from({ length: queries }, (_, i) => matchesOf(output, i, view, given));
      return isSingle ? matches[0] : matches;
    } finally {
      view.release();
    }
  }

  async compact(): Promise<void> {
    this.#requireWritable();
    await this.#change(() => this.#compact());
  }

  async save(folder: string, options?: SaveOptions): Promise<void> {
    this.#requireOpen();
    requireFolder(folder);
    const { signal } = readOptions('options', options, SAVE_OPTIONS);
    requireSignal('signal', signal);
    const begin = (path: string): Promise<SavedContents> =>
      this.#change(async () => {
        const vectorsSaved = this.#matrix.save(path, { signal });
        // The caller awaits it, a moment later.
        vectorsSaved.catch(() => undefined);
        return { items: [...this.#items], vectorsSaved };
      });
    const saving = this.#saves.then(() => saveFolder(folder, this, begin, nodeFolderSystem, signal));
    this.#saves = saving.catch(() => undefined);
    await saving;
  }

  dispose(): Promise<void> {
    return (this.#disposal ??= this.#dispose());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #rank(values: Float32Array, { matrix }: View, options: RankingOptions): Promise<TopKOutput> {
    return this.#placed === undefined
      ? this.#executor.topK(values, matrix, options)
      : this.#placed.topK(values, options);
  }

  #requireOpen(): void {
    if (this.#disposal !== undefined) throw new TypeError('collection is disposed');
  }

  #requireWritable(): void {
    this.#requireOpen();
    if (this.#isReadOnly) {
      const remedy =
        this.#placed === undefined
          ? 'pass { writable: true } to openCollection'
          : 'the vectors of this one are on other machines; save a changed copy in the folder, and place that';
      throw new TypeError(`collection: expected one that can be changed; ${remedy}`);
    }
  }

  #found(row: number): FoundItem {
    const { id, metadata } = this.#view.itemAt(row);
    return { id, vector: this.#view.vectorAt(row), metadata: copyJson(metadata) };
  }

  #rowsThatMatch({ where }: ReadQuery): RowSetLike | undefined {
    if (where === undefined) return undefined;
    return typeof where === 'function' ? rowsByPredicate(where, this.#items) : this.#filters.rowsOf(where, this.#items);
  }

  /** Makes a change after those that were asked for before. */
  #change<T>(make: () => Promise<T>): Promise<T> {
    const change = this.#changes.then(make);
    this.#changes = change.catch(() => undefined);
    return change;
  }

  async #upsert({ items, values }: ItemBatch): Promise<void> {
    const { dimensions } = this;
    const added: number[] = [];
    const replaced: { readonly row: number; readonly place: number }[] = [];
    for (const [place, { id }] of items.entries()) {
      const row = this.#rows.get(id);
      if (row === undefined) added.push(place);
      else replaced.push({ row, place });
    }
    const changed = new Map<number, StoredItem>();
    const { start } = await this.#matrix.append(pick(values, added, dimensions));
    for (const [i, place] of added.entries()) changed.set(start + i, items[place]);
    try {
      await this.#replaceVectors(replaced, values);
    } catch (error) {
      // The appended rows are in no ranking then, and the items table has nothing for them.
      await this.#matrix.remove(Array.from(added, (_, i) => start + i));
      throw error;
    }
    for (const { row, place } of replaced) changed.set(row, items[place]);
    this.#publish(
      changed,
      replaced.map(({ row }) => row),
    );
  }

  /** Overwrites the vectors of rows, all of them or none. */
  async #replaceVectors(
    replaced: { readonly row: number; readonly place: number }[],
    values: Float32Array,
  ): Promise<void> {
    const { dimensions } = this;
    const rows = replaced.toSorted((a, b) => a.row - b.row);
    const runs = runsOf(rows);
    for (const [i, run] of runs.entries()) {
      const places = run.map(({ place }) => place);
      try {
        await this.#matrix.update({ start: run[0].row, rows: pick(values, places, dimensions) });
      } catch (error) {
        for (const done of runs.slice(0, i)) await this.#restore(done.map(({ row }) => row));
        throw error;
      }
    }
  }

  /** Writes the vectors of the published view into consecutive rows. */
  async #restore(rows: readonly number[]): Promise<void> {
    const vectors = new Float32Array(rows.length * this.dimensions);
    for (const [i, row] of rows.entries()) vectors.set(this.#view.vectorAt(row), i * this.dimensions);
    await this.#matrix.update({ start: rows[0], rows: vectors });
  }

  async #delete(ids: readonly CollectionId[]): Promise<number> {
    const changed = new Map<number, undefined>();
    for (const id of ids) {
      const row = this.#rows.get(id);
      if (row !== undefined) changed.set(row, undefined);
    }
    if (changed.size === 0) return 0;
    await this.#matrix.remove([...changed.keys()]);
    this.#publish(changed, changed.keys());
    if (this.#autoCompact && this.#rows.size * 2 < this.#items.length) await this.#compact();
    return changed.size;
  }

  /** Makes a change of the matrix and of the items visible, both at once. */
  #publish(changed: ReadonlyMap<number, StoredItem | undefined>, notAppended: Iterable<number>): void {
    this.#filters.change(notAppended, this.#items.length);
    const before = this.#view;
    const view = new View(this.#matrix.pin(), this.#items);
    for (const [row, item] of changed) {
      if (item === undefined) this.#rows.delete(before.itemAt(row).id);
      else this.#rows.set(item.id, row);
    }
    before.replaceBy(view, changed);
    this.#view = view;
    before.release();
  }

  async #compact(): Promise<void> {
    if (this.#rows.size === this.#items.length) return;
    const numbers = await this.#matrix.compact();
    const items: ItemRows = [];
    for (const [row, item] of this.#items.entries()) {
      if (item === undefined || numbers[row] === REMOVED) continue;
      items[numbers[row]] = item;
      this.#rows.set(item.id, numbers[row]);
    }
    this.#filters.compact(numbers);
    const before = this.#view;
    this.#items = items;
    this.#view = new View(this.#matrix.pin(), items);
    before.release();
  }

  async #dispose(): Promise<void> {
    await this.#saves;
    await this.#changes;
    this.#view.release();
    await this.#matrix[Symbol.asyncDispose]();
  }
}

/** The vectors at some places, one after the other. */
function pick(values: Float32Array, places: readonly number[], dimensions: number): Float32Array {
  if (places.length * dimensions === values.length) {
    // Most batches are in order already.
    if (places.every((place, i) => place === i)) return values;
  }
  const picked = new Float32Array(places.length * dimensions);
  for (const [i, place] of places.entries()) {
    picked.set(values.subarray(place * dimensions, (place + 1) * dimensions), i * dimensions);
  }
  return picked;
}

/** Groups sorted rows into runs of neighbours. */
function runsOf<T extends { readonly row: number }>(sorted: readonly T[]): T[][] {
  const runs: T[][] = [];
  for (const entry of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && run[run.length - 1].row + 1 === entry.row) run.push(entry);
    else runs.push([entry]);
  }
  return runs;
}

function matchesOf(
  { indices, scores, count, counts }: TopKOutput,
  query: number,
  view: View,
  options: ReadQuery,
): Match[] {
  const matches: Match[] = [];
  const first = query * count;
  for (let i = first; i < first + (counts?.[query] ?? count); i++) {
    const item = view.itemAt(indices[i]);
    matches.push({
      id: item.id,
      score: scores[i],
      ...(options.includeMetadata === true ? { metadata: copyJson(item.metadata) } : {}),
      ...(options.includeVectors === true ? { vector: view.vectorAt(indices[i]) } : {}),
    });
  }
  return matches;
}
