import { types } from 'node:util';
import { createMatrix, type NativeRows } from '@gearshift/contracts';
import { expected, requireFloat32Array, requireInteger } from '@gearshift/contracts/internal';
import { copyRows, isListLike, StoredMatrix } from '@gearshift/storage';
import { AdoptedMatrix } from './adopted-matrix.js';
import type { MatrixOptions, OwnedMatrix } from './executor.js';
import { usesOf } from './expected-uses.js';

type Values = Float32Array | ArrayLike<ArrayLike<number>>;

/** What the executor adds to a matrix. */
export interface MatrixOwner {
  readonly native: NativeRows | undefined;
  onDispose(matrix: OwnedMatrix): void;
}

/** Makes the matrix of {@link Executor.matrix}, from a copy of the values unless they are adopted. */
export function matrixFromValues(
  values: Values,
  options: MatrixOptions,
  owner: MatrixOwner,
): StoredMatrix | AdoptedMatrix {
  const { dimensions, adopt = false, companion } = options;
  if (typeof adopt !== 'boolean') throw new TypeError(expected('adopt', 'a boolean', adopt));
  const hints = { companion, expectedUses: usesOf(options) };
  if (types.isFloat32Array(values)) {
    if (dimensions === undefined) {
      throw new TypeError(expected('dimensions', 'the number of elements per row of a Float32Array', dimensions));
    }
    requireFloat32Array('values', values);
    const checked = createMatrix(values, { dimensions, ...hints });
    if (adopt) return new AdoptedMatrix(checked, owner.onDispose);
    return StoredMatrix.create(checked.rows, { dimensions, ...hints, ...owner }, (memory) => memory.set(values));
  }
  if (adopt) throw new TypeError(expected('values', 'a Float32Array, because adopt is true', values));
  const shape = shapeOf(values, dimensions);
  const stored = { dimensions: shape.dimensions, ...hints, ...owner };
  return StoredMatrix.create(shape.rows, stored, (memory) => copyRows('values', values, shape.dimensions, memory));
}

function shapeOf(rows: unknown, given: number | undefined): { readonly rows: number; readonly dimensions: number } {
  if (!isListLike(rows) || ArrayBuffer.isView(rows)) {
    throw new TypeError(expected('values', 'a Float32Array or an array of rows', rows));
  }
  if (given !== undefined) return { rows: rows.length, dimensions: requireInteger('dimensions', given, 1) };
  if (rows.length === 0) {
    throw new RangeError('dimensions: expected the number of elements per row, because values is empty');
  }
  const first = rows[0]; // not destructured: an array-like object need not be iterable
  if (!isListLike(first)) throw new TypeError(expected('values[0]', 'a row of numbers', first));
  return { rows: rows.length, dimensions: requireInteger('dimensions', first.length, 1) };
}
