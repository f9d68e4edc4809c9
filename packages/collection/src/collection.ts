import type { Metric } from '@gearshift/contracts';
import type { CollectionId } from './collection-id.js';
import type { JsonObject } from './json.js';
import type { CollectionItem } from './read-items.js';
import type { VectorQuery, VectorsQuery } from './read-query.js';

/** An item as a collection gives it: copies that belong to the caller. */
export interface FoundItem<Metadata extends object = JsonObject> {
  readonly id: CollectionId;
  readonly vector: Float32Array;
  readonly metadata: Metadata;
}

/** An item that a query has found. */
export interface Match<Metadata extends object = JsonObject> {
  readonly id: CollectionId;
  /** Higher is better, except for the distance of the metric `'euclidean'`. */
  readonly score: number;
  /** Absent with `includeMetadata: false`. */
  readonly metadata?: Metadata;
  /** Present with `includeVectors: true`. */
  readonly vector?: Float32Array;
}

export interface SaveOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Vectors with ids and metadata, on an executor.
 *
 * Belongs to one thread. Each query is answered from one state: that before or that after a change, also while the change is
 * under way. Changes are made in the order of the calls; a change is visible as soon as its promise is fulfilled. Wrong
 * arguments reject the promise with a TypeError or RangeError that names them, before anything is changed.
 */
export interface Collection<Metadata extends object = JsonObject> extends AsyncDisposable {
  readonly dimensions: number;
  readonly metric: Metric;
  /** Number of items. */
  readonly size: number;

  /**
   * Adds items, and replaces those with an id that is there already, vector and metadata. All of them or, if one of them is
   * wrong, none. Of several items with one id, the last one counts.
   */
  upsert(items: CollectionItem<Metadata> | readonly CollectionItem<Metadata>[]): Promise<void>;
  /** Deletes the items with these ids; ids that are not there are ignored. Returns the number of items deleted. */
  delete(ids: CollectionId | readonly CollectionId[]): Promise<number>;
  has(id: CollectionId): boolean;
  /** The item with this id, as copies. */
  get(id: CollectionId): FoundItem<Metadata> | undefined;
  /** All ids, in the order in which they were added. */
  ids(): IterableIterator<CollectionId>;
  /** All items, in the order in which they were added. Items that are deleted meanwhile are left out. */
  [Symbol.iterator](): IterableIterator<FoundItem<Metadata>>;

  /** The `k` best items, best first. */
  query(query: VectorQuery<Metadata>): Promise<Match<Metadata>[]>;
  /** The `k` best items for each of several vectors. */
  query(query: VectorsQuery<Metadata>): Promise<Match<Metadata>[][]>;

  /**
   * Gives back the memory of deleted items. Happens by itself when more than half of the rows belong to deleted items, unless
   * `autoCompact` is false.
   */
  compact(): Promise<void>;

  /**
   * Saves the collection in a folder, which is made if it is not there. A cut at any time leaves the state that was saved there
   * before, or the new one. Queries and changes go on meanwhile; what is saved is the state after the changes that were asked
   * for before. One process at a time may save to a folder.
   *
   * @throws CollectionFileError or FileError, for example when the disk is full; the signal's reason after an abort
   */
  save(folder: string, options?: SaveOptions): Promise<void>;

  /** Gives back all memory after the changes and saves under way. Later calls throw TypeError. */
  dispose(): Promise<void>;
}
