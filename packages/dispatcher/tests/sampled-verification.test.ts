import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import {
  CHANNELS,
  createMatrix,
  graphFromEdges,
  METRICS,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  RowSet,
  type PreparedRequest,
  type SpreadActivationRequest,
  type TopKOutput,
} from '@gearshift/contracts';
import { createOracleBackend, powerLawGraph, randomValues, specialRows } from '@gearshift/testing';
import { describeMismatch } from '../src/verification/describe-mismatch.js';
import { SampledVerification } from '../src/verification/sampled-verification.js';
import { dispatchOperationOf } from '../src/operations/dispatch-operations.js';
import { SampleSequence } from '../src/verification/sample-sequence.js';

const oracle = createOracleBackend();
const DIMENSIONS = 16;
const ROWS = 400;
const matrix = createMatrix(randomValues(ROWS * DIMENSIONS, 1), { dimensions: DIMENSIONS });
const graph = powerLawGraph({ nodes: 300, edgesPerNode: 10, seed: 5 });
const activations = Float32Array.from(randomValues(300, 6));

const where = RowSet.fromPredicate(ROWS, (row) => row % 40 < 3);

const cosine = (queries = 2, of = matrix, range = {}) =>
  prepareCosineSimilarity({
    operation: 'cosine-similarity',
    query: randomValues(queries * of.dimensions, 2),
    queries,
    matrix: of,
    ...range,
  });
const topK = (options = {}) =>
  prepareTopK({ operation: 'top-k', query: randomValues(2 * DIMENSIONS, 2), queries: 2, matrix, k: 10, ...options });
const spread = (options: Partial<SpreadActivationRequest> = {}) =>
  prepareSpreadActivation({ operation: 'spread-activation', graph, activations, hops: 1, ...options });

/** The correct answer. */
function answer(request: PreparedRequest): Float32Array | TopKOutput {
  const operation = dispatchOperationOf(request);
  const output = operation.createOutput(request);
  expect(operation.runSync(oracle, request, output).ok).toBe(true);
  return output;
}
const scoresOf = (output: Float32Array | TopKOutput) => ('count' in output ? output.scores : output);
function shift(scores: Float32Array, by: number): void {
  for (let i = 0; i < scores.length; i++) scores[i] += by;
}

const verify = (request: PreparedRequest, output: Float32Array | TopKOutput, probe = true) =>
  new SampledVerification(1).verify(oracle, request, output, probe);

describe('sampled verification of correct results', () => {
  const requests: [string, () => PreparedRequest][] = [
    ['cosine', () => cosine()],
    ['cosine of a part', () => cosine(2, matrix, { start: 7, end: 300 })],
    ...METRICS.map((metric): [string, () => PreparedRequest] => [`top-k, ${metric}`, () => topK({ metric })]),
    ['top-k of everything', () => topK({ k: 1000, end: 50 })],
    ['top-k of candidates', () => topK({ candidates: Uint32Array.of(300, 5, 77, 12, 9), k: 3 })],
    ['top-k of equal rows', () => topK({ matrix: createMatrix(new Float32Array(100 * DIMENSIONS).fill(1), { dimensions: DIMENSIONS }) })], // prettier-ignore
    ['cosine of a set', () => cosine(2, matrix, { where, start: 7 })],
    ['cosine of no rows', () => cosine(2, matrix, { where: new RowSet(ROWS) })],
    ['top-k of a set', () => topK({ where })],
    ['top-k of all rows of a set', () => topK({ where, k: 400 })],
    ['top-k from a score', () => topK({ k: 50, minScore: 0.3 })],
    ['top-k from a score that no row reaches', () => topK({ k: 50, minScore: 1 })],
    ['top-k up to a distance', () => topK({ k: 50, metric: 'euclidean', minScore: 4.5, where })],
    ['no hop', () => spread({ hops: 0, start: 0, end: 300 })],
    ['a hop', () => spread()],
    ['a hop of a part', () => spread({ start: 20, end: 90 })],
    ['a hop with a threshold', () => spread({ threshold: 0.4 })],
    ['several hops', () => spread({ hops: 4, threshold: 0.05 })],
  ];
  it.each(requests)('accepts a correct result: %s', async (_name, make) => {
    const request = make();
    const output = answer(request);
    const verification = new SampledVerification(1);
    for (let i = 0; i < 200; i++) expect(await verification.verify(oracle, request, output, i % 2 === 0)).toBeNull();
  });

  it('accepts correct results for zeros, subnormals, huge values, infinities and NaN', async () => {
    const special = createMatrix(specialRows(8), { dimensions: 8 });
    const verification = new SampledVerification(1);
    for (let query = 0; query < special.rows; query++) {
      const queryVector = special.values.slice(query * 8, query * 8 + 8);
      const requests = [
        prepareCosineSimilarity({ operation: 'cosine-similarity', query: queryVector, matrix: special }),
        ...METRICS.map((metric) =>
          prepareTopK({ operation: 'top-k', query: queryVector, matrix: special, k: 5, metric }),
        ),
      ];
      for (const request of requests) {
        const output = answer(request);
        for (let i = 0; i < 20; i++) {
          const mismatch = await verification.verify(oracle, request, output, true);
          expect(mismatch, mismatch === null ? '' : describeMismatch(mismatch)).toBeNull();
        }
      }
    }
  });

  it('accepts flushed subnormal squares and intermediate overflow, which kernels are allowed', async () => {
    const tiny = createMatrix(new Float32Array(DIMENSIONS).fill(2 ** -64), { dimensions: DIMENSIONS });
    const ofTiny = cosine(1, tiny);
    for (const score of [0, scoresOf(answer(ofTiny))[0]])
      expect(await verify(ofTiny, Float32Array.of(score))).toBeNull();
    const withNaN = prepareCosineSimilarity({
      operation: 'cosine-similarity',
      query: new Float32Array(DIMENSIONS).fill(NaN),
      matrix: tiny,
    });
    expect(await verify(withNaN, Float32Array.of(0))).toMatchObject({ rule: 'score', expected: NaN });

    const huge = createMatrix(new Float32Array(DIMENSIONS).fill(2 ** 126), { dimensions: DIMENSIONS });
    const query = Float32Array.from({ length: DIMENSIONS }, (_, i) => (i % 2 === 0 ? 1 : -1));
    const dot = prepareTopK({ operation: 'top-k', metric: 'dot', query, matrix: huge, k: 1 });
    for (const score of [0, NaN, Infinity]) {
      expect(await verify(dot, { indices: Uint32Array.of(0), scores: Float32Array.of(score), count: 1 })).toBeNull();
    }
  });

  it('accepts both values of a node when rounding decides about the threshold', async () => {
    const pair = graphFromEdges(2, [[0, 1, 0.5]]);
    const options = { graph: pair, activations: Float32Array.of(0.5, 0), decay: 1, retention: 0, threshold: 0.25 };
    for (const score of [0.25, 0]) {
      for (const hops of [1, 2]) {
        const output = hops === 1 ? Float32Array.of(0, score) : new Float32Array(2);
        expect(await verify(spread({ ...options, hops }), output)).toBeNull();
      }
    }
    expect(await verify(spread({ ...options, threshold: 0.24 }), new Float32Array(2))).toMatchObject({ got: 0 });
  });

  it('accepts rounding errors of an earlier hop', async () => {
    // Large terms cancel in the first hop; the second hop passes on the difference.
    const cancelling = graphFromEdges(4, [
      [0, 2, 1],
      [1, 2, -1],
      [2, 3, 1],
    ]);
    const options = {
      graph: cancelling,
      activations: Float32Array.of(1e4, 1e4, 0, 0),
      hops: 2,
      decay: 1,
      retention: 0,
    };
    expect(await verify(spread(options), Float32Array.of(0, 0, 0, 5e-3))).toBeNull();
    expect(await verify(spread(options), Float32Array.of(0, 0, 0, 5e-2))).toMatchObject({ row: 3 });
  });

  it('accepts results that differ by rounding alone', async () => {
    const request = cosine();
    const output = scoresOf(answer(request));
    for (let i = 0; i < output.length; i++) output[i] += (i % 2 === 0 ? 1 : -1) * 1.9 * DIMENSIONS * 2 ** -24;
    expect(await verify(request, output)).toBeNull();
  });
});

describe('sampled verification of wrong results', () => {
  it.each([
    ['zeros', (scores: Float32Array) => void scores.fill(0)],
    ['a shift of all', (scores: Float32Array) => shift(scores, 3e-5)],
    ['NaN', (scores: Float32Array) => void scores.fill(NaN)],
    ['the first one', (scores: Float32Array) => void (scores[0] += 0.5)],
    ['the last one', (scores: Float32Array) => void (scores[scores.length - 1] += 0.5)],
    ['rows off by one', (scores: Float32Array) => void scores.copyWithin(1, 0)],
  ])('finds wrong scores of cosine-similarity and spread-activation in the first sample: %s', async (_name, spoil) => {
    for (const request of [cosine(), spread(), spread({ hops: 3 })]) {
      const output = scoresOf(answer(request));
      spoil(output);
      const mismatch = await verify(request, output);
      expect(mismatch).toMatchObject({ rule: request.operation === 'cosine-similarity' ? 'score' : 'activation' });
    }
  });

  it('finds a result of zeros when only a few nodes should be nonzero', async () => {
    const nodes = 5000;
    // One node in a thousand receives from the only active one, all others from one that is not.
    const edges = Array.from({ length: nodes - 2 }, (_, i) => [i % 1000 === 777 ? 0 : 1, i + 2] as const);
    const few = new Float32Array(nodes);
    few[0] = 1;
    const request = spread({ graph: graphFromEdges(nodes, edges), activations: few, decay: 1, retention: 0 });
    expect(scoresOf(answer(request)).filter((score) => score !== 0)).toHaveLength(5);
    expect(await verify(request, new Float32Array(nodes), false)).toMatchObject({ rule: 'activation', got: 0 });
    expect(await verify(request, answer(request), false)).toBeNull();
  });

  it('finds a number in place of NaN', async () => {
    const values = randomValues(10 * DIMENSIONS, 1);
    values[0] = NaN;
    const request = cosine(1, createMatrix(values, { dimensions: DIMENSIONS }));
    const output = scoresOf(answer(request));
    expect(output[0]).toBeNaN();
    output[0] = 1;
    expect(await verify(request, output)).toMatchObject({ rule: 'score', row: 0, got: 1, expected: NaN });
  });

  const rankings: [string, string, object, (output: TopKOutput) => void][] = [
    ['zeros', 'order', {}, ({ scores, indices }) => void (scores.fill(0), indices.fill(0))],
    ['scores off', 'score', {}, ({ scores }) => shift(scores, 1e-3)],
    ['rows out of range', 'row', {}, ({ indices }) => void indices.fill(ROWS)],
    ['rows below the range', 'row', { start: 10 }, ({ indices }) => void indices.fill(9)],
    ['no candidates', 'row', { candidates: Uint32Array.of(5, 77, 9), k: 2 }, ({ indices }) => void indices.fill(6, 0, 4)],
    ['worst first', 'order', {}, ({ scores, indices }) => {
      for (const from of [0, 10]) {
        scores.subarray(from, from + 10).reverse();
        indices.subarray(from, from + 10).reverse();
      }
    }],
    ['one row twice', 'order', {}, ({ scores, indices }) => {
      for (const from of [0, 10]) {
        scores[from + 1] = scores[from];
        indices[from + 1] = indices[from];
      }
    }],
    ['scores of other rows', 'score', {}, ({ indices }) => void indices.reverse()],
  ]; // prettier-ignore
  it.each(rankings)('finds a wrong ranking: %s', async (_name, rule, options, spoil) => {
    const request = topK(options);
    const output = answer(request) as TopKOutput;
    spoil(output);
    const mismatch = await verify(request, output);
    expect(mismatch).not.toBeNull();
    if (rule !== 'order' && rule !== 'row') expect(mismatch).toMatchObject({ rule });
    expect(mismatch !== null && describeMismatch(mismatch)).toMatch(/wrong|not requested|missing/);
  });

  it.each([
    [{}, ROWS],
    [{ start: 10 }, 9],
    [{ candidates: Uint32Array.from({ length: 20 }, (_, i) => 2 * i) }, 1],
    [{ where }, 3],
    [{ matrix: { ...matrix, removed: where } }, 2],
  ])('finds a row outside the requested rows: %o', async (options, row) => {
    const request = topK(options);
    const output = answer(request) as TopKOutput;
    for (const query of [0, 1]) output.indices[query * request.count] = row;
    expect(await verify(request, output)).toMatchObject({ rule: 'row', row });
  });

  it('finds a score in place of NaN outside of where, and NaN within it', async () => {
    const request = cosine(1, matrix, { where });
    const verification = new SampledVerification(1);
    for (const spoil of [(score: number) => (Number.isNaN(score) ? 0 : score), () => NaN]) {
      const output = scoresOf(answer(request)).map(spoil);
      expect(await verification.verify(oracle, request, output, false)).toMatchObject({ rule: 'score' });
    }
  });

  it('finds rows missing that reach minScore, although the list is not full', async () => {
    for (const options of [{ minScore: 0.1 }, { metric: 'euclidean', minScore: 5 }, { where, minScore: -1 }]) {
      const request = topK({ k: 300, ...options });
      const output = answer(request) as TopKOutput;
      expect(output.count).toBeLessThan(300);
      expect(await verify(request, output)).toBeNull();
      const none = { ...output, count: 0, counts: new Uint32Array(2) };
      expect(await verify(request, none)).toMatchObject({ rule: 'missing-row' });
      const first = { ...output, count: 1, counts: Uint32Array.of(1, 1) };
      first.indices[1] = output.indices[output.count];
      first.scores[1] = output.scores[output.count];
      expect(await verify(request, first)).toMatchObject({ rule: 'missing-row' });
    }
  });

  it.each(METRICS)('finds ties that are not in the order of their rows: %s', async (metric) => {
    const same = createMatrix(new Float32Array(50 * DIMENSIONS).fill(0.5), { dimensions: DIMENSIONS });
    const request = topK({ matrix: same, metric, k: 3 });
    const output = answer(request) as TopKOutput;
    output.indices.set([0, 2, 1, 0, 2, 1]);
    expect(await verify(request, output)).toMatchObject({ rule: 'order' });
  });

  it('finds a NaN that is not last', async () => {
    const values = randomValues(20 * DIMENSIONS, 1);
    values[3 * DIMENSIONS] = NaN;
    const request = topK({ matrix: createMatrix(values, { dimensions: DIMENSIONS }), k: 4 });
    const output = answer(request) as TopKOutput;
    for (const from of [0, 4]) {
      output.indices[from] = 3;
      output.scores[from] = NaN;
    }
    expect(await verify(request, output)).toMatchObject({ rule: 'order', got: NaN });
  });

  it.each(METRICS)('finds missing better rows: %s', async (metric) => {
    // The best rows of one half alone, as if the other half had been skipped: correct scores in the correct order.
    const whole = topK({ metric });
    const half = answer(topK({ metric, start: ROWS / 2 })) as TopKOutput;
    const verification = new SampledVerification(1);
    let looks = 1;
    for (; looks < 50; looks++) {
      const mismatch = await verification.verify(oracle, whole, half, false);
      if (mismatch === null) continue;
      expect(mismatch.rule).toBe('missing-row');
      expect(mismatch.row).toBeLessThan(ROWS / 2);
      break;
    }
    // Two to five of 400 rows are missing, and each check samples 8.
    expect(looks).toBeLessThan(50);
  });

  it('samples more rows in a probe', async () => {
    // One row in 16 is wrong: 8 samples miss them, 32 do not.
    const request = cosine(1);
    const output = scoresOf(answer(request));
    for (let i = 200; i < 225; i++) output[i] += 1e-3;
    expect(await verify(request, output, false)).toBeNull();
    expect(await verify(request, output, true)).toMatchObject({ rule: 'score' });
  });

  it('finds an error in one tenth of the rows within a few checks, wherever they are', async () => {
    const request = cosine(1);
    for (let from = 0; from < ROWS; from += ROWS / 10) {
      const output = scoresOf(answer(request));
      for (let i = from; i < from + ROWS / 10; i++) output[i] += 1e-3;
      const verification = new SampledVerification(1);
      let looks = 1;
      while (looks < 10 && (await verification.verify(oracle, request, output, false)) === null) looks += 1;
      expect(looks).toBeLessThan(4);
    }
  });
});

describe('sampled verification schedule', () => {
  const due = (verification: SampledVerification, count: number, request: PreparedRequest = cosine()) =>
    Array.from({ length: count }, (_, i) => (verification.isDue(request, false) ? i : -1)).filter((i) => i >= 0);

  it('verifies the first result and every thousandth after it by default, or every nth as configured', () => {
    expect(due(new SampledVerification(), 3000)).toEqual([0, 1000, 2000]);
    expect(due(new SampledVerification(7), 20)).toEqual([0, 7, 14]);
    expect(due(new SampledVerification(1), 3)).toEqual([0, 1, 2]);
  });

  it('verifies only probes with 0, and every probe without counting it', () => {
    const verification = new SampledVerification(0);
    expect(due(verification, 100)).toEqual([]);
    expect(verification.isDue(cosine(), true)).toBe(true);
    const other = new SampledVerification(3);
    for (let i = 0; i < 5; i++) other.isDue(cosine(), true);
    expect(due(other, 4)).toEqual([0, 3]);
  });

  it('skips a request with several hops and verifies the next result instead', () => {
    const verification = new SampledVerification(2);
    expect(due(verification, 10, spread({ hops: 2 }))).toEqual([]);
    expect(due(verification, 1)).toEqual([0]);
    expect(verification.isDue(spread({ hops: 2 }), true)).toBe(true);
  });

  it.each([-1, 0.5, NaN])('refuses %d as everyNth', (everyNth) => {
    expect(() => new SampledVerification(everyNth)).toThrow(RangeError);
  });
});

it('yields to the event loop while it recomputes a large graph', async () => {
  let nowMs = 0;
  const nodes = 5000;
  const chain = graphFromEdges(
    nodes,
    Array.from({ length: nodes - 1 }, (_, i) => [i, i + 1] as const),
  );
  const request = spread({ graph: chain, activations: new Float32Array(nodes).fill(0.5), hops: 2 });
  const output = answer(request);
  const verification = new SampledVerification(1, () => (nowMs += 3));
  let turns = 0;
  let isDone = false;
  const turn = () => {
    turns += 1;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  expect(await verification.verify(oracle, request, output, true)).toBeNull();
  isDone = true;
  expect(turns).toBeGreaterThanOrEqual(3);
});

it('samples every position about equally often', () => {
  const samples = new SampleSequence();
  const seen = new Uint32Array(10);
  for (let i = 0; i < 10_000; i++) seen[samples.next(10)] += 1;
  for (const count of seen) expect(Math.abs(count - 1000)).toBeLessThan(20);
});

it('publishes each verdict on the verify channel', async () => {
  const events: unknown[] = [];
  const listen = (message: unknown) => void events.push(message);
  subscribe(CHANNELS.verify, listen);
  const request = cosine();
  const output = scoresOf(answer(request));
  try {
    await verify(request, output, false);
    output[0] = 5;
    await verify(request, output, true);
  } finally {
    unsubscribe(CHANNELS.verify, listen);
  }
  const event = { device: 'oracle', operation: 'cosine-similarity' };
  expect(events).toEqual([
    { ...event, probe: false, mismatch: null },
    { ...event, probe: true, mismatch: expect.objectContaining({ rule: 'score', query: 0, row: 0, got: 5 }) },
  ]);
  expect(structuredClone(events)).toEqual(events);
});
