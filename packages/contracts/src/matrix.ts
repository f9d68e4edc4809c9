import { requireExpectedUses, requireFloat32Array, requireInteger, requireOneOf } from './arguments.js';
import { nextOperandId } from './operand-id.js';
import type { RowRange } from './row-range.js';

export const COMPANIONS = ['float16', 'int8'] as const;
/**
 * A second copy in fewer bits that a device may keep beside the float32 one. Top-k reads it first and looks up in float32 what it
 * cannot tell, so that rows and scores stay exactly the same.
 */
export type Companion = (typeof COMPANIONS)[number];

/**
 * A matrix of float32 vectors, row-major, `rows x dimensions`.
 *
 * Plain data: it may be written by hand and posted to a worker thread. A backend finds its own resident copy by `id`
 * and `version`, so whoever changes `values` must change `version` too ({@link markChanged}).
 */
export interface VectorMatrix {
  /** Unique among the operands of this process; {@link createMatrix} issues it. */
  readonly id: number;
  /** Changes with every mutation of `values`. */
  readonly version: number;
  readonly rows: number;
  readonly dimensions: number;
  /** Exactly `rows * dimensions` elements, borrowed from the caller; may live in a SharedArrayBuffer. */
  readonly values: Float32Array;
  /** How many requests are going to use it, Infinity to keep it on the device that suits it; a hint for dispatchers. */
  readonly expectedUses?: number | undefined;
  /** What devices that can make use of it keep besides: see {@link Companion}. */
  readonly companion?: Companion | undefined;
  /** What the last versions changed, oldest first, where that is known: see {@link markChanged}. */
  readonly changes?: readonly MatrixChange[] | undefined;
}

/**
 * A matrix with rows that are not in this process: a backend that can reach them runs requests on it, every other says
 * `'unsupported'`. No operation takes one yet.
 */
export interface PlacedMatrix extends Pick<VectorMatrix, 'id' | 'version' | 'rows' | 'dimensions'> {
  /** The name under which the backend that can reach the rows knows where they are. */
  readonly placement: string;
  readonly values?: undefined;
}

/** Rows `[start, end)` are all that this version changed. */
export interface MatrixChange {
  readonly version: number;
  readonly start: number;
  readonly end: number;
}

export interface MatrixOptions {
  /** Elements per row, at least 1. */
  readonly dimensions: number;
  /** See {@link VectorMatrix.expectedUses}. */
  readonly expectedUses?: number | undefined;
  /** See {@link VectorMatrix.companion}. Default: none. */
  readonly companion?: Companion | undefined;
}

/**
 * Wraps `values` as a matrix without copying it. The caller keeps the memory and must not change it while a request
 * that names the matrix is under way; after a change, call {@link markChanged}.
 *
 * @throws TypeError when `values` is not a Float32Array, RangeError when its length is not a multiple of `dimensions`.
 *
 * @example
 * const corpus = createMatrix(new Float32Array([1, 0, 0, 1]), { dimensions: 2 }); // 2 rows
 */
export function createMatrix(values: Float32Array, options: MatrixOptions): VectorMatrix {
  requireFloat32Array('values', values);
  const dimensions = requireInteger('dimensions', options?.dimensions, 1);
  if (values.length % dimensions !== 0) {
    throw new RangeError(
      `values: expected a whole number of rows of ${dimensions} dimensions, got ${values.length} elements`,
    );
  }
  const expectedUses = requireExpectedUses('expectedUses', options.expectedUses);
  const companion = requireOneOf('companion', COMPANIONS, options.companion);
  return {
    id: nextOperandId(),
    version: 1,
    rows: values.length / dimensions,
    dimensions,
    values,
    ...(expectedUses === undefined ? {} : { expectedUses }),
    ...(companion === undefined ? {} : { companion }),
  };
}

/** How many changes a matrix remembers: a copy that is further behind is made anew. */
const REMEMBERED_CHANGES = 16;

/**
 * Says that the contents of an operand made by this package changed: every backend drops its resident copy at the next
 * use. Copies of the operand that were posted to other threads keep their old version.
 *
 * @param rows of a matrix: nothing but these rows changed, so that a backend may bring its copy up to date with them alone
 * @throws RangeError when `rows` are not rows of the matrix, TypeError for rows of a graph
 */
export function markChanged(operand: { readonly version: number }, rows?: RowRange): void {
  const changed = operand as { version: number; changes?: readonly MatrixChange[]; rows?: number };
  if (rows === undefined) {
    changed.version += 1;
    if (changed.changes !== undefined) changed.changes = [];
    return;
  }
  if (changed.rows === undefined) throw new TypeError('rows: expected none, because the operand is no matrix');
  const start = requireInteger('rows.start', rows.start ?? 0, 0, changed.rows);
  const end = requireInteger('rows.end', rows.end ?? changed.rows, start, changed.rows);
  changed.version += 1;
  changed.changes = [...(changed.changes ?? []), { version: changed.version, start, end }].slice(-REMEMBERED_CHANGES);
}

/**
 * The rows that a copy of an earlier version has to take over to be up to date; undefined where that is not known, and the
 * copy has to be made anew.
 */
export function rowsChangedSince(
  matrix: Pick<VectorMatrix, 'version' | 'changes'>,
  version: number,
): { readonly start: number; readonly end: number } | undefined {
  const later = (matrix.changes ?? []).filter((change) => change.version > version && change.version <= matrix.version);
  if (version > matrix.version || later.length !== matrix.version - version) return undefined;
  if (later.length === 0) return { start: 0, end: 0 };
  return {
    start: Math.min(...later.map(({ start }) => start)),
    end: Math.max(...later.map(({ end }) => end)),
  };
}
