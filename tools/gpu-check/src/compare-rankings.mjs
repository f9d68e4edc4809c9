import { createCpuBackend } from '@gearshift/backend-cpu';
import { createCudaBackend } from '@gearshift/backend-cuda';
import { createMatrix, createTopKOutput, METRICS, prepareTopK, unwrap } from '@gearshift/contracts';
import { clusteredValues, randomValues } from '@gearshift/test-kit/random';

const SHAPES = [
  { rows: 1000, dimensions: 384 },
  { rows: 5003, dimensions: 768 },
  { rows: 20_000, dimensions: 97 },
];

/**
 * Ids of the best rows on the GPU beside those on the CPU (goal G4). Where they differ, two rows whose scores are equal up to
 * rounding changed places, or something is wrong: the scores of both are told.
 */
export async function compareRankings({ quick }) {
  const cpu = unwrap(await createCpuBackend());
  const gpu = unwrap(await createCudaBackend());
  const different = [];
  let compared = 0;
  for (const [index, { rows, dimensions }] of SHAPES.slice(0, quick ? 1 : undefined).entries()) {
    for (const kind of ['random', 'clustered']) {
      const length = rows * dimensions;
      const values =
        kind === 'random'
          ? randomValues(length, 100 + index)
          : clusteredValues({ rows, dimensions, clusters: 20, seed: 200 + index });
      const matrix = createMatrix(values, { dimensions });
      for (const metric of METRICS) {
        for (const k of [1, 10, 100, 300]) {
          const request = prepareTopK({ operation: 'top-k', query: randomValues(dimensions, 7), matrix, k, metric });
          const [expected, found] = [createTopKOutput(request), createTopKOutput(request)];
          unwrap(await cpu.topK(request, expected));
          unwrap(await gpu.topK(request, found));
          compared += 1;
          const at = found.indices.findIndex((row, i) => row !== expected.indices[i]);
          if (at < 0) continue;
          different.push({
            rows,
            dimensions,
            kind,
            metric,
            k,
            at,
            cpu: [expected.indices[at], expected.scores[at]],
            gpu: [found.indices[at], found.scores[at]],
          });
        }
      }
    }
  }
  await cpu.close();
  await gpu.close();
  return { compared, different };
}
