import { types } from 'node:util';
import { expected, requireFloat32Array, requireInteger, requireObject, requireUint32Array } from '../arguments.js';
import type { VectorMatrix } from '../matrix.js';
import { ownFields, optionNames } from '../options.js';
import type { RowRange } from '../row-range.js';
import type { RowSet } from '../row-set.js';
import type { Operation } from './operation.js';
import { checkFields, Prepared } from './prepared.js';
import { METRICS, type Metric } from './ranking.js';
import { requireDisjoint } from './require-disjoint.js';
import { requireCandidates } from './require-candidates.js';
import { refuseUnsupported, requireScanInputs } from './scan-inputs.js';

/** The `k` best rows for each query. */
export interface TopKRequest extends RowRange {
  readonly operation: 'top-k';
  /** `queries x dimensions`, row-major. */
  readonly query: Float32Array;
  readonly matrix: VectorMatrix;
  /** Number of query vectors, at least 1: `query` holds exactly this many. Default 1. */
  readonly queries?: number | undefined;
  /** Only rows of this set are considered. Not supported yet: a RangeError when given. */
  readonly where?: RowSet | undefined;
  /** At least 1; clamped to the number of rows considered. */
  readonly k: number;
  /** Default `'cosine'`. */
  readonly metric?: Metric | undefined;
  /** Only these rows are considered: indices into the matrix, within `[start, end)`. A RangeError for a repeated row. */
  readonly candidates?: Uint32Array | undefined;
  /** Only rows that score at least this are ranked. Not supported yet: a RangeError when given. */
  readonly minScore?: number | undefined;
}

/**
 * Receives the best rows, best first, ties by lower index, NaN last. For query `q` of `M` the backend writes the entries
 * `[q * count, (q + 1) * count)` of both arrays.
 */
export interface TopKOutput {
  /** Row numbers in the matrix; at least `queries * min(k, rows considered)` elements. */
  readonly indices: Uint32Array;
  /** Their scores; at least as many elements. */
  readonly scores: Float32Array;
  /** Entries per query, set by the backend: `min(k, rows considered)`. */
  count: number;
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
  readonly candidates: Uint32Array | undefined;
  /** Entries per query: `min(k, rows considered)`. */
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
    this.count = Math.min(k, candidates === undefined ? end - start : candidates.length);
    this.outputLength = this.queries * this.count;
  }
}

const FIELDS = optionNames<TopKRequest & Pick<PreparedTopK, 'count' | 'outputLength'>>({
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
  if (minScore !== undefined) refuseUnsupported('minScore', minScore);
  const { matrix, query, start, end } = requireScanInputs(request);
  if (candidates !== undefined) requireCandidates(candidates, start, end);
  return new PreparedTopK(matrix, query, start, end, k, metric, candidates);
}

/** A new output with exactly the elements that the request writes. */
export function createTopKOutput(request: PreparedTopK): TopKOutput {
  return {
    indices: new Uint32Array(request.outputLength),
    scores: new Float32Array(request.outputLength),
    count: request.count,
  };
}

/** Checks that both arrays of `output` are large enough for the request and share no memory with an input. */
export function requireTopKOutput(request: PreparedTopK, output: TopKOutput): TopKOutput {
  if (typeof output !== 'object' || output === null) requireObject('output', output);
  const { indices, scores } = output;
  const { outputLength, query, matrix, candidates } = request;
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
    indices.buffer !== matrix.values.buffer &&
    scores.buffer !== query.buffer &&
    scores.buffer !== matrix.values.buffer;
  if (!isFine) checkOutput(request, indices, scores);
  return output;
}

function checkOutput(request: PreparedTopK, indices: Uint32Array, scores: Float32Array): void {
  requireElements('output.indices', requireUint32Array('output.indices', indices), request.outputLength);
  requireElements('output.scores', requireFloat32Array('output.scores', scores), request.outputLength);
  const { query, matrix, candidates } = request;
  requireDisjoint('output.indices', indices, query);
  requireDisjoint('output.indices', indices, matrix.values);
  requireDisjoint('output.scores', scores, query);
  requireDisjoint('output.scores', scores, matrix.values);
  if (candidates !== undefined) {
    requireDisjoint('output.indices', indices, candidates);
    requireDisjoint('output.scores', scores, candidates);
  }
  requireDisjoint('output.scores', scores, indices);
}

function requireElements(name: string, array: Uint32Array | Float32Array, elementCount: number): void {
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
  part({ matrix, query, start: first, end: last, k, metric, candidates }, start, end) {
    requireFloat32Array('matrix.values', matrix.values);
    requireFloat32Array('query', query);
    if (candidates === undefined) {
      return new PreparedTopK(matrix, query, first + start, first + end, k, metric, undefined);
    }
    requireUint32Array('candidates', candidates);
    return new PreparedTopK(matrix, query, first, last, k, metric, candidates.subarray(start, end));
  },
  createOutput: createTopKOutput,
  requireOutput: requireTopKOutput,
  outputLike: ({ indices, scores }) => ({
    indices: new Uint32Array(indices.length),
    scores: new Float32Array(scores.length),
    count: 0,
  }),
  copyOutput({ outputLength }, from, to) {
    to.indices.set(from.indices.subarray(0, outputLength));
    to.scores.set(from.scores.subarray(0, outputLength));
    to.count = from.count;
  },
  clearOutput(output) {
    output.count = 0;
  },
  missingIn({ count, outputLength }, { count: written, indices, scores }) {
    if (written !== count) return `${String(written)} entries per query where the request has ${count}`;
    const byteLength = outputLength * Float32Array.BYTES_PER_ELEMENT;
    // A backend may have transferred the memory to another thread, or replaced the arrays.
    if (!(types.isUint32Array(indices) && indices.byteLength >= byteLength)) return 'no indices';
    return types.isFloat32Array(scores) && scores.byteLength >= byteLength ? undefined : 'no scores';
  },
};
