import { types } from 'node:util';
import { expected, requireAttached } from '../arguments.js';
import { bfloat16ToFloat32, toBfloat16 } from './bfloat16.js';
import { float16ToFloat32, toFloat16 } from './float16.js';
import { int8ToFloat32, toInt8 } from './int8.js';

/** The types of the elements of a matrix. Scores are computed from their exact values, in float32 for all types. */
export const DTYPES = ['float32', 'float16', 'bfloat16', 'int8'] as const;
export type Dtype = (typeof DTYPES)[number];

/** The elements of a matrix: a Float32Array; a Uint16Array with the bits of float16 or bfloat16; an Int8Array. */
export type Elements = Float32Array | Uint16Array | Int8Array;

/** A `Float16Array`, which Node.js has from version 24 on. */
export interface Float16Elements extends ArrayLike<number> {
  readonly [Symbol.toStringTag]: 'Float16Array';
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** How elements are read: of int8 with a scale. */
export interface ElementFormat {
  readonly dtype?: Dtype | undefined;
  readonly scale?: number | undefined;
}

/** Size of an element. */
export const DTYPE_BYTES: Readonly<Record<Dtype, 1 | 2 | 4>> = { float32: 4, float16: 2, bfloat16: 2, int8: 1 };

const ARRAY_NAMES: Readonly<Record<Dtype, string>> = {
  float32: 'a Float32Array',
  float16: `a Uint16Array, because the dtype is 'float16'`,
  bfloat16: `a Uint16Array, because the dtype is 'bfloat16'`,
  int8: `an Int8Array, because the dtype is 'int8'`,
};

/** `value` as the array of elements of a type, with memory that is not detached. */
export function requireElements(name: string, value: unknown, dtype: Dtype = 'float32'): Elements {
  const isRight =
    dtype === 'float32' ? types.isFloat32Array : dtype === 'int8' ? types.isInt8Array : types.isUint16Array;
  if (!isRight(value)) throw new TypeError(expected(name, ARRAY_NAMES[dtype], value));
  requireAttached(name, value);
  return value;
}

/** `value` as the scale of int8 elements, rounded to float32, or undefined. */
export function requireScale(name: string, value: unknown, dtype: Dtype | undefined): number | undefined {
  if (value === undefined) return undefined;
  const range = 'a positive number';
  if (typeof value !== 'number') throw new TypeError(expected(name, range, value));
  if (dtype !== 'int8') throw new RangeError(`${name}: expected none, because only 'int8' has a scale, got ${value}`);
  const scale = Math.fround(value);
  // Smaller ones would be lost in products, and larger ones are infinite.
  if (!(scale >= 2 ** -126 && scale < Infinity)) throw new RangeError(expected(name, range, value));
  return scale;
}

export function isFloat16Array(value: unknown): value is Float16Elements {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Float16Array]';
}

/** The array of elements over a part of a buffer. */
export function elementsView(dtype: Dtype, buffer: ArrayBufferLike, byteOffset: number, length: number): Elements {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    default:
      return new Uint16Array(buffer, byteOffset, length);
  }
}

/** Writes elements as float32 to the start of `output`. Exact, except that int8 is `element * scale` rounded once. */
export function elementsToFloat32(elements: Elements, { dtype, scale }: ElementFormat, output: Float32Array): void {
  switch (dtype) {
    case 'float16':
      float16ToFloat32(elements as Uint16Array, output);
      break;
    case 'bfloat16':
      bfloat16ToFloat32(elements as Uint16Array, output);
      break;
    case 'int8':
      int8ToFloat32(elements as Int8Array, scale, output);
      break;
    default:
      output.set(elements);
  }
}

/**
 * Writes numbers as elements to the start of `output`, each rounded once to the nearest, ties to even. int8 saturates at -127 and 127
 * times the scale.
 *
 * @throws RangeError for NaN in int8, which has none
 */
export function toElements(values: ArrayLike<number>, { dtype, scale = 1 }: ElementFormat, output: Elements): void {
  switch (dtype) {
    case 'float16':
      toFloat16(values, output as Uint16Array);
      break;
    case 'bfloat16':
      toBfloat16(values, output as Uint16Array);
      break;
    case 'int8':
      toInt8(values, scale, output as Int8Array);
      break;
    default:
      output.set(values);
  }
}
