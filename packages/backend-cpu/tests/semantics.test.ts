import { createMatrix, createTopKOutput, prepareTopK, unwrap, type SyncBackend } from '@gearshift/contracts';
import { CPU_LEVELS, createCpuBackend, createPortableBackend } from '@gearshift/backend-cpu';
import { oracleScore, randomValues } from '@gearshift/testing';
import { afterAll, describe, expect, test } from 'vitest';

/*
 * The tests of the original hybrid executor that concern the CPU. The rest of its eleven behaviours needs a dispatcher and is
 * tested with the facade. Expected numbers are computed by hand.
 */
const backends = [
  ['the CPU backend', unwrap(await createCpuBackend())],
  ['the portable backend', unwrap(await createPortableBackend())],
] as const;
afterAll(() => Promise.all(backends.map(([, backend]) => backend.close())));

async function similarities(backend: SyncBackend, query: number[], rows: number[][]): Promise<number[]> {
  const matrix = createMatrix(Float32Array.from(rows.flat()), { dimensions: query.length });
  const output = new Float32Array(rows.length);
  const request = { operation: 'cosine-similarity', query: Float32Array.from(query), matrix } as const;
  expect(await backend.cosineSimilarity(request, output)).toMatchObject({ ok: true });
  return [...output];
}

describe.each(backends)('%s', (_, backend) => {
  test('describes its device and its capabilities', () => {
    const { level, threads, source, limitations } = backend.describe();
    expect(CPU_LEVELS).toContain(level);
    expect(threads).toBeGreaterThanOrEqual(1);
    expect(['prebuilt', 'local', 'portable']).toContain(source);
    expect(source === 'portable').toBe(level === 'typescript');
    expect(limitations.every((line) => line.length > 0)).toBe(true);
    const matrix = createMatrix(new Float32Array(4), { dimensions: 2 });
    expect(backend.supports({ operation: 'cosine-similarity', query: new Float32Array(2), matrix })).toBe(true);
    expect(backend.supports({ operation: 'guess' } as never)).toMatchObject({
      reason: expect.stringContaining('guess'),
    });
    expect(backend.memory().totalBytes).toBeGreaterThan(0);
  });

  test('gives similarity 0 with every row for a zero query vector', async () => {
    expect(
      await similarities(
        backend,
        [0, 0, 0],
        [
          [1, 2, 3],
          [-1, 0, 0],
          [0, 0, 0],
        ],
      ),
    ).toEqual([0, 0, 0]);
  });

  test('gives similarity 0 for orthogonal vectors', async () => {
    expect(
      await similarities(
        backend,
        [1, 0, 0],
        [
          [0, 1, 0],
          [0, 0, -5],
        ],
      ),
    ).toEqual([0, 0]);
  });

  test('gives similarity -1 for opposite vectors', async () => {
    expect(
      await similarities(
        backend,
        [1, 2, 2],
        [
          [-1, -2, -2],
          [-3, -6, -6],
        ],
      ),
    ).toEqual([-1, -1]);
  });

  test('gives similarity 1 for the same direction at any length, and the root of one half at 45 degrees', async () => {
    const [same, longer, between, third] = await similarities(
      backend,
      [2, 0],
      [
        [1, 0],
        [100, 0],
        [3, 3],
        [1, -1],
      ],
    );
    expect([same, longer]).toEqual([1, 1]);
    expect(between).toBeCloseTo(Math.SQRT1_2, 6);
    expect(third).toBeCloseTo(Math.SQRT1_2, 6);
  });

  test('agrees with double precision for 1000 random rows of 384 dimensions', () => {
    const matrix = createMatrix(randomValues(1000 * 384, 1), { dimensions: 384 });
    const query = randomValues(384, 2);
    const output = new Float32Array(1000);
    const request = { operation: 'cosine-similarity', query, matrix } as const;
    expect(backend.cosineSimilaritySync(request, output)).toMatchObject({ ok: true });
    output.forEach((similarity, row) => {
      const expected = oracleScore('cosine', query, matrix.values.subarray(row * 384, (row + 1) * 384));
      expect(Math.abs(similarity - expected.score)).toBeLessThanOrEqual(2 * 384 * 2 ** -24);
    });
  });

  test('answers small and large batches in turn with one backend', async () => {
    const dimensions = 64;
    for (const rows of [1, 5000, 10, 63, 64, 20_000, 65, 2]) {
      const values = randomValues(rows * dimensions, rows);
      const matrix = createMatrix(values, { dimensions });
      const target = rows >> 1;
      const query = values.slice(target * dimensions, (target + 1) * dimensions);
      const prepared = prepareTopK({ operation: 'top-k', query, matrix, k: 3 });
      const output = createTopKOutput(prepared);
      expect(await backend.topK(prepared, output)).toMatchObject({ ok: true });
      expect(output.count).toBe(Math.min(3, rows));
      expect(output.indices[0]).toBe(target);
      expect(output.scores[0]).toBeCloseTo(1, 5);
    }
  });
});
