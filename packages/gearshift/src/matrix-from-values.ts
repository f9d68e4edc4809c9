import { types } from 'node:util';
import { createMatrix, DTYPES, type Dtype, type Elements, type Float16Elements } from '@gearshift/contracts';
import {
  expected,
  isFloat16Array,
  largestFinite,
  requireInteger,
  requireOneOf,
  requireScale,
  toElements,
} from '@gearshift/contracts/internal';
import { copyRows, isListLike, StoredMatrix } from '@gearshift/storage';
import { AdoptedMatrix } from './adopted-matrix.js';
import type { MatrixOptions } from './executor.js';
import { usesOf } from './expected-uses.js';
import type { OperandOwner } from './operand-owner.js';

export type MatrixValues = Elements | Float16Elements | ArrayLike<ArrayLike<number>>;

/** Of float32 numbers that are not subnormal. */
const SMALLEST_SCALE = 2 ** -126;

/** Makes the matrix of {@link Executor.matrix}, from a copy of the values unless they are adopted. */
export function matrixFromValues(
  values: MatrixValues,
  options: MatrixOptions,
  owner: OperandOwner,
): StoredMatrix | AdoptedMatrix {
  const { adopt = false, companion } = options;
  if (typeof adopt !== 'boolean') throw new TypeError(expected('adopt', 'a boolean', adopt));
  const dtype = requireOneOf('dtype', DTYPES, options.dtype);
  const hints = { companion, expectedUses: usesOf(options) };
  if (!isFlat(values)) {
    if (adopt) throw new TypeError(expected('values', 'a Float32Array, because adopt is true', values));
    const { rows, dimensions } = shapeOf(values, options.dimensions);
    const format = { dtype, scale: scaleFor(dtype, options.scale, values) };
    return StoredMatrix.create(rows, { dimensions, ...format, ...hints, ...owner }, (memory) =>
      copyRows('values', values, dimensions, memory, format),
    );
  }
  const dimensions = requireDimensions(options.dimensions, values);
  if (adopt || !isRounded(values, dtype)) {
    const given = createMatrix(values as Elements, { dimensions, dtype, scale: options.scale, ...hints });
    if (adopt) return new AdoptedMatrix(given, owner);
    return StoredMatrix.create(given.rows, { ...given, ...owner }, (memory) => memory.set(given.values));
  }
  const { rows } = createMatrix(values as Elements, { dimensions });
  const format = { dtype, scale: scaleFor(dtype, options.scale, [values]) };
  return StoredMatrix.create(rows, { dimensions, ...format, ...hints, ...owner }, (memory) =>
    toElements(values, format, memory),
  );
}

/** All rows in one array. Arrays of other types are refused with the types that are possible. */
function isFlat(values: unknown): values is Elements | Float16Elements {
  return (
    types.isFloat32Array(values) || types.isUint16Array(values) || types.isInt8Array(values) || isFloat16Array(values)
  );
}

/** Whether numbers have to be rounded to the type; other arrays hold elements already. */
function isRounded(values: Elements | Float16Elements, dtype: Dtype | undefined): boolean {
  if (dtype === undefined) return false;
  return types.isFloat32Array(values) ? dtype !== 'float32' : isFloat16Array(values) && dtype !== 'float16';
}

function requireDimensions(dimensions: unknown, values: object): number {
  if (dimensions !== undefined) return requireInteger('dimensions', dimensions, 1);
  const { name } = values.constructor;
  const expectation = `the number of elements per row of ${name.startsWith('I') ? 'an' : 'a'} ${name}`;
  throw new TypeError(expected('dimensions', expectation, dimensions));
}

/** The given scale; for int8 without one, the scale with which the largest number becomes 127. */
function scaleFor(
  dtype: Dtype | undefined,
  given: number | undefined,
  rows: ArrayLike<ArrayLike<number>>,
): number | undefined {
  if (given !== undefined || dtype !== 'int8') return requireScale('scale', given, dtype);
  let largest = 0;
  for (let row = 0; row < rows.length; row++) {
    // Anything else is refused when the rows are copied.
    if (!isListLike(rows[row])) break;
    largest = Math.max(largest, largestFinite(rows[row]));
  }
  return largest === 0 ? 1 : requireScale('scale', Math.max(largest / 127, SMALLEST_SCALE), dtype);
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
