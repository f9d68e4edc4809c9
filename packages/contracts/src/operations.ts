import type { CsrGraph } from './graph.js';
import type { VectorMatrix } from './matrix.js';
import type { RowSet } from './row-set.js';

/** The operations Gearshift knows by name; a backend of your own may add others. */
export const OPERATIONS = ['cosine-similarity', 'top-k', 'spread-activation'] as const;
export type OperationName = (typeof OPERATIONS)[number] | (string & {});

/** Best first: cosine and dot descending, euclidean (a distance) ascending. */
export const METRICS = ['cosine', 'dot', 'euclidean'] as const;
export type Metric = (typeof METRICS)[number];

/** Rows `[start, end)` of the operand that the request covers; all of them when left out. */
export interface RowRange {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

/** Cosine similarity of each query with each row: output `queries x (end - start)`, row-major. */
export interface CosineSimilarityRequest extends RowRange {
  readonly operation: 'cosine-similarity';
  /** `queries x dimensions`, row-major, at least one query. */
  readonly query: Float32Array;
  readonly matrix: VectorMatrix;
  /** Number of query vectors, for a check: a RangeError unless `query` holds exactly so many. */
  readonly queries?: number | undefined;
  /** Only rows of this set are considered. Not supported yet: a RangeError when given. */
  readonly where?: RowSet | undefined;
}

/** The `k` best rows for each query. */
export interface TopKRequest extends RowRange {
  readonly operation: 'top-k';
  /** `queries x dimensions`, row-major, at least one query. */
  readonly query: Float32Array;
  readonly matrix: VectorMatrix;
  /** Number of query vectors, for a check: a RangeError unless `query` holds exactly so many. */
  readonly queries?: number | undefined;
  /** Only rows of this set are considered. Not supported yet: a RangeError when given. */
  readonly where?: RowSet | undefined;
  /** At least 1; clamped to the number of rows considered. */
  readonly k: number;
  /** Default `'cosine'`. */
  readonly metric?: Metric | undefined;
  /** Only these rows are considered: indices into the matrix, within `[start, end)`, without duplicates. */
  readonly candidates?: Uint32Array | undefined;
  /** Only rows that score at least this are ranked. Not supported yet: a RangeError when given. */
  readonly minScore?: number | undefined;
}

/** Default options of spreading activation. */
export const SPREAD_DEFAULTS = { hops: 1, decay: 0.85, retention: 0, threshold: 0 } as const;

/**
 * Spreading activation, per hop: `y = retention * x + decay * (A * x)`, then values with `|y| < threshold` become 0 and
 * stop spreading. A row range other than the whole graph is allowed for a single hop only: later hops need every node.
 */
export interface SpreadActivationRequest extends RowRange {
  readonly operation: 'spread-activation';
  readonly graph: CsrGraph;
  /** One value per node. */
  readonly activations: Float32Array;
  /** At least 0; default 1. */
  readonly hops?: number | undefined;
  /** Default 0.85. */
  readonly decay?: number | undefined;
  /** Default 0. */
  readonly retention?: number | undefined;
  /** At least 0; default 0. */
  readonly threshold?: number | undefined;
}

export type OperationRequest = CosineSimilarityRequest | TopKRequest | SpreadActivationRequest;

/**
 * Where a backend writes the best rows, best first, ties by lower index, NaN last. For query `q` of `M` the entries
 * `[q * count, (q + 1) * count)` of both arrays are written.
 */
export interface TopKOutput {
  /** Row numbers in the matrix; at least `queries * min(k, rows considered)` elements. */
  readonly indices: Uint32Array;
  /** Their scores; at least as many elements. */
  readonly scores: Float32Array;
  /** Entries per query, set by the backend: `min(k, rows considered)`. */
  count: number;
}
