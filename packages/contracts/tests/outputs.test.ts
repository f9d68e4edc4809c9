import { describe, expect, test } from 'vitest';
import {
  createMatrix,
  createTopKOutput,
  graphFromEdges,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  requireOutput,
  requireTopKOutput,
} from '../src/index.js';

const shared = new Float32Array(20);
const matrix = createMatrix(shared.subarray(0, 6), { dimensions: 2 });
const query = shared.subarray(6, 10);
const cosine = prepareCosineSimilarity({ operation: 'cosine-similarity', query, queries: 2, matrix, start: 1 });
const candidates = Uint32Array.of(0, 1, 2);
const topK = prepareTopK({ operation: 'top-k', query, queries: 2, matrix, k: 2, candidates });
const activations = shared.subarray(10, 13);
const spread = prepareSpreadActivation({ operation: 'spread-activation', graph: graphFromEdges(3, []), activations });

describe('requireOutput', () => {
  test('returns an output that fits, even next to an input in the same buffer', () => {
    const output = shared.subarray(10, 14);
    expect(requireOutput(cosine, output)).toBe(output);
    expect(requireOutput(spread, new Float32Array(3))).toHaveLength(3);
  });

  test.each([
    [cosine, new Float32Array(5), RangeError, 'output: expected 4 elements, got 5'],
    [cosine, new Float32Array(3), RangeError, 'output: expected 4 elements, got 3'],
    [spread, new Float32Array(4), RangeError, 'output: expected 3 elements, got 4'],
    [cosine, [0, 0, 0, 0], TypeError, 'output: expected a Float32Array, got an array of 4 elements'],
    [cosine, shared.subarray(9, 13), RangeError, 'output: expected memory of its own'],
    [cosine, shared.subarray(3, 7), RangeError, 'output: expected memory of its own'],
    [spread, shared.subarray(12, 15), RangeError, 'output: expected memory of its own'],
  ])('refuses for %o the output %o', (request, output, error, message) => {
    expect(() => requireOutput(request, output as never)).toThrow(error);
    expect(() => requireOutput(request, output as never)).toThrow(message);
  });
});

describe('requireTopKOutput', () => {
  test('accepts an output of createTopKOutput, and one that is larger than needed', () => {
    const output = createTopKOutput(topK);
    expect(output).toEqual({ indices: new Uint32Array(4), scores: new Float32Array(4), count: 2 });
    expect(requireTopKOutput(topK, output)).toBe(output);
    const roomy = { indices: new Uint32Array(9), scores: new Float32Array(9), count: 0 };
    expect(requireTopKOutput(topK, roomy)).toBe(roomy);
  });

  const wide = new ArrayBuffer(64);
  const output = (changes: object) => ({
    indices: new Uint32Array(4),
    scores: new Float32Array(4),
    count: 0,
    ...changes,
  });
  test.each([
    [null, TypeError, 'output: expected an object, got null'],
    [output({ indices: new Uint32Array(3) }), RangeError, 'output.indices: expected at least 4 elements, got 3'],
    [output({ scores: new Float32Array(0) }), RangeError, 'output.scores: expected at least 4 elements, got 0'],
    [
      output({ indices: new Float32Array(4) }),
      TypeError,
      'output.indices: expected a Uint32Array, got Float32Array of 4',
    ],
    [output({ scores: [1, 2, 3, 4] }), TypeError, 'output.scores: expected a Float32Array, got an array of 4 elements'],
    [output({ scores: shared.subarray(2, 6) }), RangeError, 'output.scores: expected memory of its own'],
    [output({ scores: shared.subarray(9, 13) }), RangeError, 'output.scores: expected memory of its own'],
    [
      output({ indices: new Uint32Array(shared.buffer, 0, 4) }),
      RangeError,
      'output.indices: expected memory of its own',
    ],
    [
      output({ indices: new Uint32Array(wide, 0, 4), scores: new Float32Array(wide, 12, 4) }),
      RangeError,
      'output.scores: expected memory of its own',
    ],
  ])('refuses %o', (given, error, message) => {
    expect(() => requireTopKOutput(topK, given as never)).toThrow(error);
    expect(() => requireTopKOutput(topK, given as never)).toThrow(message);
  });
});
