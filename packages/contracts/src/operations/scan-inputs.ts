import {
  expected,
  requireExpectedUses,
  requireFloat32Array,
  requireInteger,
  requireObject,
  requireOneOf,
} from '../arguments.js';
import { COMPANIONS, type VectorMatrix } from '../matrix.js';
import { requireRange, type RowRange } from '../row-range.js';

interface ScanRequest extends RowRange {
  readonly query: Float32Array;
  readonly matrix: VectorMatrix;
  readonly queries?: number | undefined;
  readonly where?: unknown;
}

export interface ScanInputs {
  readonly matrix: VectorMatrix;
  readonly query: Float32Array;
  readonly start: number;
  readonly end: number;
}

/** Checks the matrix, the queries and the rows of a request. Reads each property of the caller once. */
export function requireScanInputs(request: ScanRequest): ScanInputs {
  const matrix = requireMatrix(request.matrix);
  const { query } = request;
  if (!(query instanceof Float32Array) || query.byteLength === 0 || query.length % matrix.dimensions !== 0) {
    refuseQuery(query, matrix.dimensions);
  }
  const { start, end, queries, where } = request;
  if (queries !== undefined && Object.hasOwn(request, 'queries')) {
    requireQueryCount(queries, query.length / matrix.dimensions);
  }
  if (where !== undefined && Object.hasOwn(request, 'where')) refuseUnsupported('where', where);
  if (start === undefined && end === undefined) return { matrix, query, start: 0, end: matrix.rows };
  const range = requireRange(request, start, end, matrix.rows);
  return { matrix, query, start: range.start, end: range.end };
}

/** Checked copies by the memory of the values. A matrix with unchanged fields needs no further check. */
const checkedMatrices = new WeakMap<Float32Array, VectorMatrix>();

/**
 * A checked copy, so that later changes of the matrix by the caller do not affect a checked request. It is the same copy
 * until the matrix changes.
 */
export function requireMatrix(value: VectorMatrix): VectorMatrix {
  if (typeof value !== 'object' || value === null) requireObject('matrix', value);
  const { id, version, rows, dimensions, values, expectedUses, companion, changes } = value;
  const checked = checkedMatrices.get(values);
  if (checked === undefined)
    return checkedMatrix({ id, version, rows, dimensions, values, expectedUses, companion, changes });
  const isUnchanged =
    checked.id === id &&
    checked.version === version &&
    checked.rows === rows &&
    checked.dimensions === dimensions &&
    checked.expectedUses === expectedUses &&
    checked.companion === companion &&
    checked.changes === changes &&
    values.byteLength === rows * dimensions * Float32Array.BYTES_PER_ELEMENT &&
    values.byteLength > 0;
  return isUnchanged
    ? checked
    : checkedMatrix({ id, version, rows, dimensions, values, expectedUses, companion, changes });
}

function checkedMatrix(matrix: VectorMatrix): VectorMatrix {
  const { id, version, rows, dimensions, values, expectedUses, companion, changes } = matrix;
  requireInteger('matrix.id', id, 0);
  requireInteger('matrix.version', version, 0);
  requireInteger('matrix.rows', rows, 0);
  requireInteger('matrix.dimensions', dimensions, 1);
  requireFloat32Array('matrix.values', values);
  if (values.length !== rows * dimensions) {
    throw new RangeError(
      `matrix.values: expected ${rows * dimensions} elements (${rows} rows of ${dimensions}), got ${values.length}`,
    );
  }
  requireExpectedUses('matrix.expectedUses', expectedUses);
  requireOneOf('matrix.companion', COMPANIONS, companion);
  const checked = Object.freeze({ ...matrix, changes: Array.isArray(changes) ? changes : undefined });
  checkedMatrices.set(values, checked);
  return checked;
}

function refuseQuery(value: unknown, dimensions: number): never {
  const query = requireFloat32Array('query', value);
  throw new RangeError(`query: expected one or more vectors of ${dimensions} dimensions, got ${query.length} elements`);
}

function requireQueryCount(queries: number, count: number): void {
  if (requireInteger('queries', queries, 1) !== count) {
    throw new RangeError(`queries: expected ${count}, the number of vectors in query, got ${queries}`);
  }
}

/** Refuses an option that no backend supports yet, because ignoring it would give a wrong answer. */
export function refuseUnsupported(name: string, value: unknown): never {
  throw new RangeError(expected(name, 'none, because it is not supported yet', value));
}
