import { afterEach, describe, expect, it } from 'vitest';
import {
  createMatrix,
  createTopKOutput,
  DTYPES,
  METRICS,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  RowSet,
  unwrap,
  type Backend,
  type Dtype,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { createRandom, powerLawGraph, randomValues, specialRows, type SeededRandom } from '@gearshift/testing';
import { sharedCpu, startCluster, type TestCluster } from './start-cluster.js';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

/** Rows of which many are equal, so that ties decide, and some are special. */
function matrixOf(dtype: Dtype, rows: number, dimensions: number, random: SeededRandom): VectorMatrix {
  if (dtype === 'float32') {
    const values = randomValues(rows * dimensions, rows);
    for (let row = 0; row < rows; row += 3) values.copyWithin(row * dimensions, 0, dimensions);
    const special = specialRows(dimensions);
    values.set(special.subarray(0, Math.min(special.length, values.length)), 0);
    return createMatrix(values, { dimensions });
  }
  const length = rows * dimensions;
  const values = dtype === 'int8' ? new Int8Array(length) : new Uint16Array(length);
  for (let i = 0; i < length; i++) values[i] = random.integer(dtype === 'int8' ? 255 : 65_536);
  for (let row = 0; row < rows; row += 3) values.copyWithin(row * dimensions, 0, dimensions);
  return createMatrix(values, { dimensions, dtype, ...(dtype === 'int8' ? { scale: 0.25 } : {}) });
}

async function rankingOf(backend: Backend, request: Omit<TopKRequest, 'operation'>) {
  const prepared = prepareTopK({ operation: 'top-k', ...request });
  const output = createTopKOutput(prepared);
  unwrap(await backend.topK(prepared, output));
  const entries = prepared.queries * output.count;
  return {
    count: output.count,
    counts: output.counts === undefined ? [] : [...output.counts],
    indices: [...output.indices.subarray(0, entries)],
    scores: bitsOf(output.scores.subarray(0, entries)),
  };
}

/** Every NaN is the same. */
function bitsOf(scores: Float32Array): number[] {
  const copy = scores.map((score) => (Number.isNaN(score) ? NaN : score));
  return [...new Uint32Array(copy.buffer)];
}

const CLUSTERS = [
  { workers: 1, replicas: 1 },
  { workers: 2, replicas: 2 },
  { workers: 3, replicas: 2 },
  { workers: 5, replicas: 3 },
] as const;

describe('answers of a cluster have the bits of those of one CPU', () => {
  for (const { workers, replicas } of CLUSTERS) {
    for (const maxPayloadBytes of [2 ** 20, 4096]) {
      it(`with ${workers} workers, ${replicas} replicas and messages of ${maxPayloadBytes} bytes`, async () => {
        const random = createRandom(workers * 7 + maxPayloadBytes);
        cluster = await startCluster({ workers, network: { maxPayloadBytes }, backend: { replicas } });
        const { backend } = cluster;
        const cpu = await sharedCpu();
        let compared = 0;
        for (const dtype of DTYPES) {
          for (const [rows, dimensions] of [
            [1, 3],
            [33, 8],
            [200, 17],
            [1025, 40],
          ]) {
            const plain = matrixOf(dtype, rows, dimensions, random);
            const removed = RowSet.fromPredicate(rows, (row) => row % 11 === 5);
            const where = RowSet.fromPredicate(rows, () => random.integer(3) > 0);
            const few = RowSet.fromPredicate(rows, () => random.integer(60) === 0);
            const candidates = Uint32Array.from({ length: Math.ceil(rows / 2) }, (_, i) => rows - 1 - 2 * i);
            const start = random.integer(rows);
            const end = start + random.integer(rows - start + 1);
            const query = randomValues(3 * dimensions, rows + dimensions);
            for (const metric of METRICS) {
              for (const k of [1, 10, rows]) {
                const common = { query, queries: 3, matrix: plain, k, metric };
                const minScore = metric === 'euclidean' ? 3 : 0.1;
                for (const request of [
                  common,
                  { ...common, start, end },
                  { ...common, where, minScore },
                  { ...common, where: few },
                  { ...common, candidates },
                  { ...common, candidates, where, minScore },
                  { ...common, matrix: { ...plain, removed }, start },
                ]) {
                  const context = `${dtype} ${rows} x ${dimensions}, ${k} by ${metric}`;
                  expect(await rankingOf(backend, request), context).toEqual(await rankingOf(cpu, request));
                  compared += 1;
                }
              }
            }
            for (const options of [{}, { start, end }, { where }, { where: few, start }]) {
              const request = prepareCosineSimilarity({
                operation: 'cosine-similarity',
                query,
                queries: 3,
                matrix: { ...plain, removed },
                ...options,
              });
              const [mine, expected] = [new Float32Array(request.outputLength), new Float32Array(request.outputLength)];
              unwrap(await backend.cosineSimilarity(request, mine));
              unwrap(await cpu.cosineSimilarity(request, expected));
              expect(bitsOf(mine), `${dtype} ${rows} x ${dimensions}`).toEqual(bitsOf(expected));
              compared += 1;
            }
            backend.release(plain);
          }
        }
        expect(compared).toBe(DTYPES.length * 4 * (METRICS.length * 3 * 7 + 4));
      });
    }

    it(`when it spreads over a graph with ${workers} workers and ${replicas} replicas`, async () => {
      cluster = await startCluster({ workers, backend: { replicas } });
      const cpu = await sharedCpu();
      for (const nodes of [1, 40, 700]) {
        const graph = powerLawGraph({ nodes, edgesPerNode: 7, seed: nodes });
        const activations = randomValues(nodes, nodes + 1);
        for (const options of [
          { hops: 1 },
          { hops: 4, threshold: 0.05, retention: 0.3 },
          { start: nodes >> 1, retention: 1 },
        ]) {
          const request = prepareSpreadActivation({ operation: 'spread-activation', graph, activations, ...options });
          const [mine, expected] = [new Float32Array(request.outputLength), new Float32Array(request.outputLength)];
          unwrap(await cluster.backend.spreadActivation(request, mine));
          unwrap(await cpu.spreadActivation(request, expected));
          expect(bitsOf(mine)).toEqual(bitsOf(expected));
        }
      }
    });
  }
});
