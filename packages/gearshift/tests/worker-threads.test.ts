import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { prepareTopK } from '@gearshift/contracts';
import { oracleRanking, randomValues } from '@gearshift/testing';
import { afterEach, expect, test } from 'vitest';
import { createExecutor, type Executor } from '../src/index.js';

const WORKERS = 8;
const QUESTIONS = 30;
const ROWS = 600;
const DIMENSIONS = 48;
const K = 7;
const WORKER = fileURLToPath(new URL('fixtures/asking-worker.mjs', import.meta.url));

interface Report {
  readonly answers: readonly { indices?: Uint32Array; scores: Float32Array }[];
  readonly taken: unknown;
}

let executor: Executor;
afterEach(() => executor.close());

test('workers that share a matrix, a tracker and a calibration each get the answers to their own requests', async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  const values = randomValues(ROWS * DIMENSIONS, 1);
  const matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
  await executor.topK(values.subarray(0, DIMENSIONS), matrix, { k: 1 });
  const calibration = JSON.parse(JSON.stringify(executor.exportCalibration())) as object;
  const before = executor.tracker.snapshot('top-k').cpuCount;

  const { id, version, rows, dimensions } = matrix;
  const reports = await Promise.all(
    Array.from({ length: WORKERS }, async (_, number) => {
      const queries = randomValues(QUESTIONS * DIMENSIONS, 100 + number);
      const shared = { id, version, rows, dimensions, values: matrix.values };
      const workerData = { matrix: shared, queries, k: K, tracker: executor.tracker.share(), calibration };
      const worker = new Worker(WORKER, { workerData });
      executor.tracker.releaseOnExit(worker);
      // A busy thread gets both events in one turn, so it listens for both from the start.
      const [[report]] = (await Promise.all([once(worker, 'message'), once(worker, 'exit')])) as [[Report], unknown];
      return { queries, report };
    }),
  );

  for (const { queries, report } of reports) {
    expect(report.taken).toEqual({ ok: true, value: { taken: ['cpu'], refused: [] } });
    expect(report.answers).toHaveLength(QUESTIONS);
    for (const [i, { indices, scores }] of report.answers.entries()) {
      const query = queries.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
      const request = { operation: 'top-k', query, matrix, k: K } as const;
      const ranking = oracleRanking(prepareTopK(request), 0);
      const expected = new Map(ranking.map((entry) => [entry.index, entry]));
      for (const [place, score] of scores.entries()) {
        const { score: right, bound } = expected.get(indices?.[place] ?? place) ?? { score: NaN, bound: 0 };
        expect(Math.abs(score - right)).toBeLessThanOrEqual(bound);
        // No two of these rows are so close that rounding could swap them.
        if (indices !== undefined) expect(indices[place]).toBe(ranking[place].index);
      }
    }
  }
  // Two questions in three are for the best rows, the others for scores. No record is lost.
  expect(executor.tracker.snapshot('top-k').cpuCount - before).toBe((WORKERS * QUESTIONS * 2) / 3);
  expect(executor.tracker.snapshot('cosine-similarity').cpuCount).toBe((WORKERS * QUESTIONS) / 3);
});
