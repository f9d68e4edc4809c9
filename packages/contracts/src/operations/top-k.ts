import { types } from 'node:util';
import { expected, requireFloat32Array, requireInteger, requireObject, requireUint32Array } from '../arguments.js';
import type { VectorMatrix } from '../matrix.js';
import { requireAttachedRows, rowsOf, type PlacedMatrix } from '../placed-matrix.js';
import { own, ownFields, optionNames } from '../options.js';
import type { RowRange } from '../row-range.js';
import { countRows, hasRow, type RowSetLike } from '../row-set.js';
import { candidatesIn } from './effective-rows.js';
import type { Operation } from './operation.js';
import { hasCounts, missingInCut, requireMinScore } from './min-score.js';
import { checkFields, Prepared } from './prepared.js';
import { METRICS, type Metric } from './ranking.js';
import { setSearch, type SearchCounts } from './search-counts.js';
import { requireDisjoint } from './require-disjoint.js';
import { requireCandidates } from './require-candidates.js';
import { requireScanInputs } from './scan-inputs.js';

/** The `k` best rows for each query. */
export interface TopKRequest extends RowRange {
  readonly operation: 'top-k';
  /** `queries x dimensions`, row-major. */
  readonly query: Float32Array;
  readonly matrix: VectorMatrix | PlacedMatrix;
  /** Number of query vectors, at least 1: `query` holds exactly this many. Default 1. */
  readonly queries?: number | undefined;
  /**
   * Only these rows are considered: a {@link RowSet} or its data, with a `rowCount` of at most `matrix.rows`. With `candidates`,
   * only rows that are in both.
   */
  readonly where?: RowSetLike | undefined;
  /** At least 1; clamped to the number of rows considered. */
  readonly k: number;
  /** Default `'cosine'`. */
  readonly metric?: Metric | undefined;
  /** Only these rows are considered: indices into the matrix, within `[start, end)`. A RangeError for a repeated row. */
  readonly candidates?: Uint32Array | undefined;
  /**
   * Only rows that score at least as well are ranked: at or above it for cosine and dot, at or below it for euclidean, which is a
   * distance. Rounded to float32 like the scores. NaN does not pass.
   */
  readonly minScore?: number | undefined;
}

/**
 * Receives the best rows, best first, ties by lower index, NaN last. For query `q` of `M` the backend writes the entries
 * `[q * count, (q + 1) * count)` of both arrays; elements behind the last query are left over. Rows are considered when they
 * are in the range, the `candidates` and `where`, and were not removed.
 */
export interface TopKOutput {
  /** Row numbers in the matrix; at least `queries * min(k, rows considered)` elements. */
  readonly indices: Uint32Array;
  /** Their scores; at least as many elements. */
  readonly scores: Float32Array;
  /**
   * Entries per query, set by the backend: `min(k, rows considered)`. With `minScore` as many as passed, and with several queries
   * as many as passed for the query with the most.
   */
  count: number;
  /**
   * With `minScore` and several queries: how many entries each query has, at least one element per query. The other entries of a
   * query, up to `count`, are `NO_ROW` with the score NaN. Absent otherwise.
   */
  readonly counts?: Uint32Array | undefined;
  /** What the search read, if it used codes of the rows; absent for a scan. Set by the backend. */
  search?: SearchCounts | undefined;
}

export class PreparedTopK extends Prepared {
  readonly operation: 'top-k';
  readonly matrix: VectorMatrix;
  readonly query: Float32Array;
  /** Number of query vectors, at least 1. */
  readonly queries: number;
  readonly start: number;
  readonly end: number;
  /** The caller's k. */
  readonly k: number;
  readonly metric: Metric;
  /** Without those that are outside of the request's `where` or were removed. */
  readonly candidates: Uint32Array | undefined;
  /**
   * The rows that are considered: those of the request's `where` that were not removed. Its own memory, with exactly the rows of
   * the matrix and no bits past them. Undefined when it would contain every row of the range, and with candidates.
   */
  readonly where: RowSetLike | undefined;
  /** As float32. */
  readonly minScore: number | undefined;
  /** The number of considered rows. */
  readonly rowsConsidered: number;
  /** Entries per query: `min(k, rows considered)`; the most that there can be with `minScore`. */
  readonly count: number;
  /** Elements of each output array: `queries * count`. */
  readonly outputLength: number;

  constructor(
    matrix: VectorMatrix,
    query: Float32Array,
    start: number,
    end: number,
    k: number,
    metric: Metric,
    candidates: Uint32Array | undefined,
    where: RowSetLike | undefined,
    minScore: number | undefined,
  ) {
    super();
    this.operation = 'top-k';
    this.matrix = matrix;
    this.query = query;
    this.queries = query.length / matrix.dimensions;
    this.start = start;
    this.end = end;
    this.k = k;
    this.metric = metric;
    this.candidates = candidates;
    this.minScore = minScore;
    if (candidates !== undefined) this.rowsConsidered = candidates.length;
    else this.rowsConsidered = where === undefined ? end - start : countRows(where.words, start, end);
    this.where = candidates !== undefined || this.rowsConsidered === end - start ? undefined : where;
    this.count = Math.min(k, this.rowsConsidered);
    this.outputLength = this.queries * this.count;
  }
}

const FIELDS = optionNames<TopKRequest & Pick<PreparedTopK, 'rowsConsidered' | 'count' | 'outputLength'>>({
  operation: true,
  query: true,
  matrix: true,
  queries: true,
  where: true,
  k: true,
  metric: true,
  candidates: true,
  minScore: true,
  start: true,
  end: true,
  rowsConsidered: true,
  count: true,
  outputLength: true,
});

/** @throws TypeError or RangeError that names the argument, the expected and the given value. */
export function prepareTopK(request: TopKRequest): PreparedTopK {
  if (request instanceof PreparedTopK && Prepared.is(request)) return request;
  if (typeof request !== 'object' || request === null) requireObject('request', request);
  checkFields(request, FIELDS);
  return prepareFields(ownFields(request, FIELDS));
}

function prepareFields(request: TopKRequest): PreparedTopK {
  const { operation, k, minScore, candidates } = request;
  const metric = request.metric ?? 'cosine';
  if (operation !== 'top-k') throw new RangeError(expected('operation', `'top-k'`, operation));
  if (!Number.isSafeInteger(k) || k < 1) requireInteger('k', k, 1);
  if (!METRICS.includes(metric)) throw new RangeError(expected('metric', `one of ${METRICS.join(', ')}`, metric));
  const leastScore = minScore === undefined ? undefined : requireMinScore(minScore);
  const { matrix, query, start, end, where } = requireScanInputs(request);
  if (candidates !== undefined) requireCandidates(candidates, start, end);
  const remaining = candidates === undefined || where === undefined ? candidates : candidatesIn(candidates, where);
  return new PreparedTopK(matrix, query, start, end, k, metric, remaining, where, leastScore);
}

/** A new output with exactly the elements that the request writes. */
export function createTopKOutput(request: PreparedTopK): TopKOutput {
  const { queries, count, outputLength } = request;
  const indices = new Uint32Array(outputLength);
  const scores = new Float32Array(outputLength);
  if (request.minScore === undefined || queries === 1) return { indices, scores, count };
  return { indices, scores, count, counts: new Uint32Array(queries) };
}

/** Checks that both arrays of `output` are large enough for the request and share no memory with an input. */
export function requireTopKOutput(request: PreparedTopK, output: TopKOutput): TopKOutput {
  if (typeof output !== 'object' || output === null) requireObject('output', output);
  const { indices, scores } = output;
  const { outputLength, query, matrix, candidates } = request;
  const rows = rowsOf(matrix);
  const byteLength = outputLength * Float32Array.BYTES_PER_ELEMENT;
  const isFine =
    types.isUint32Array(indices) &&
    types.isFloat32Array(scores) &&
    indices.byteLength >= byteLength &&
    scores.byteLength >= byteLength &&
    byteLength > 0 &&
    candidates === undefined &&
    indices.buffer !== scores.buffer &&
    indices.buffer !== query.buffer &&
    indices.buffer !== rows.buffer &&
    scores.buffer !== query.buffer &&
    scores.buffer !== rows.buffer;
  if (!isFine) checkOutput(request, indices, scores);
  if (request.minScore !== undefined) checkCounts(request, output);
  return output;
}

function checkOutput(request: PreparedTopK, indices: Uint32Array, scores: Float32Array): void {
  requireRoom('output.indices', requireUint32Array('output.indices', indices), request.outputLength);
  requireRoom('output.scores', requireFloat32Array('output.scores', scores), request.outputLength);
  const { query, matrix, candidates } = request;
  requireDisjoint('output.indices', indices, query);
  requireDisjoint('output.indices', indices, rowsOf(matrix));
  requireDisjoint('output.scores', scores, query);
  requireDisjoint('output.scores', scores, rowsOf(matrix));
  if (candidates !== undefined) {
    requireDisjoint('output.indices', indices, candidates);
    requireDisjoint('output.scores', scores, candidates);
  }
  requireDisjoint('output.scores', scores, indices);
}

function checkCounts(request: PreparedTopK, output: TopKOutput): void {
  if (!hasCounts(request)) return;
  const { indices, scores } = output;
  const counts = requireUint32Array('output.counts', output.counts);
  requireRoom('output.counts', counts, request.queries);
  const { query, matrix, candidates } = request;
  for (const other of [query, rowsOf(matrix), candidates, indices, scores]) {
    if (other !== undefined) requireDisjoint('output.counts', counts, other);
  }
}

/** Rows of others must not leak from a backend that does not know `where`: every entry is looked at. */
function rowOutside(
  where: RowSetLike,
  request: PreparedTopK,
  { indices, count, counts }: TopKOutput,
): string | undefined {
  for (let query = 0; query < request.queries; query++) {
    const length = hasCounts(request) ? (counts?.[query] ?? 0) : count;
    for (let i = query * count; i < query * count + length; i++) {
      if (!hasRow(where.words, indices[i])) return `row ${indices[i]}, which is outside of where`;
    }
  }
  return undefined;
}

function requireRoom(name: string, array: Uint32Array | Float32Array, elementCount: number): void {
  if (array.length < elementCount) {
    throw new RangeError(`${name}: expected at least ${elementCount} elements, got ${array.length}`);
  }
}

export const topK: Operation<TopKRequest, PreparedTopK, TopKOutput> = {
  name: 'top-k',
  prepare: prepareTopK,
  prepareFields,
  operandOf: ({ matrix }) => matrix,
  itemsOf: ({ start, end, candidates }) => (candidates === undefined ? end - start : candidates.length),
  part({ matrix, query, start: first, end: last, k, metric, candidates, where, minScore }, start, end) {
    requireAttachedRows(matrix);
    requireFloat32Array('query', query);
    if (candidates === undefined) {
      return new PreparedTopK(matrix, query, first + start, first + end, k, metric, undefined, where, minScore);
    }
    requireUint32Array('candidates', candidates);
    const some = candidates.subarray(start, end);
    return new PreparedTopK(matrix, query, first, last, k, metric, some, undefined, minScore);
  },
  createOutput: createTopKOutput,
  requireOutput: requireTopKOutput,
  outputLike(output) {
    const indices = new Uint32Array(output.indices.length);
    const scores = new Float32Array(output.scores.length);
    const counts = own(output, 'counts');
    return counts === undefined
      ? { indices, scores, count: 0 }
      : { indices, scores, count: 0, counts: new Uint32Array(counts.length) };
  },
  copyOutput(request, from, to) {
    const { queries, outputLength } = request;
    to.indices.set(from.indices.subarray(0, outputLength));
    to.scores.set(from.scores.subarray(0, outputLength));
    to.count = from.count;
    if (hasCounts(request) && from.counts !== undefined) to.counts?.set(from.counts.subarray(0, queries));
    setSearch(to, from.search);
  },
  clearOutput(output) {
    output.count = 0;
    setSearch(output, undefined);
    own(output, 'counts')?.fill(0);
  },
  trimOutput(request, output) {
    const { indices, scores, count } = output;
    const entries = request.queries * count;
    if (entries === request.outputLength) return output;
    return { ...output, indices: indices.slice(0, entries), scores: scores.slice(0, entries) };
  },
  missingIn(request, output) {
    const { count, outputLength } = request;
    const { count: written, indices, scores } = output;
    if (written !== count && request.minScore === undefined) {
      return `${String(written)} entries per query where the request has ${count}`;
    }
    const byteLength = outputLength * Float32Array.BYTES_PER_ELEMENT;
    // A backend may have transferred the memory to another thread, or replaced the arrays.
    if (!(types.isUint32Array(indices) && indices.byteLength >= byteLength)) return 'no indices';
    if (!(types.isFloat32Array(scores) && scores.byteLength >= byteLength)) return 'no scores';
    if (request.minScore !== undefined) {
      const missing = missingInCut(request, output);
      if (missing !== undefined) return missing;
    }
    return request.where === undefined ? undefined : rowOutside(request.where, request, output);
  },
};
