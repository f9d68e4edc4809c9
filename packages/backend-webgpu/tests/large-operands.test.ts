import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  RowSet,
  unwrap,
  type Metric,
  type SyncBackend,
  type VectorMatrix,
} from '@gearshift/contracts';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { clusteredValues, oracleSpread, powerLawGraph, randomValues } from '@gearshift/testing';
import { prepareSpreadActivation } from '@gearshift/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WebGpuDeviceBackend } from '../src/webgpu-device-backend.js';
import { openBackend, softwareGpu } from './software-gpu.js';

const { title, isLacking, faults } = softwareGpu('swiftshader');
const ROWS = 10_000;
const DIMENSIONS = 24;
const QUERIES = 11;
const METRICS: readonly Metric[] = ['cosine', 'dot', 'euclidean'];

describe.skipIf(isLacking)(`operands that are larger than one buffer, on ${title}`, () => {
  const values = clusteredValues({ rows: ROWS, dimensions: DIMENSIONS, clusters: 40, seed: 5 });
  const query = randomValues(QUERIES * DIMENSIONS, 6);
  let backend: WebGpuDeviceBackend;
  let cpu: SyncBackend;

  beforeAll(async () => {
    // 2,688 rows in a buffer.
    backend = await openBackend({ mostBufferBytes: 256 * 2 ** 10 });
    cpu = unwrap(await createCpuBackend());
  });
  afterAll(async () => {
    await backend?.close();
    await cpu?.close();
    faults.close();
  });

  /** The rows are those of the CPU wherever scores are further apart than both tolerances. */
  async function ranksLikeCpu(matrix: VectorMatrix, options: object): Promise<void> {
    for (const metric of METRICS) {
      const request = prepareTopK({ operation: 'top-k', query, queries: QUERIES, matrix, k: 20, metric, ...options });
      const [mine, expected] = [createTopKOutput(request), createTopKOutput(request)];
      unwrap(await backend.topK(request, mine));
      unwrap(cpu.topKSync(request, expected));
      for (const [i, score] of mine.scores.entries()) {
        expect(Math.abs(score - expected.scores[i]), `${metric}, entry ${i}`).toBeLessThan(1e-4);
      }
      const others = mine.indices.filter((row, i) => row !== expected.indices[i]).length;
      expect(others, `${metric}: other rows`).toBeLessThan(mine.indices.length / 50);
    }
  }

  test('a matrix in several buffers is ranked and scored like by the CPU, with ranges, row sets and candidates', async () => {
    const matrix = createMatrix(values, { dimensions: DIMENSIONS });
    unwrap(await backend.makeResident(matrix));
    expect(backend.residency(matrix).residentBytes).toBeGreaterThan(3 * 256 * 2 ** 10);
    await ranksLikeCpu(matrix, {});
    await ranksLikeCpu(matrix, { start: 2600, end: 8123 });
    await ranksLikeCpu(matrix, { where: RowSet.fromPredicate(ROWS, (row) => row % 7 === 3) });
    await ranksLikeCpu(matrix, { candidates: Uint32Array.from({ length: 500 }, (_, i) => (i * 7919) % ROWS) });
    const scores = new Float32Array(QUERIES * ROWS);
    const expected = new Float32Array(QUERIES * ROWS);
    const request = { operation: 'cosine-similarity', query, queries: QUERIES, matrix } as const;
    unwrap(await backend.cosineSimilarity(request, scores));
    unwrap(cpu.cosineSimilaritySync(request, expected));
    expect(scores.every((score, i) => Math.abs(score - expected[i]) < 1e-5)).toBe(true);
  });

  test('a ranking of more rows than a workgroup keeps is that of all scores', async () => {
    const matrix = createMatrix(values, { dimensions: DIMENSIONS });
    for (const metric of METRICS) {
      for (const k of [257, 3000, ROWS]) {
        const asked = { operation: 'top-k', query: query.subarray(0, DIMENSIONS), matrix, metric } as const;
        const [request, smaller] = [prepareTopK({ ...asked, k }), prepareTopK({ ...asked, k: 200 })];
        const [mine, first] = [createTopKOutput(request), createTopKOutput(smaller)];
        unwrap(await backend.topK(request, mine));
        unwrap(await backend.topK(smaller, first));
        expect(mine.indices.subarray(0, 200), `${metric} ${k}`).toEqual(first.indices);
        expect(mine.scores.subarray(0, 200), `${metric} ${k}`).toEqual(first.scores);
        expect(new Set(mine.indices).size).toBe(k);
      }
    }
  });

  test('a graph in several buffers, with nodes of many edges, spreads like the specification', async () => {
    const graph = powerLawGraph({ nodes: 20_000, edgesPerNode: 12, seed: 8 });
    const activations = randomValues(20_000, 9);
    for (const options of [
      { hops: 1 },
      { hops: 3, threshold: 0.01, retention: 0.2 },
      { hops: 1, start: 700, end: 15_001 },
    ]) {
      const request = prepareSpreadActivation({ operation: 'spread-activation', graph, activations, ...options });
      const output = new Float32Array(request.outputLength);
      unwrap(await backend.spreadActivation(request, output));
      for (const [i, { score, bound }] of oracleSpread(request).entries()) {
        expect(Math.abs(output[i] - score), `node ${i}`).toBeLessThanOrEqual(bound);
      }
    }
  });
});
