import { types } from 'node:util';
import { requireFloat32Array } from '../arguments.js';
import type { Elements } from '../elements/dtype.js';
import { requireDisjoint } from './require-disjoint.js';

/** Shared by operations that write one float32 array. */
export const FLOAT32_OUTPUT = {
  createOutput: ({ outputLength }: { readonly outputLength: number }): Float32Array => new Float32Array(outputLength),
  outputLike: (output: Float32Array): Float32Array => new Float32Array(output.length),
  copyOutput: (_request: unknown, from: Float32Array, to: Float32Array) => to.set(from),
  clearOutput() {},
  trimOutput: (_request: unknown, output: Float32Array): Float32Array => output,
  /** The byte length, because of `requireAttached`: a backend may have transferred the memory to another thread. */
  missingIn: ({ outputLength }: { readonly outputLength: number }, { byteLength }: Float32Array) =>
    byteLength === outputLength * Float32Array.BYTES_PER_ELEMENT
      ? undefined
      : `${byteLength} bytes where the request has ${outputLength} numbers`,
};

/** Checks that `output` has exactly the elements that a request writes and shares no memory with its inputs. */
export function requireFloat32Output(
  output: Float32Array,
  elementCount: number,
  input: Float32Array,
  operand: Elements = input,
): Float32Array {
  const isFine =
    types.isFloat32Array(output) &&
    output.byteLength === elementCount * Float32Array.BYTES_PER_ELEMENT &&
    elementCount > 0 &&
    output.buffer !== input.buffer &&
    output.buffer !== operand.buffer;
  if (isFine) return output;
  requireFloat32Array('output', output);
  if (output.length !== elementCount) {
    throw new RangeError(`output: expected ${elementCount} elements, got ${output.length}`);
  }
  requireDisjoint('output', output, input);
  requireDisjoint('output', output, operand);
  return output;
}
