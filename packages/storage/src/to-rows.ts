import { types } from 'node:util';
import type { Dtype, Elements, Float16Elements } from '@gearshift/contracts';
import { expected, isFloat16Array, toElements, type ElementFormat } from '@gearshift/contracts/internal';

/**
 * Rows one after the other, or an array of rows. Numbers are rounded to the elements of the matrix; an array of such elements (for
 * int8 an Int8Array, for float16 and bfloat16 a Uint16Array of bits) is taken as it is.
 */
export type RowValues = Elements | Float16Elements | readonly ArrayLike<number>[];

const FLAT_ARRAYS: Readonly<Record<Dtype, string>> = {
  float32: 'a Float32Array',
  float16: 'a Float32Array, a Float16Array, a Uint16Array of float16 bits',
  bfloat16: 'a Float32Array, a Uint16Array of bfloat16 bits',
  int8: 'a Float32Array, an Int8Array',
};

/**
 * Rows as elements of a matrix: the given array, or a new one.
 *
 * @throws TypeError or RangeError that names the row
 */
export function toRows(name: string, values: RowValues, dimensions: number, format: ElementFormat): Elements {
  const flat = flatElements(name, values, format);
  if (flat !== undefined) {
    if (flat.length % dimensions === 0) return flat;
    throw new RangeError(
      `${name}: expected a whole number of rows of ${dimensions} dimensions, got ${flat.length} elements`,
    );
  }
  if (!isListLike(values) || ArrayBuffer.isView(values)) {
    throw new TypeError(expected(name, `${FLAT_ARRAYS[format.dtype ?? 'float32']} or an array of rows`, values));
  }
  const elements = newElements(values.length * dimensions, format);
  copyRows(name, values, dimensions, elements, format);
  return elements;
}

/** A single row as elements of a matrix: an array that {@link toRows} accepts, or an array of numbers. */
export function toRow(name: string, values: unknown, dimensions: number, format: ElementFormat): Elements {
  const flat = flatElements(name, values, format);
  if (flat === undefined && !Array.isArray(values)) {
    throw new TypeError(expected(name, `${FLAT_ARRAYS[format.dtype ?? 'float32']} or an array of numbers`, values));
  }
  const { length } = flat ?? (values as number[]);
  if (length !== dimensions) throw new RangeError(`${name}: expected ${dimensions} elements, got ${length}`);
  return flat ?? toRows(name, [values as number[]], dimensions, format);
}

/** Copies an array of rows to the start of `target`. */
export function copyRows(
  name: string,
  rows: ArrayLike<ArrayLike<number>>,
  dimensions: number,
  target: Elements,
  format: ElementFormat,
): void {
  const isNarrow = target.BYTES_PER_ELEMENT < Float32Array.BYTES_PER_ELEMENT;
  const numbers = isNarrow ? new Float64Array(dimensions) : undefined;
  for (let row = 0; row < rows.length; row++) {
    const source: unknown = rows[row];
    const start = row * dimensions;
    checkRow(`${name}[${row}]`, source, dimensions, target, isNarrow);
    for (let i = 0; i < dimensions; i++) {
      const value = source[i];
      if (typeof value !== 'number') throw new TypeError(expected(`${name}[${row}][${i}]`, 'a number', value));
      if (numbers === undefined) target[start + i] = value;
      else numbers[i] = value;
    }
    if (numbers !== undefined) {
      requireExpressible(`${name}[${row}]`, numbers, format);
      toElements(numbers, format, target.subarray(start, start + dimensions));
    }
  }
}

export function isListLike(value: unknown): value is ArrayLike<unknown> {
  return typeof value === 'object' && value !== null && 'length' in value && typeof value.length === 'number';
}

/** An array with all elements as those of a matrix; undefined for anything else. */
function flatElements(name: string, values: unknown, format: ElementFormat): Elements | undefined {
  const { dtype = 'float32' } = format;
  switch (dtype) {
    case 'float32':
      return types.isFloat32Array(values) ? values : undefined;
    case 'int8':
      if (types.isInt8Array(values)) return values;
      break;
    default:
      if (types.isUint16Array(values)) return values;
      if (dtype === 'float16' && isFloat16Array(values)) {
        return new Uint16Array(values.buffer, values.byteOffset, values.length);
      }
  }
  if (!types.isFloat32Array(values) && !isFloat16Array(values)) return undefined;
  requireExpressible(name, values, format);
  const elements = newElements(values.length, format);
  toElements(values, format, elements);
  return elements;
}

function newElements(length: number, { dtype = 'float32' }: ElementFormat): Elements {
  if (dtype === 'float32') return new Float32Array(length);
  return dtype === 'int8' ? new Int8Array(length) : new Uint16Array(length);
}

function checkRow(
  name: string,
  row: unknown,
  dimensions: number,
  target: Elements,
  isNarrow: boolean,
): asserts row is ArrayLike<unknown> {
  if (!isListLike(row)) throw new TypeError(expected(name, 'a row of numbers', row));
  // Numbers or bits? Both would be possible.
  if (isNarrow && ArrayBuffer.isView(row) && row.constructor === target.constructor) {
    const problem = 'a row of numbers; to pass elements as they are, pass all rows in one array';
    throw new TypeError(expected(name, problem, row));
  }
  if (row.length !== dimensions) {
    throw new RangeError(`${name}: expected a row of ${dimensions} elements, got ${row.length}`);
  }
}

/** @throws RangeError for NaN in int8, which has none */
function requireExpressible(name: string, values: ArrayLike<number>, { dtype }: ElementFormat): void {
  if (dtype !== 'int8') return;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) {
      throw new RangeError(`${name}[${i}]: expected a number that int8 can express, got NaN`);
    }
  }
}
