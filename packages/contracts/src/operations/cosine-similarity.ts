import { expected, requireFloat32Array, requireObject } from '../arguments.js';
import type { VectorMatrix } from '../matrix.js';
import { requireAttachedRows, rowsOf, type PlacedMatrix } from '../placed-matrix.js';
import { ownFields, optionNames } from '../options.js';
import type { RowRange } from '../row-range.js';
import { countRows, type RowSetLike } from '../row-set.js';
import { FLOAT32_OUTPUT, requireFloat32Output } from './float32-output.js';
import type { Operation } from './operation.js';
import { checkFields, Prepared } from './prepared.js';
import { requireScanInputs } from './scan-inputs.js';

/**
 * Cosine similarity of each query with each row: output `queries x (end - start)`, row-major. Rows outside of `where` and removed
 * rows score NaN.
 */
export interface CosineSimilarityRequest extends RowRange {
  readonly operation: 'cosine-similarity';
  /** `queries x dimensions`, row-major. */
  readonly query: Float32Array;
  readonly matrix: VectorMatrix | PlacedMatrix;
  /** Number of query vectors, at least 1: `query` holds exactly this many. Default 1. */
  readonly queries?: number | undefined;
  /** Only these rows are considered: a {@link RowSet} or its data, with a `rowCount` of at most `matrix.rows`. */
  readonly where?: RowSetLike | undefined;
}

export class PreparedCosineSimilarity extends Prepared {
  readonly operation: 'cosine-similarity';
  readonly matrix: VectorMatrix;
  readonly query: Float32Array;
  /** Number of query vectors, at least 1. */
  readonly queries: number;
  readonly start: number;
  readonly end: number;
  /**
   * The rows that are considered: those of the request's `where` that were not removed. Its own memory, with exactly the rows of
   * the matrix and no bits past them. Undefined when it would contain every row of the range.
   */
  readonly where: RowSetLike | undefined;
  /** The number of considered rows, of `end - start`. */
  readonly rowsConsidered: number;
  /** Elements of the output: `queries * (end - start)`. */
  readonly outputLength: number;

  constructor(matrix: VectorMatrix, query: Float32Array, start: number, end: number, where: RowSetLike | undefined) {
    super();
    this.operation = 'cosine-similarity';
    this.matrix = matrix;
    this.query = query;
    this.queries = query.length / matrix.dimensions;
    this.start = start;
    this.end = end;
    this.rowsConsidered = where === undefined ? end - start : countRows(where.words, start, end);
    this.where = this.rowsConsidered === end - start ? undefined : where;
    this.outputLength = this.queries * (end - start);
  }
}

const FIELDS = optionNames<CosineSimilarityRequest & Pick<PreparedCosineSimilarity, 'rowsConsidered' | 'outputLength'>>(
  {
    operation: true,
    query: true,
    matrix: true,
    queries: true,
    where: true,
    start: true,
    end: true,
    rowsConsidered: true,
    outputLength: true,
  },
);

/** @throws TypeError or RangeError that names the argument, the expected and the given value. */
export function prepareCosineSimilarity(request: CosineSimilarityRequest): PreparedCosineSimilarity {
  if (request instanceof PreparedCosineSimilarity && Prepared.is(request)) return request;
  requireObject('request', request);
  checkFields(request, FIELDS);
  return prepareFields(ownFields(request, FIELDS));
}

function prepareFields(request: CosineSimilarityRequest): PreparedCosineSimilarity {
  const { operation } = request;
  if (operation !== 'cosine-similarity') {
    throw new RangeError(expected('operation', `'cosine-similarity'`, operation));
  }
  const { matrix, query, start, end, where } = requireScanInputs(request);
  return new PreparedCosineSimilarity(matrix, query, start, end, where);
}

export const cosineSimilarity: Operation<CosineSimilarityRequest, PreparedCosineSimilarity, Float32Array> = {
  ...FLOAT32_OUTPUT,
  name: 'cosine-similarity',
  prepare: prepareCosineSimilarity,
  prepareFields,
  operandOf: ({ matrix }) => matrix,
  itemsOf: ({ start, end }) => end - start,
  part({ matrix, query, start: first, where }, start, end) {
    requireAttachedRows(matrix);
    requireFloat32Array('query', query);
    return new PreparedCosineSimilarity(matrix, query, first + start, first + end, where);
  },
  requireOutput: (request, output) =>
    requireFloat32Output(output, request.outputLength, request.query, rowsOf(request.matrix)),
};
