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
  if (request.operation === 'spread-activation') requireDisjoint('output', output, request.activations);
  else {
    requireDisjoint('output', output, request.query);
    requireDisjoint('output', output, request.matrix.values);
  }
  return output;
}

/** Checks that both arrays of `output` have room for what the request writes and share no memory with an input. */
export function requireTopKOutput(request: PreparedTopK, output: TopKOutput): TopKOutput {
  requireObject('output', output);
  requireRoom('output.indices', requireUint32Array('output.indices', output.indices), request.outputLength);
  requireRoom('output.scores', requireFloat32Array('output.scores', output.scores), request.outputLength);
  const { query, matrix, candidates } = request;
  requireDisjoint('output.indices', output.indices, query);
  requireDisjoint('output.indices', output.indices, matrix.values);
  requireDisjoint('output.scores', output.scores, query);
  requireDisjoint('output.scores', output.scores, matrix.values);
  if (candidates !== undefined) {
    requireDisjoint('output.indices', output.indices, candidates);
    requireDisjoint('output.scores', output.scores, candidates);
  }
  requireDisjoint('output.scores', output.scores, output.indices);
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

function requireDisjoint(name: string, output: Float32Array | Uint32Array, input: Float32Array | Uint32Array): void {
  if (
    output.buffer === input.buffer &&
    output.byteOffset < input.byteOffset + input.byteLength &&
    input.byteOffset < output.byteOffset + output.byteLength
  ) {
    throw new RangeError(`${name}: expected memory of its own, got memory that it shares with another array`);
  }
}
