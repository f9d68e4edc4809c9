import { createCpuBackend } from '@gearshift/backend-cpu';
import { createMatrix, createTopKOutput, METRICS, prepareTopK, RowSet, unwrap } from '@gearshift/contracts';
import { clusteredValues, randomValues } from '@gearshift/testing';

const SHAPES = [
  { rows: 1100, dimensions: 384 },
  { rows: 5003, dimensions: 768 },
  { rows: 20_000, dimensions: 97 },
];

/**
 * The float32 scan; tensor cores on float32 rows, narrow and wide; each companion. The same with a row set, of which the device gets the
 * words, or for a small share a list.
 */
const WAYS = [
  { queries: 1 },
  { queries: 12 },
  { queries: 40 },
  { queries: 3, companion: 'float16' },
  { queries: 40, companion: 'float16' },
  { queries: 1, companion: 'int8' },
  { queries: 5, companion: 'int8' },
  { queries: 1, share: 0.5 },
  { queries: 3, share: 0.1 },
  { queries: 1, share: 0.02 },
  { queries: 40, share: 0.9 },
  { queries: 3, companion: 'float16', share: 0.9 },
  { queries: 1, companion: 'int8', share: 0.5 },
];

/** Relative difference of two float32 sums of the same products in another order; the largest measured one is a fifth of it. */
const ROUNDING = 1e-6;

/**
 * Compares the ids of the best rows on the GPU with those on the CPU (goal G4). If they differ, either rows with equal scores up to
 * rounding are swapped (`isRounding`: the scores agree at every rank), or the ranking is wrong. The first different rank is
 * reported with both rows and scores.
 *
 * @param {() => ReturnType<typeof import('@gearshift/backend-cuda').createCudaBackend>} create makes the backend of the GPU
 */
export async function compareRankings(create, { quick }) {
  const cpu = unwrap(await createCpuBackend());
  const gpu = unwrap(await create());
  const different = [];
  let compared = 0;
  for (const [index, { rows, dimensions }] of SHAPES.slice(0, quick ? 1 : undefined).entries()) {
    for (const kind of quick ? ['clustered'] : ['random', 'clustered']) {
      const length = rows * dimensions;
      const values =
        kind === 'random'
          ? randomValues(length, 100 + index)
          : clusteredValues({ rows, dimensions, clusters: 20, seed: 200 + index });
      for (const { companion, queries, share } of WAYS) {
        const matrix = createMatrix(values, { dimensions, companion });
        unwrap(await gpu.makeResident(matrix));
        const where = share && RowSet.fromPredicate(rows, (row) => (row * 7919) % 1009 < share * 1009);
        for (const metric of METRICS) {
          for (const k of quick ? [10] : [1, 10, 100, 300]) {
            const query = randomValues(queries * dimensions, 7);
            const request = prepareTopK({ operation: 'top-k', query, queries, matrix, k, metric, where });
            const [expected, found] = [createTopKOutput(request), createTopKOutput(request)];
            unwrap(await cpu.topK(request, expected));
            unwrap(await gpu.topK(request, found));
            compared += 1;
            const at = found.indices.findIndex((row, i) => row !== expected.indices[i]);
            if (at < 0) continue;
            different.push({
              ...{ rows, dimensions, kind, companion, queries, share, metric, k, at },
              isRounding: found.scores.every((score, i) => isClose(score, expected.scores[i])),
              cpu: [expected.indices[at], expected.scores[at]],
              gpu: [found.indices[at], found.scores[at]],
            });
          }
        }
        gpu.release(matrix);
        cpu.release(matrix);
      }
    }
  }
  await cpu.close();
  await gpu.close();
  return { compared, different };
}

function isClose(a, b) {
  return Math.abs(a - b) <= ROUNDING * Math.max(Math.abs(a), Math.abs(b)) || Object.is(a, b);
}
