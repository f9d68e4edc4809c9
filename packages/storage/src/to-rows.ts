import { types } from 'node:util';
import { expected } from '@gearshift/contracts/internal';

/** Rows one after the other, or an array of rows. */
export type RowValues = Float32Array | readonly ArrayLike<number>[];

/**
 * Rows as one array: the given one, or a new one.
 *
 * @throws TypeError or RangeError that names the row
 */
export function toRows(name: string, values: RowValues, dimensions: number): Float32Array {
  if (types.isFloat32Array(values)) {
    if (values.length % dimensions === 0) return values;
    throw new RangeError(
      `${name}: expected a whole number of rows of ${dimensions} dimensions, got ${values.length} elements`,
    );
  }
  if (!isListLike(values) || ArrayBuffer.isView(values)) {
    throw new TypeError(expected(name, 'a Float32Array or an array of rows', values));
  }
  const rows = new Float32Array(values.length * dimensions);
  copyRows(name, values, dimensions, rows);
  return rows;
}

/** Copies an array of rows to the start of `target`. */
export function copyRows(
  name: string,
  rows: ArrayLike<ArrayLike<number>>,
  dimensions: number,
  target: Float32Array,
): void {
  for (let row = 0; row < rows.length; row++) {
    const source: unknown = rows[row];
    if (!isListLike(source)) throw new TypeError(expected(`${name}[${row}]`, 'a row of numbers', source));
    if (source.length !== dimensions) {
      throw new RangeError(`${name}[${row}]: expected a row of ${dimensions} elements, got ${source.length}`);
    }
    for (let i = 0; i < dimensions; i++) {
      const value = source[i];
      if (typeof value !== 'number') throw new TypeError(expected(`${name}[${row}][${i}]`, 'a number', value));
      target[row * dimensions + i] = value;
    }
  }
}

export function isListLike(value: unknown): value is ArrayLike<unknown> {
  return typeof value === 'object' && value !== null && 'length' in value && typeof value.length === 'number';
}
