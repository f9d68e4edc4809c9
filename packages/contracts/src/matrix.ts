import { types } from 'node:util';
import { expected, requireExpectedUses, requireInteger, requireOneOf } from './arguments.js';
import {
  DTYPES,
  elementsToFloat32,
  isFloat16Array,
  requireElements,
  requireScale,
  type Dtype,
  type Elements,
  type Float16Elements,
} from './elements/dtype.js';
import { nextOperandId } from './operand-id.js';
import { optionNames, own, readOptions } from './options.js';
import { RANGE_OPTIONS, type RowRange } from './row-range.js';
import type { RowSetLike } from './row-set.js';
import type { MatrixSnapshot, RowSpan } from './stored-rows.js';

export const COMPANIONS = ['auto', 'none', 'codes', 'float16', 'int8'] as const;
/**
 * What a device may keep of a matrix beside its rows, in fewer bits. Top-k reads it first and checks the undecided rows in float32, so
 * that rows and scores stay exactly the same.
 *
 * - `'auto'`: the CPU makes codes of the rows in the background once they pay, within a budget.
 * - `'none'`: nothing.
 * - `'codes'`: the CPU makes codes before the first longer search, unless a search with codes takes no less time; for GPUs it is `'none'`.
 * - `'float16'`, `'int8'`: a GPU makes a copy of this type when it uploads the rows; for CPUs it is `'none'`.
 */
export type Companion = (typeof COMPANIONS)[number];

/**
 * A matrix of vectors, row-major, `rows x dimensions`.
 *
 * Plain data: it may be written by hand and posted to a worker thread. A backend finds its own resident copy by `id`
 * and `version`, so code that changes `values` must change `version` too ({@link markChanged}).
 */
export interface VectorMatrix {
  /** Unique among the operands of this process; {@link createMatrix} issues it. */
  readonly id: number;
  /** Changes with every mutation of `values`. */
  readonly version: number;
  readonly rows: number;
  readonly dimensions: number;
  /** The type of the elements. Default: `'float32'`. */
  readonly dtype?: Dtype | undefined;
  /** Of int8: the value of an element is `element * scale`, rounded to float32. Default: 1. */
  readonly scale?: number | undefined;
  /**
   * Exactly `rows * dimensions` elements, borrowed from the caller; may live in a SharedArrayBuffer. The array fits `dtype`: see
   * {@link Elements}; {@link readRow} converts.
   */
  readonly values: Elements;
  /** Expected number of requests that use the matrix, Infinity to keep it on a device; a hint for dispatchers. */
  readonly expectedUses?: number | undefined;
  /** A second copy that devices may keep: see {@link Companion}. Default: `'auto'`. */
  readonly companion?: Companion | undefined;
  /** The changes of the last versions, oldest first, if known: see {@link markChanged}. */
  readonly changes?: readonly MatrixChange[] | undefined;
  /**
   * Rows that were removed: they are in no ranking, and their cosine similarity is NaN. Nothing may change the set after its first
   * use; another removal makes a new one. Its `rowCount` is at most `rows`.
   */
  readonly removed?: RowSetLike | undefined;
  /** Present if `values` may change while a request reads them: see {@link MatrixSnapshot}. */
  readonly snapshot?: MatrixSnapshot | undefined;
}

/** This version changed only rows `[start, end)`. */
export interface MatrixChange {
  readonly version: number;
  readonly start: number;
  readonly end: number;
}

export interface MatrixOptions {
  /** Elements per row, at least 1. */
  readonly dimensions: number;
  /** Default: float32, float16 and int8 for the arrays of these types. A Uint16Array needs it. */
  readonly dtype?: Dtype | undefined;
  /** See {@link VectorMatrix.scale}. */
  readonly scale?: number | undefined;
  /** See {@link VectorMatrix.expectedUses}. */
  readonly expectedUses?: number | undefined;
  /** See {@link VectorMatrix.companion}. Default: `'auto'`. */
  readonly companion?: Companion | undefined;
}

const MATRIX_OPTIONS = optionNames<MatrixOptions>({
  dimensions: true,
  dtype: true,
  scale: true,
  expectedUses: true,
  companion: true,
});

/**
 * Wraps `values` as a matrix without copying it. The caller keeps the memory and must not change it while a request
 * that names the matrix is under way; after a change, call {@link markChanged}.
 *
 * @throws TypeError when `values` is not an array of `dtype`, RangeError when its length is not a multiple of `dimensions`.
 *
 * @example
 * const corpus = createMatrix(new Float32Array([1, 0, 0, 1]), { dimensions: 2 }); // 2 rows
 */
export function createMatrix<E extends Elements>(
  values: E,
  options: MatrixOptions,
): VectorMatrix & { readonly values: E };
export function createMatrix(
  values: Float16Elements,
  options: MatrixOptions,
): VectorMatrix & { readonly values: Uint16Array };
export function createMatrix(values: Elements | Float16Elements, options: MatrixOptions): VectorMatrix {
  const given = readOptions('options', options, MATRIX_OPTIONS);
  const { dtype, elements } = elementsOf('values', values, given.dtype);
  const scale = requireScale('scale', given.scale, dtype);
  const dimensions = requireInteger('dimensions', given.dimensions, 1);
  if (elements.length % dimensions !== 0) {
    throw new RangeError(
      `values: expected a whole number of rows of ${dimensions} dimensions, got ${elements.length} elements`,
    );
  }
  const expectedUses = requireExpectedUses('expectedUses', given.expectedUses);
  const companion = requireOneOf('companion', COMPANIONS, given.companion);
  return {
    id: nextOperandId(),
    version: 1,
    rows: elements.length / dimensions,
    dimensions,
    ...(dtype === 'float32' ? {} : { dtype }),
    ...(scale === undefined ? {} : { scale }),
    values: elements,
    ...(expectedUses === undefined ? {} : { expectedUses }),
    ...(companion === undefined ? {} : { companion }),
  };
}

/**
 * The type of an array of elements, and the elements as backends read them.
 *
 * @throws TypeError when the array and the given type do not fit
 */
export function elementsOf(
  name: string,
  values: unknown,
  given: unknown,
): { readonly dtype: Dtype; readonly elements: Elements } {
  const dtype = requireOneOf('dtype', DTYPES, given);
  if (isFloat16Array(values)) {
    if (dtype !== undefined && dtype !== 'float16') {
      throw new TypeError(expected('dtype', `'float16' or none, because ${name} is a Float16Array`, dtype));
    }
    const bits = new Uint16Array(values.buffer, values.byteOffset, values.length);
    return { dtype: 'float16', elements: requireElements(name, bits, 'float16') };
  }
  if (dtype === undefined && types.isUint16Array(values)) {
    throw new TypeError(expected('dtype', `'float16' or 'bfloat16', because ${name} is a Uint16Array`, dtype));
  }
  const type = dtype ?? (types.isInt8Array(values) ? 'int8' : 'float32');
  return { dtype: type, elements: requireElements(name, values, type) };
}

/**
 * Copies a row, in float32, to the start of `target`. If the matrix has a snapshot, it is the row of that version.
 */
export function readRow(matrix: VectorMatrix, row: number, target: Float32Array): void {
  const snapshot = own(matrix, 'snapshot');
  if (snapshot !== undefined) {
    snapshot.readRow(row, target);
    return;
  }
  const start = row * matrix.dimensions;
  elementsToFloat32(matrix.values.subarray(start, start + matrix.dimensions), matrix, target);
}

/** The number of changes that a matrix keeps. A copy that is further behind is replaced completely. */
const REMEMBERED_CHANGES = 16;

/**
 * Call it after a change of the contents of an operand: every backend drops its resident copy at the next use. Copies of the
 * operand that were posted to other threads keep their old version.
 *
 * @param rows of a matrix: only these rows changed, so that a backend may update its copy with them alone
 * @throws RangeError when `rows` are not rows of the matrix; TypeError for rows of a graph, and for a stored matrix, which
 * announces its changes itself
 */
export function markChanged(operand: { readonly version: number }, rows?: RowRange): void {
  const changed = operand as { version: number; changes?: readonly MatrixChange[]; rows?: number };
  if (Object.hasOwn(operand, 'stored')) {
    throw new TypeError(
      'operand: expected an adopted or hand-written one; a stored matrix is changed with its update()',
    );
  }
  const changes = own(changed, 'changes');
  if (rows === undefined) {
    changed.version += 1;
    if (changes !== undefined) changed.changes = [];
    return;
  }
  const rowCount = own(changed, 'rows');
  if (rowCount === undefined) throw new TypeError('rows: expected none, because the operand is not a matrix');
  const given = readOptions('rows', rows, RANGE_OPTIONS);
  const start = requireInteger('rows.start', given.start ?? 0, 0, rowCount);
  const end = requireInteger('rows.end', given.end ?? rowCount, start, rowCount);
  changed.version += 1;
  changed.changes = [...(changes ?? []), { version: changed.version, start, end }].slice(-REMEMBERED_CHANGES);
}

/**
 * The rows to update in a copy of an earlier version; undefined if they are unknown, in which case the whole copy has to be
 * replaced.
 */
export function rowsChangedSince(
  matrix: Pick<VectorMatrix, 'version' | 'changes' | 'snapshot'>,
  version: number,
): RowSpan | undefined {
  return hull(spansChangedSince(matrix, version));
}

/** The same rows as ascending and disjoint spans. */
export function spansChangedSince(
  matrix: Pick<VectorMatrix, 'version' | 'changes' | 'snapshot'>,
  version: number,
): readonly RowSpan[] | undefined {
  if (matrix.snapshot !== undefined) return matrix.snapshot.rowsChangedSince(version);
  const later = (own(matrix, 'changes') ?? []).filter(
    (change) => change.version > version && change.version <= matrix.version,
  );
  if (version > matrix.version || later.length !== matrix.version - version) return undefined;
  return disjoint(later);
}

function disjoint(spans: readonly RowSpan[]): readonly RowSpan[] {
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

/** The smallest span that contains all. */
function hull(spans: readonly RowSpan[] | undefined): RowSpan | undefined {
  if (spans === undefined || spans.length === 0) return spans && { start: 0, end: 0 };
  let [{ start, end }] = spans;
  for (const span of spans) {
    if (span.start < start) start = span.start;
    if (span.end > end) end = span.end;
  }
  return { start, end };
}
