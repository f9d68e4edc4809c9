import { expected, optionNames, readOptions } from '@gearshift/contracts/internal';
import type { LimitOptions } from './collection-executor.js';
import type { Filter, ItemPredicate } from './filter/filter.js';
import type { JsonObject } from './json.js';
import { copyVector } from './read-items.js';

export interface QueryOptions<Metadata extends object = JsonObject> extends LimitOptions {
  /** Number of items to find, at least 1. */
  readonly k: number;
  /**
   * Only items with metadata that match. The rows of a filter are kept and brought up to date, so that the same filter costs
   * little the next time; a predicate is called for every item in each query.
   */
  readonly where?: Filter | ItemPredicate<Metadata> | undefined;
  /** Only items that score at least this; with the metric `'euclidean'`, that are at most so far away. */
  readonly minScore?: number | undefined;
  /** Default true. */
  readonly includeMetadata?: boolean | undefined;
  /** Default false. */
  readonly includeVectors?: boolean | undefined;
}

export interface VectorQuery<Metadata extends object = JsonObject> extends QueryOptions<Metadata> {
  readonly vector: Float32Array | readonly number[];
}

export interface VectorsQuery<Metadata extends object = JsonObject> extends QueryOptions<Metadata> {
  /** Several queries at a time, which is faster than one after the other. */
  readonly vectors: readonly (Float32Array | readonly number[])[];
}

/** A checked query. */
export interface ReadQuery extends QueryOptions {
  readonly values: Float32Array;
  readonly queries: number;
  readonly isSingle: boolean;
}

const QUERY_FIELDS = optionNames<VectorQuery & VectorsQuery>({
  vector: true,
  vectors: true,
  k: true,
  where: true,
  minScore: true,
  includeMetadata: true,
  includeVectors: true,
  signal: true,
  deadlineMs: true,
});

/** @throws TypeError or RangeError that names the option; `k`, `minScore`, `signal` and `deadlineMs` are up to the executor */
export function readQuery(query: object, dimensions: number): ReadQuery {
  const given = readOptions('query', query as VectorQuery & VectorsQuery, QUERY_FIELDS);
  const { vector, vectors, where, includeMetadata = true, includeVectors = false } = given;
  if (typeof includeMetadata !== 'boolean')
    throw new TypeError(expected('includeMetadata', 'a boolean', includeMetadata));
  if (typeof includeVectors !== 'boolean') throw new TypeError(expected('includeVectors', 'a boolean', includeVectors));
  if (where !== undefined && typeof where !== 'function' && (typeof where !== 'object' || where === null)) {
    throw new TypeError(expected('where', 'a filter or a predicate', where));
  }
  if ((vector === undefined) === (vectors === undefined)) {
    throw new TypeError(`query: expected either vector or vectors, got ${vector === undefined ? 'neither' : 'both'}`);
  }
  if (vectors !== undefined && !Array.isArray(vectors)) {
    throw new TypeError(expected('vectors', 'an array of vectors', vectors));
  }
  const isSingle = vectors === undefined;
  const list = isSingle ? [vector] : vectors;
  const values = new Float32Array(list.length * dimensions);
  for (let i = 0; i < list.length; i++) {
    const target = values.subarray(i * dimensions, (i + 1) * dimensions);
    copyVector(isSingle ? 'vector' : `vectors[${i}]`, list[i], target);
  }
  return { ...given, includeMetadata, includeVectors, values, queries: list.length, isSingle };
}
