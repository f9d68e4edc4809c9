import { types } from 'node:util';
import { expected, isFloat16Array } from '@gearshift/contracts/internal';
import type { Vector } from './executor.js';

/** Returns a Float32Array as it is, and a Float16Array or an array of numbers as a new Float32Array. */
export function toVector(name: string, vector: Vector): Float32Array {
  if (types.isFloat32Array(vector)) return vector;
  if (isFloat16Array(vector)) return Float32Array.from(vector);
  if (!Array.isArray(vector)) throw new TypeError(expected(name, 'a Float32Array or an array of numbers', vector));
  const copy = new Float32Array(vector.length);
  copyNumbers(name, vector, copy, 0);
  return copy;
}

/** Returns a Uint32Array as it is, and an array of row numbers as a new one; checked, because a Uint32Array wraps wrong numbers. */
export function toIndices(name: string, indices: Uint32Array | readonly number[]): Uint32Array {
  if (types.isUint32Array(indices)) return indices;
  if (!Array.isArray(indices)) throw new TypeError(expected(name, 'a Uint32Array or an array of row numbers', indices));
  const copy = Uint32Array.from(indices);
  for (let i = 0; i < copy.length; i++) {
    if (copy[i] !== indices[i]) throw new RangeError(expected(`${name}[${i}]`, 'a row number', indices[i]));
  }
  return copy;
}

/** Copies numbers to `target` from `offset` on; TypeError for the first element that is not a number. */
function copyNumbers(name: string, source: ArrayLike<number>, target: Float32Array, offset: number): void {
  for (let i = 0; i < source.length; i++) {
    if (typeof source[i] !== 'number') throw new TypeError(expected(`${name}[${i}]`, 'a number', source[i]));
    target[offset + i] = source[i];
  }
}
