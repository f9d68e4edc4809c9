import { createMatrix, createTopKOutput, prepareTopK, unwrap, type SyncBackend } from '@gearshift/contracts';
import { CPU_LEVELS, createCpuBackend, createPortableBackend } from '@gearshift/backend-cpu';
import { oracleScore, randomValues } from '@gearshift/testing';
import { afterAll, describe, expect, test } from 'vitest';

/*
 * What the hybrid executor that this project descends from was tested for, as far as it is the CPU's affair; the rest of
 * its eleven behaviours needs a dispatcher and is tested with the facade. Expected numbers are worked out by hand.
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
  test('capabilities: says what it is and what it can do', () => {
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

  test('zero query vector: every similarity is 0', async () => {
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

  test('orthogonal: similarity 0', async () => {
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

  test('negative: opposite vectors have similarity -1', async () => {
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

  test('basic: the same direction is 1, whatever the length, and 45 degrees is the root of one half', async () => {
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

  test('random: 1000 rows of 384 agree with double precision', () => {
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

  test('mixed batch sizes: one backend answers small and large ones in turn', async () => {
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
