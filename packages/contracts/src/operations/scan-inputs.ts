import { types } from 'node:util';
import {
  requireExpectedUses,
  requireFloat32Array,
  requireInteger,
  requireOneOf,
  requireAwaited,
} from '../arguments.js';
import { DTYPES, requireElements, requireScale, type Elements } from '../elements/dtype.js';
import { CheckedMatrix } from '../checked-matrix.js';
import { COMPANIONS, type VectorMatrix } from '../matrix.js';
import { requirePlacedMatrix, type PlacedMatrix } from '../placed-matrix.js';
import { requireRange, type RowRange } from '../row-range.js';
import { requireRowSet, type RowSetLike } from '../row-set.js';
import { effectiveRows } from './effective-rows.js';

interface ScanRequest extends RowRange {
  readonly query: Float32Array;
  readonly matrix: VectorMatrix | PlacedMatrix;
  readonly queries?: number | undefined;
  readonly where?: RowSetLike | undefined;
}

export interface ScanInputs {
  readonly matrix: VectorMatrix;
  readonly query: Float32Array;
  readonly start: number;
  readonly end: number;
  /** The only rows to consider, besides the range: see {@link effectiveRows}. */
  readonly where: RowSetLike | undefined;
}

/** Checks the matrix, the queries and the rows of a request. Reads each property of the caller once. */
export function requireScanInputs(request: ScanRequest): ScanInputs {
  const { query, queries = 1, where, start, end } = request;
  const matrix = requireMatrix(request.matrix);
  if (queries !== 1) requireInteger('queries', queries, 1);
  if (!types.isFloat32Array(query) || query.byteLength === 0 || query.length !== queries * matrix.dimensions) {
    refuseQuery(query, queries, matrix.dimensions);
  }
  const rows = where === undefined && matrix.removed === undefined ? undefined : effectiveRows(where, matrix);
  if (start === undefined && end === undefined) return { matrix, query, start: 0, end: matrix.rows, where: rows };
  const range = requireRange(start, end, matrix.rows);
  return { matrix, query, start: range.start, end: range.end, where: rows };
}

/** Checked copies by the memory of the values. A matrix with unchanged fields needs no further check. */
const checkedMatrices = new WeakMap<Elements, CheckedMatrix>();

/**
 * A checked copy, so that later changes of the matrix by the caller do not affect a checked request. It is the same copy
 * until the matrix changes.
 */
export function requireMatrix(value: VectorMatrix | PlacedMatrix): VectorMatrix {
  if (typeof value !== 'object' || value === null) requireAwaited('matrix', value);
  if (CheckedMatrix.isIntact(value)) return value;
  return requirePlacedMatrix(value) ?? requireRows(value as VectorMatrix);
}

function requireRows(value: VectorMatrix): VectorMatrix {
  const { id, version, rows, dimensions, dtype, scale, values, expectedUses, companion, changes, removed, snapshot } =
    value;
  const checked = checkedMatrices.get(values);
  if (checked !== undefined) {
    const isUnchanged =
      checked.id === id &&
      checked.version === version &&
      checked.rows === rows &&
      checked.dimensions === dimensions &&
      checked.dtype === dtype &&
      checked.scale === scale &&
      checked.expectedUses === expectedUses &&
      checked.companion === companion &&
      checked.changes === changes &&
      checked.removed === removed &&
      checked.snapshot === snapshot &&
      values.byteLength === rows * dimensions * values.BYTES_PER_ELEMENT &&
      values.byteLength > 0;
    if (isUnchanged) return checked;
  }
  requireAwaited('matrix', value);
  return checkedMatrix(
    value,
    { id, version, rows, dimensions, values },
    ownHint(value, 'dtype', dtype),
    ownHint(value, 'scale', scale),
    ownHint(value, 'expectedUses', expectedUses),
    ownHint(value, 'companion', companion),
    ownHint(value, 'changes', changes),
    fromMatrix('removed', removed),
    fromMatrix('snapshot', snapshot),
  );
}

/** A field that was read from a matrix, unless it came from a polluted Object.prototype. */
function ownHint<T>(matrix: VectorMatrix, name: keyof VectorMatrix, value: T): T | undefined {
  return Object.hasOwn(matrix, name) ? value : undefined;
}

/** A field that may be an accessor of the matrix's class, unlike a hint; but not that of a polluted Object.prototype. */
function fromMatrix<T>(name: keyof VectorMatrix, value: T): T | undefined {
  return value === (Object.prototype as Partial<VectorMatrix>)[name] ? undefined : value;
}

function checkedMatrix(
  given: object,
  matrix: VectorMatrix,
  dtype: VectorMatrix['dtype'],
  scale: VectorMatrix['scale'],
  expectedUses: VectorMatrix['expectedUses'],
  companion: VectorMatrix['companion'],
  changes: VectorMatrix['changes'],
  removed: VectorMatrix['removed'],
  snapshot: VectorMatrix['snapshot'],
): VectorMatrix {
  const { id, version, rows, dimensions, values } = matrix;
  requireInteger('matrix.id', id, 0);
  requireInteger('matrix.version', version, 0);
  requireInteger('matrix.rows', rows, 0);
  requireInteger('matrix.dimensions', dimensions, 1);
  if (values === undefined && Object.hasOwn(given, 'stored')) {
    throw new TypeError(
      'matrix: this is a copy of a stored matrix, without its rows; pass the matrix itself, or get it back with attach() of an executor',
    );
  }
  requireOneOf('matrix.dtype', DTYPES, dtype);
  if (requireScale('matrix.scale', scale, dtype) !== scale) {
    throw new RangeError(`matrix.scale: expected a float32 number such as ${Math.fround(scale ?? 1)}, got ${scale}`);
  }
  requireElements('matrix.values', values, dtype);
  if (values.length !== rows * dimensions) {
    throw new RangeError(
      `matrix.values: expected ${rows * dimensions} elements (${rows} rows of ${dimensions}), got ${values.length}`,
    );
  }
  requireExpectedUses('matrix.expectedUses', expectedUses);
  requireOneOf('matrix.companion', COMPANIONS, companion);
  if (removed !== undefined) requireRowSet('matrix.removed', removed, rows);
  // Each field by name: V8 takes a hundred times as long for an object that begins with a spread.
  const checked = new CheckedMatrix({
    id,
    version,
    rows,
    dimensions,
    values,
    dtype,
    scale,
    expectedUses,
    companion,
    changes: Array.isArray(changes) ? changes : undefined,
    removed,
    snapshot,
  });
  checkedMatrices.set(values, checked);
  return checked;
}

/** One query unless the caller says more: a query for a matrix of half its dimensions must not become two. */
function refuseQuery(value: unknown, queries: number, dimensions: number): never {
  const { length } = requireFloat32Array('query', value);
  const needed = queries === 1 ? '' : `, and ${queries} queries need ${queries * dimensions}`;
  const count = length / dimensions;
  const remedy =
    !Number.isInteger(count) || count === 0
      ? ''
      : count === 1
        ? '; leave out queries for one query'
        : `; pass queries: ${count} for ${count} queries`;
  throw new RangeError(`query has ${length} values but the matrix has ${dimensions} dimensions${needed}${remedy}`);
}
