import { requireFloat32Array, requireObject, requireUint32Array } from './arguments.js';
import type { TopKOutput } from './operations.js';
import type { PreparedCosineSimilarity, PreparedSpreadActivation, PreparedTopK } from './prepared.js';

/** Checks that `output` has exactly the elements the request writes and shares no memory with an input. */
export function requireOutput(
  request: PreparedCosineSimilarity | PreparedSpreadActivation,
  output: Float32Array,
): Float32Array {
  requireFloat32Array('output', output);
  if (output.length !== request.outputLength) {
    throw new RangeError(`output: expected ${request.outputLength} elements, got ${output.length}`);
  }
  if (request.operation === 'spread-activation') requireDisjoint(output, request.activations);
  else {
    requireDisjoint(output, request.query);
    requireDisjoint(output, request.matrix.values);
  }
  return output;
}

/** Checks that both arrays of `output` have room for what the request writes. */
export function requireTopKOutput(request: PreparedTopK, output: TopKOutput): TopKOutput {
  requireObject('output', output);
  requireRoom('output.indices', requireUint32Array('output.indices', output.indices), request.outputLength);
  requireRoom('output.scores', requireFloat32Array('output.scores', output.scores), request.outputLength);
  return output;
}

/** A fresh output with room for exactly what the request writes. */
export function createTopKOutput(request: PreparedTopK): TopKOutput {
  return {
    indices: new Uint32Array(request.outputLength),
    scores: new Float32Array(request.outputLength),
    count: request.count,
  };
}

function requireRoom(name: string, array: Uint32Array | Float32Array, elementCount: number): void {
  if (array.length < elementCount) {
    throw new RangeError(`${name}: expected at least ${elementCount} elements, got ${array.length}`);
  }
}

function requireDisjoint(output: Float32Array, input: Float32Array): void {
  if (
    output.buffer === input.buffer &&
    output.byteOffset < input.byteOffset + input.byteLength &&
    input.byteOffset < output.byteOffset + output.byteLength
  ) {
    throw new RangeError('output: expected memory of its own, got memory that it shares with an input');
  }
}
