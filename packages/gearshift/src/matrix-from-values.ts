import { types } from 'node:util';
import { createMatrix, type VectorMatrix } from '@gearshift/contracts';
import { expected, requireFloat32Array, requireInteger } from '@gearshift/contracts/internal';
import type { MatrixOptions } from './executor.js';
import { usesOf } from './expected-uses.js';
import { sharedFloat32, sharedFloat32Copy } from './shared-copy.js';
import { copyNumbers } from './to-vector.js';

/** Makes the matrix of {@link Executor.matrix}, from a copy of the values unless they are adopted. */
export function matrixFromValues(
  values: Float32Array | ArrayLike<ArrayLike<number>>,
  options: MatrixOptions,
): VectorMatrix {
  const { dimensions, adopt = false, companion } = options;
  if (typeof adopt !== 'boolean') throw new TypeError(expected('adopt', 'a boolean', adopt));
  if (types.isFloat32Array(values))
    return matrixFromFlat(values, adopt, { dimensions, companion, expectedUses: usesOf(options) });
  if (adopt) throw new TypeError(expected('values', 'a Float32Array, because adopt is true', values));
  return matrixFromRows(values, { dimensions, companion, expectedUses: usesOf(options) });
}

type ContractOptions = Pick<MatrixOptions, 'dimensions' | 'companion' | 'expectedUses'>;

function matrixFromFlat(values: Float32Array, adopt: boolean, { dimensions, ...hints }: ContractOptions): VectorMatrix {
  if (dimensions === undefined) {
    throw new TypeError(expected('dimensions', 'the number of elements per row of a Float32Array', dimensions));
  }
  requireFloat32Array('values', values);
  const borrowed = createMatrix(values, { dimensions, ...hints });
  return adopt ? borrowed : { ...borrowed, values: sharedFloat32Copy(values) };
}

function matrixFromRows(
  rows: ArrayLike<ArrayLike<number>>,
  { dimensions: given, ...hints }: ContractOptions,
): VectorMatrix {
  if (!isListLike(rows) || ArrayBuffer.isView(rows)) {
    throw new TypeError(expected('values', 'a Float32Array or an array of rows', rows));
  }
  if (rows.length === 0 && given === undefined) {
    throw new RangeError('dimensions: expected the number of elements per row, because values is empty');
  }
  if (rows.length > 0 && !isListLike(rows[0])) throw notARow(0, rows[0]);
  const dimensions = requireInteger('dimensions', given ?? rows[0].length, 1);
  const values = sharedFloat32(rows.length * dimensions);
  for (let row = 0; row < rows.length; row++) {
    const source = rows[row];
    if (!isListLike(source)) throw notARow(row, source);
    if (source.length !== dimensions) {
      throw new RangeError(`values[${row}]: expected a row of ${dimensions} elements, got ${source.length}`);
    }
    copyNumbers(`values[${row}]`, source, values, row * dimensions);
  }
  return createMatrix(values, { dimensions, ...hints });
}

function isListLike(value: unknown): value is ArrayLike<unknown> {
  return typeof value === 'object' && value !== null && 'length' in value && typeof value.length === 'number';
}

function notARow(row: number, value: unknown): TypeError {
  return new TypeError(expected(`values[${row}]`, 'a row of numbers', value));
}
