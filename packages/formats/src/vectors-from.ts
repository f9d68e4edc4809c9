import { describeValue, optionNames, readOptions, requireInteger } from '@gearshift/contracts/internal';
import { ELEMENT_TYPES, type ElementType, type RawValues } from './elements/element-type.js';
import { MAX_DIMENSIONS } from './limits.js';
import { VectorBatch } from './vector-batch.js';
import type { VectorSource } from './vector-source.js';

export interface VectorsOptions {
  readonly dimensions: number;
  /** Needed for a Uint16Array, which holds the bits of `'float16'` or `'bfloat16'`. Otherwise it follows from the array. */
  readonly dtype?: ElementType | undefined;
  /** Of int8 elements. Default: 1. */
  readonly scale?: number | undefined;
}

const OPTIONS = optionNames<VectorsOptions>({ dimensions: true, dtype: true, scale: true });

/** Arrays of vectors: those of {@link RawValues}, and `Float16Array` where Node.js has it. */
export type MemoryVectors = RawValues | { readonly buffer: ArrayBufferLike; readonly length: number };

/** Types by the name of the array. A Uint16Array may be two of them. */
const BY_ARRAY: Readonly<Record<string, readonly ElementType[]>> = {
  Float32Array: ['float32'],
  Float64Array: ['float64'],
  Float16Array: ['float16'],
  Uint16Array: ['float16', 'bfloat16'],
  Int8Array: ['int8'],
  Uint8Array: ['uint8'],
  Int32Array: ['int32'],
};

/**
 * Vectors in memory as a source for `writeVectors`. The array is used in place: do not change it before the file is written.
 *
 * @param values `rows x dimensions` elements, row-major
 * @throws TypeError or RangeError for wrong arguments
 */
export function vectorsFrom(values: MemoryVectors, options: VectorsOptions): VectorSource {
  const { dimensions: givenDimensions, dtype: givenType, scale = 1 } = readOptions('options', options, OPTIONS);
  const dimensions = requireInteger('dimensions', givenDimensions, 1, MAX_DIMENSIONS);
  const dtype = typeOf(values, givenType);
  const raw = Object.prototype.toString.call(values).includes('Float16Array') ? bitsOf(values) : (values as RawValues);
  if (raw.length % dimensions !== 0) {
    throw new RangeError(`values: expected rows of ${dimensions} dimensions, got ${raw.length} elements`);
  }
  if (!(scale > 0 && scale < Infinity)) throw new RangeError(`scale: expected a positive number, got ${String(scale)}`);
  const place = { dimensions, dtype, scale };
  return {
    ...place,
    rows: raw.length / dimensions,
    async *batches({ maxRows = 1 } = {}) {
      const step = maxRows * dimensions;
      for (let start = 0; start < raw.length; start += step) {
        yield new VectorBatch(place, start / dimensions, raw.subarray(start, start + step));
      }
    },
  };
}

function typeOf(values: unknown, given: ElementType | undefined): ElementType {
  const array = Object.prototype.toString.call(values).slice(8, -1);
  const possible = ArrayBuffer.isView(values) && Object.hasOwn(BY_ARRAY, array) ? BY_ARRAY[array] : undefined;
  if (possible === undefined) {
    throw new TypeError(`values: expected one of ${Object.keys(BY_ARRAY).join(', ')}, got ${describeValue(values)}`);
  }
  if (given === undefined && possible.length === 1) return possible[0];
  if (given === undefined || !possible.includes(given)) {
    const known = given !== undefined && ELEMENT_TYPES.includes(given) ? `'${given}'` : describeValue(given);
    throw new TypeError(
      `dtype: expected ${possible.map((type) => `'${type}'`).join(' or ')} for a ${array}, got ${known}`,
    );
  }
  return given;
}

function bitsOf(values: MemoryVectors): Uint16Array {
  const { buffer, byteOffset, length } = values as Uint16Array;
  return new Uint16Array(buffer, byteOffset, length);
}
