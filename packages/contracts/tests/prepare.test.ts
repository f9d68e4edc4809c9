import { describe, expect, test } from 'vitest';
import {
  createMatrix,
  createTopKOutput,
  graphFromEdges,
  placementOf,
  prepareCosineSimilarity,
  prepareOperand,
  prepareRequest,
  prepareSpreadActivation,
  prepareTopK,
  requireOutput,
  requireTopKOutput,
  RowSet,
  SPREAD_DEFAULTS,
  type CosineSimilarityRequest,
  type PlacedMatrix,
  type SpreadActivationRequest,
  type TopKRequest,
} from '../src/index.js';
import { cosineSimilarity as cosineOperation } from '../src/operations/cosine-similarity.js';
import { topK as topKOperation } from '../src/operations/top-k.js';
import { Prepared } from '../src/operations/prepared.js';

// The contract suite checks the errors for bad arguments on every backend; these tests cover the rest.
const matrix = () => createMatrix(Float32Array.of(1, 2, 3, 4, 5, 6), { dimensions: 2 });
const cosine = (): CosineSimilarityRequest => ({
  operation: 'cosine-similarity',
  query: Float32Array.of(1, 2, 3, 4),
  queries: 2,
  matrix: matrix(),
});
const topK = (): TopKRequest => ({ operation: 'top-k', query: Float32Array.of(1, 2), matrix: matrix(), k: 5 });
const spread = (): SpreadActivationRequest => ({
  operation: 'spread-activation',
  graph: graphFromEdges(3, [[0, 1]]),
  activations: Float32Array.of(1, 2, 3),
});

describe('defaults and lengths', () => {
  test('fills in the range and the output length of a cosine-similarity request', () => {
    expect(prepareCosineSimilarity(cosine())).toMatchObject({ queries: 2, start: 0, end: 3, outputLength: 6 });
    expect(prepareCosineSimilarity({ ...cosine(), start: 1, end: 2 })).toMatchObject({
      start: 1,
      end: 2,
      outputLength: 2,
    });
  });

  test('fills in the defaults, the count and the output length of a top-k request', () => {
    expect(prepareTopK(topK())).toMatchObject({
      metric: 'cosine',
      k: 5,
      count: 3,
      outputLength: 3,
      candidates: undefined,
    });
    const some = { ...topK(), query: new Float32Array(8), queries: 4, k: 1, candidates: Uint32Array.of(2, 0) };
    expect(prepareTopK(some)).toMatchObject({ queries: 4, count: 1, outputLength: 4 });
    expect(prepareTopK({ ...some, k: 9 }).count).toBe(2);
    expect(prepareTopK({ ...topK(), start: 2 }).count).toBe(1);
  });

  test('fills in the defaults and the output length of a spread-activation request', () => {
    expect(prepareSpreadActivation(spread())).toMatchObject({ ...SPREAD_DEFAULTS, start: 0, end: 3, outputLength: 3 });
    const part = prepareSpreadActivation({
      ...spread(),
      start: 1,
      end: 2,
      hops: 1,
      decay: -1,
      retention: 2,
      threshold: 3,
    });
    expect(part).toMatchObject({ hops: 1, decay: -1, retention: 2, threshold: 3, outputLength: 1 });
  });
});

describe('prepared requests', () => {
  test('returns a prepared request unchanged, from its own function and from prepareRequest', () => {
    for (const request of [cosine(), topK(), spread()]) {
      const prepared = prepareRequest(request);
      expect(Prepared.is(prepared)).toBe(true);
      expect(prepareRequest(prepared)).toBe(prepared);
    }
    const prepared = prepareTopK(topK());
    expect(prepareTopK(prepared)).toBe(prepared);
  });

  test('checks a changed copy of a prepared request again', () => {
    const copy = Object.assign({}, prepareTopK(topK()), { k: 0 }) as TopKRequest;
    expect(Prepared.is(copy)).toBe(false);
    expect(() => prepareTopK(copy)).toThrow('k: expected an integer of at least 1, got 0');
    for (const value of [null, undefined, 1, 'prepared', {}]) expect(Prepared.is(value)).toBe(false);
  });

  test('refuses a request prepared for another operation', () => {
    const prepared = prepareTopK(topK());
    expect(() => prepareCosineSimilarity(prepared as never)).toThrow(
      "operation: expected 'cosine-similarity', got 'top-k'",
    );
  });

  test('does not apply later changes of the operand to a prepared request', () => {
    const request = cosine();
    const prepared = prepareCosineSimilarity(request);
    Object.assign(request.matrix, { rows: 1_000_000, version: 9 });
    expect(prepared.matrix).toMatchObject({ rows: 3, version: 1 });
  });
});

describe('hostile callers', () => {
  test.each([
    ['k', 2],
    ['metric', 'dot'],
    ['candidates', Uint32Array.of(0)],
    ['start', 0],
    ['end', 3],
    ['queries', 1],
    ['query', Float32Array.of(1, 2)],
  ])('reads the getter of %s once', (name, value) => {
    let reads = 0;
    const request = Object.defineProperty(topK(), name, {
      get: () => (reads++ === 0 ? value : -1),
    });
    expect(prepareTopK(request)).toMatchObject({ [name]: value });
    expect(reads).toBe(1);
  });

  test('reads the getters of where and minScore once', () => {
    const set = { rowCount: 3, words: Uint32Array.of(0b010) };
    const reads = { where: 0, minScore: 0 };
    const request = topK();
    Object.defineProperty(request, 'where', { get: () => (reads.where++ === 0 ? set : undefined) });
    Object.defineProperty(request, 'minScore', { get: () => (reads.minScore++ === 0 ? 0.5 : undefined) });
    const { where, minScore } = prepareTopK(request);
    expect([where?.words, minScore]).toEqual([Uint32Array.of(0b010), 0.5]);
    expect(reads).toEqual({ where: 1, minScore: 1 });
  });

  test('ignores properties of a polluted Object.prototype', () => {
    const pollution = {
      start: 2,
      end: 2,
      metric: 'dot',
      candidates: Uint32Array.of(1),
      hops: 5,
      threshold: 100,
      queries: 7,
      where: {},
      minScore: 1,
      removed: {},
      counts: 5,
    };
    const prototype = Object.prototype as Record<string, unknown>;
    Object.assign(prototype, pollution);
    try {
      expect(prepareTopK(topK())).toMatchObject({ start: 0, end: 3, metric: 'cosine' });
      expect(prepareTopK(topK()).candidates).toBeUndefined();
      expect(prepareSpreadActivation(spread())).toMatchObject({ hops: 1, threshold: 0, start: 0, end: 3 });
    } finally {
      for (const name of Object.keys(pollution)) Reflect.deleteProperty(prototype, name);
    }
  });

  test.each([
    ['null', () => prepareRequest(null as never), TypeError, 'request: expected an object, got null'],
    ['a number', () => prepareTopK(5 as never), TypeError, 'request: expected an object, got 5'],
    [
      'an unknown operation',
      () => prepareRequest({ operation: 'sort' } as never),
      RangeError,
      "operation: expected cosine-similarity, top-k or spread-activation, got 'sort'",
    ],
    [
      'an invalid id',
      () => prepareCosineSimilarity({ ...cosine(), matrix: { ...matrix(), id: 1.5 } }),
      RangeError,
      'matrix.id: expected an integer of at least 0, got 1.5',
    ],
    [
      'an invalid version',
      () => prepareCosineSimilarity({ ...cosine(), matrix: { ...matrix(), version: -1 } }),
      RangeError,
      'matrix.version: expected an integer of at least 0, got -1',
    ],
    [
      'too many rows for the values',
      () => prepareCosineSimilarity({ ...cosine(), matrix: { ...matrix(), rows: 2 ** 31 } }),
      RangeError,
      'matrix.values: expected 4294967296 elements (2147483648 rows of 2), got 6',
    ],
  ])('refuses %s', (_, prepare, error, message) => {
    expect(prepare).toThrow(error);
    expect(prepare).toThrow(message);
  });
});

describe('preparing a graph', () => {
  test('checks the edges again when the version or an array has changed', () => {
    const { graph, activations } = spread();
    prepareSpreadActivation({ operation: 'spread-activation', graph, activations });
    graph.columns[0] = 99;
    // Changed without a new version: the check is not repeated for each request.
    prepareSpreadActivation({ operation: 'spread-activation', graph, activations });
    const changed = { ...graph, version: graph.version + 1 };
    const prepare = (given: typeof graph) => () =>
      prepareSpreadActivation({ operation: 'spread-activation', graph: given, activations });
    expect(prepare(changed)).toThrow('columns[0]: expected a node below 3, got 99');
    expect(prepare({ ...graph, weights: new Float32Array(2) })).toThrow('weights: expected 1 elements');
  });
});

describe('prepareOperand', () => {
  test('checks matrices and graphs and returns a copy that does not change', () => {
    const given = matrix();
    const prepared = prepareOperand(given);
    expect(prepared).toEqual(given);
    expect(prepared).not.toBe(given);
    expect(prepareOperand(spread().graph)).toMatchObject({ nodes: 3 });
    expect(() => prepareOperand({ ...given, rows: 4 })).toThrow('matrix.values: expected 8 elements');
    expect(() => prepareOperand(undefined as never)).toThrow('operand: expected an object, got undefined');
  });
});

describe('queries', () => {
  const topK = (changes: object) =>
    ({
      operation: 'top-k',
      query: Float32Array.of(1, 0, 0, 1),
      queries: 2,
      matrix: matrix(),
      k: 1,
      ...changes,
    }) as TopKRequest;
  const twoQueries = (changes: object) => ({ ...cosine(), query: Float32Array.of(1, 0, 0, 1), ...changes });

  test('accepts queries that match the query', () => {
    expect(prepareTopK(topK({ queries: 2 }))).toMatchObject({ queries: 2, k: 1, outputLength: 2 });
    expect(prepareCosineSimilarity(twoQueries({ queries: 2 })).queries).toBe(2);
    expect(prepareCosineSimilarity({ ...cosine(), query: Float32Array.of(1, 2), queries: undefined }).queries).toBe(1);
  });

  test.each([
    [1, RangeError, 'query has 4 values but the matrix has 2 dimensions; pass queries: 2 for 2 queries'],
    [undefined, RangeError, 'query has 4 values but the matrix has 2 dimensions; pass queries: 2 for 2 queries'],
    [
      3,
      RangeError,
      'query has 4 values but the matrix has 2 dimensions, and 3 queries need 6; pass queries: 2 for 2 queries',
    ],
    [0, RangeError, 'queries: expected an integer of at least 1, got 0'],
    ['2', TypeError, "queries: expected an integer of at least 1, got '2'"],
  ])('refuses queries: %o when the query holds two vectors', (queries, error, message) => {
    for (const prepare of [
      () => prepareTopK(topK({ queries })),
      () => prepareCosineSimilarity(twoQueries({ queries })),
    ]) {
      expect(prepare).toThrow(error);
      expect(prepare).toThrow(message);
    }
  });

  test('refuses a changed copy of a checked request when queries does not match the query', () => {
    const copy = Object.assign({}, prepareTopK(topK({})), { query: Float32Array.of(1, 0) });
    expect(() => prepareTopK(copy)).toThrow(
      'query has 2 values but the matrix has 2 dimensions, and 2 queries need 4; leave out queries for one query',
    );
  });
});

describe('a placed matrix', () => {
  const placed: PlacedMatrix = { id: 1, version: 7, rows: 3, dimensions: 2, placement: 'corpus/rows' };

  test('is prepared with its range, and says where its rows are to code that looks for them', () => {
    for (const matrix of [placed, structuredClone(placed), prepareTopK({ ...topK(), matrix: placed }).matrix]) {
      const prepared = prepareTopK({ ...topK(), matrix, where: RowSet.fromRows([0, 2], 3) });
      expect(prepared).toMatchObject({ start: 0, end: 3, count: 2, rowsConsidered: 2 });
      expect(prepared.matrix).toMatchObject({ id: 1, version: 7, rows: 3, dimensions: 2 });
      expect(placementOf(prepared.matrix)).toBe('corpus/rows');
      expect(() => prepared.matrix.values).toThrow(
        new TypeError('matrix.values: the rows of the matrix are not in this process, but placed as corpus/rows'),
      );
      requireTopKOutput(prepared, createTopKOutput(prepared));
    }
    const scores = prepareCosineSimilarity({ ...cosine(), matrix: placed });
    expect(requireOutput(scores, new Float32Array(6))).toHaveLength(6);
    expect(() => requireOutput(scores, scores.query)).toThrow(RangeError);
  });

  test('is cut into parts', () => {
    const whole = prepareTopK({ ...topK(), matrix: placed });
    expect(topKOperation.part(whole, 1, 2)).toMatchObject({ start: 1, end: 2, count: 1 });
    const scores = prepareCosineSimilarity({ ...cosine(), matrix: placed });
    expect(cosineOperation.part(scores, 0, 2)).toMatchObject({ start: 0, end: 2, outputLength: 4 });
  });

  test.each([
    [{ id: -1 }, /^matrix\.id: expected/],
    [{ version: 0.5 }, /^matrix\.version: expected/],
    [{ rows: '3' }, /^matrix\.rows: expected/],
    [{ dimensions: 0 }, /^matrix\.dimensions: expected/],
    [{ dimensions: 3 }, /^query has 2 values but the matrix has 3 dimensions/],
    [{ placement: 5 }, /^matrix\.values: expected/],
  ])('is refused with %o', (change, message) => {
    expect(() => prepareTopK({ ...topK(), matrix: { ...placed, ...change } as PlacedMatrix })).toThrow(message);
  });

  test('is none if it has its rows, or the placement of a prototype', () => {
    expect(placementOf({ ...matrix(), placement: 'corpus' })).toBeUndefined();
    expect(placementOf(matrix())).toBeUndefined();
    const inherited = Object.assign(Object.create({ placement: 'corpus' }) as object, {
      ...placed,
      placement: undefined,
    });
    expect(placementOf(inherited as unknown as PlacedMatrix)).toBeUndefined();
  });
});
