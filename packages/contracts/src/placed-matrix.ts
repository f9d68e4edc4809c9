import type { BackendError } from './backend.js';
import { requireAwaited, requireInteger } from './arguments.js';
import { requireElements, type Dtype, type Elements } from './elements/dtype.js';
import type { VectorMatrix } from './matrix.js';
import type { Result } from './result.js';
import type { RowSpan } from './stored-rows.js';

/**
 * A matrix with rows that are not in this process: a backend that can reach them ({@link MatrixPlacer}) runs requests on it, every
 * other one answers `'unsupported'`. Plain data, of one generation of the rows: other rows under the same name are another matrix.
 */
export interface PlacedMatrix extends Pick<VectorMatrix, 'id' | 'version' | 'rows' | 'dimensions'> {
  /** Tells the backend that can reach the rows where they are. */
  readonly placement: string;
  /** That of {@link PlacedFiles.label}. */
  readonly label?: string | undefined;
  readonly values?: undefined;
}

/** Rows in files that other machines read by themselves. */
export interface PlacedFiles {
  /**
   * Files in the format of `matrix.save()`, each below the data root of every machine. The rows of the matrix are those of the first
   * file, then those of the next, and so on.
   */
  readonly files: string | readonly string[];
  /** Of all files together. */
  readonly rows: number;
  readonly dimensions: number;
  /** Of each file. Default: `'float32'`. */
  readonly dtype?: Dtype | undefined;
  /** Of int8, in each file. Default: 1. */
  readonly scale?: number | undefined;
  /** Up to 64 letters, digits, `-` and `_`, which the placed matrix has in every process: such as the state of the data that the files are from. */
  readonly label?: string | undefined;
}

/** Places matrices on other machines, under names that all processes share. */
export interface MatrixPlacer {
  /**
   * Lets the machines load the files: a new generation of the name. `find()` gives the one before until all of the new one is loaded.
   *
   * @throws TypeError or RangeError that names the field, the expected and the given value
   */
  place(name: string, source: PlacedFiles, signal?: AbortSignal): Promise<Result<PlacedMatrix, BackendError>>;
  /** The newest complete generation, whichever process placed it. */
  find(name: string): PlacedMatrix | undefined;
  /** Makes the machines forget every generation of the name. */
  drop(name: string): void;
  /** Whether the matrix is one of its own, of any generation. */
  has(matrix: PlacedMatrix): boolean;
  /** The rows that could be read now, ascending and disjoint. */
  reachable(matrix: PlacedMatrix): readonly RowSpan[];
}

/** Where the rows of a matrix are, if they are not in this process. */
export function placementOf(matrix: VectorMatrix | PlacedMatrix): string | undefined {
  if (CheckedPlacedMatrix.is(matrix)) return matrix.placement;
  const { placement } = matrix as Partial<PlacedMatrix>;
  if (typeof placement !== 'string' || !Object.hasOwn(matrix, 'placement')) return undefined;
  return matrix.values === undefined ? placement : undefined;
}

/** Why code that needs the rows of a matrix in this process cannot use it, if so. */
export function refusePlaced(matrix: VectorMatrix | PlacedMatrix): string | undefined {
  const placement = placementOf(matrix);
  return placement === undefined
    ? undefined
    : `the rows of the matrix are not in this process, but placed as ${placement}`;
}

/**
 * A placed matrix in a prepared request, of which the fields are known to be right. Code that looks for the rows although
 * {@link placementOf} says that they are elsewhere gets an error, and never a wrong score.
 */
export class CheckedPlacedMatrix implements VectorMatrix {
  readonly id: number;
  readonly version: number;
  readonly rows: number;
  readonly dimensions: number;
  readonly placement: string;
  /** No other object can have it. */
  readonly #isChecked = true;

  /** @throws TypeError or RangeError that names the field, the expected and the given value */
  constructor({ id, version, rows, dimensions, placement }: PlacedMatrix) {
    this.id = requireInteger('matrix.id', id, 0);
    this.version = requireInteger('matrix.version', version, 0);
    this.rows = requireInteger('matrix.rows', rows, 0);
    this.dimensions = requireInteger('matrix.dimensions', dimensions, 1);
    this.placement = placement;
    Object.freeze(this);
  }

  get values(): never {
    throw new TypeError(`matrix.values: ${refusePlaced(this)}`);
  }

  static is(value: object): value is CheckedPlacedMatrix {
    return #isChecked in value;
  }
}

const NO_ROWS = new Float32Array();

/** The memory of the rows of a checked matrix; empty if they are placed. */
export function rowsOf(matrix: VectorMatrix): Elements {
  return CheckedPlacedMatrix.is(matrix) ? NO_ROWS : matrix.values;
}

/** Checks that the memory of the rows has not been detached or resized, if they are in this process. */
export function requireAttachedRows(matrix: VectorMatrix): void {
  if (!CheckedPlacedMatrix.is(matrix)) requireElements('matrix.values', matrix.values, matrix.dtype);
}

/** A checked copy of a placed matrix; undefined for any other matrix. */
export function requirePlacedMatrix(value: VectorMatrix | PlacedMatrix): CheckedPlacedMatrix | undefined {
  if (CheckedPlacedMatrix.is(value)) return value;
  if (placementOf(value) === undefined) return undefined;
  requireAwaited('matrix', value);
  return new CheckedPlacedMatrix(value as PlacedMatrix);
}
