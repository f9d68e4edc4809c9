import { CPU_LEVELS, createCpuBackend } from '@gearshift/backend-cpu';
import { createMatrix, createTopKOutput, METRICS, prepareTopK, unwrap, type Metric } from '@gearshift/contracts';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';

// Compares the score of every row with float64, on every instruction set of this machine. The contract suite tests special values.

const ROWS = effort({ test: 12_000, ci: 1_000_000, nightly: 10_000_000 });
const ROWS_AT_A_TIME = 1000;
const SEED = seedOr(31);
const ROUNDING = 2 ** -24;

/** Approximately normal, from whole numbers, so that every machine draws the same. */
function drawVectors(length: number, next: () => number): Float32Array {
  return Float32Array.from({ length }, () => (next() + next() + next() - 1.5) * 2);
}

function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The score in float64, and the allowed error of a float32 one. */
function reference(metric: Metric, query: Float32Array, values: Float32Array, at: number) {
  let dot = 0;
  let queryNorm = 0;
  let rowNorm = 0;
  let distance = 0;
  for (let i = 0; i < query.length; i++) {
    const [q, r] = [query[i], values[at + i]];
    dot += q * r;
    queryNorm += q * q;
    rowNorm += r * r;
    distance += (q - r) ** 2;
  }
  const lengths = Math.sqrt(queryNorm) * Math.sqrt(rowNorm);
  // With few elements the rounding after the sum weighs more: two inverse norms, their product, and the score.
  const tolerance = 2 * Math.max(query.length, 4) * ROUNDING;
  switch (metric) {
    case 'cosine':
      return { score: dot / lengths, tolerance };
    case 'dot':
      return { score: dot, tolerance: tolerance * lengths };
    case 'euclidean':
      return { score: Math.sqrt(distance), tolerance: tolerance * Math.sqrt(distance) + Number.MIN_VALUE };
  }
}

for (const level of CPU_LEVELS) {
  const made = await createCpuBackend({ level });
  if (!made.ok) continue; // not of this machine; the contract suite says which
  await made.value.close();

  test(`${ROWS} scores at level ${level} agree with float64 (seed ${SEED})`, { timeout: 3_600_000 }, async () => {
    const backend = unwrap(await createCpuBackend({ level }));
    const next = generator(SEED);
    for (let done = 0, round = 0; done < ROWS; done += ROWS_AT_A_TIME, round++) {
      const dimensions = 1 + Math.floor(next() * (round % 4 === 0 ? 900 : 200));
      const matrix = createMatrix(drawVectors(ROWS_AT_A_TIME * dimensions, next), { dimensions });
      const query = drawVectors(dimensions, next);
      const metric = METRICS[round % METRICS.length];
      const request = prepareTopK({ operation: 'top-k', query, matrix, k: ROWS_AT_A_TIME, metric });
      const { indices, scores } = createTopKOutput(request);
      unwrap(await backend.topK(request, { indices, scores, count: 0 }));
      let worst = '';
      for (let i = 0; i < ROWS_AT_A_TIME; i++) {
        const { score, tolerance } = reference(metric, query, matrix.values, indices[i] * dimensions);
        const isClose = Math.abs(scores[i] - score) <= tolerance;
        const isOrdered = i === 0 || (metric === 'euclidean' ? scores[i] >= scores[i - 1] : scores[i] <= scores[i - 1]);
        if (!isClose || !isOrdered) worst = `round ${round}, row ${indices[i]}: ${scores[i]}, not ${score}`;
      }
      expect(worst).toBe('');
      expect(new Set(indices).size).toBe(ROWS_AT_A_TIME);
    }
    await backend.close();
    tellCount('R13', ROWS);
  });
}
