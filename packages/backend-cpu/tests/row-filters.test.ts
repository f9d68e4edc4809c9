import {
  createMatrix,
  createTopKOutput,
  METRICS,
  prepareCosineSimilarity,
  prepareTopK,
  RowSet,
  unwrap,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { expect, test } from 'vitest';
import { encodeContext } from '../src/addon.js';
import { openCallBlock } from '../src/call-block.js';
import { loadAddon } from '../src/native.js';
import { SlicedScore } from '../src/sliced-score.js';
import { SlicedTopK } from '../src/sliced-top-k.js';
import { STEP_DONE, type SlicedWork } from '../src/sliced-work.js';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const ROWS = 40_000;
const DIMENSIONS = 200;
const matrix = createMatrix(randomValues(ROWS * DIMENSIONS, 50), { dimensions: DIMENSIONS });
const query = randomValues(3 * DIMENSIONS, 51);

describeAddon('requests on some rows, in many slices', () => {
  const { addon } = loadAddon();
  if (addon === null) return;
  const here = { addon, block: openCallBlock(addon) };
  const level = addon.levels().findIndex(({ missing }) => missing === '');
  const runSliced = (work: SlicedWork) => {
    let steps = 1;
    for (let status = work.step(); status !== STEP_DONE; status = work.step(), steps++) expect(status).toBe(0);
    return steps;
  };

  for (const [name, where] of [
    ['half of the rows', RowSet.fromPredicate(ROWS, (row) => (row * 7) % 2 === 0)],
    // The first slices find nothing, and then fewer rows than k.
    ['rows near the end', RowSet.fromRows([39_000, 39_001, 39_990, 39_999], ROWS)],
    ['the first and the last row', RowSet.fromRows([0, ROWS - 1], ROWS)],
    ['whole words here and there', RowSet.fromPredicate(ROWS, (row) => Math.floor(row / 64) % 5 === 0)],
  ] as const) {
    test.each(METRICS)(`give the same answer as in one piece: ${name}, by %s`, async (metric) => {
      const backend = await createNativeBackend();
      const context = encodeContext(metric, level, 1, 1);
      for (const k of [5, 40]) {
        const request = prepareTopK({ operation: 'top-k', query, queries: 3, matrix, k, metric, where });
        const [expected, output] = [createTopKOutput(request), createTopKOutput(request)];
        unwrap(backend.topKSync(request, expected));
        runSliced(new SlicedTopK(here, context, matrix.values, request, output));
        expect(output.indices).toEqual(expected.indices);
        expect(output.scores).toEqual(expected.scores);
      }
      await backend.close();
    });
  }

  test('have scores of NaN for the other rows, wherever a slice ends', async () => {
    const where = RowSet.fromPredicate(ROWS, (row) => row % 3 === 0);
    const request = prepareCosineSimilarity({ operation: 'cosine-similarity', query, queries: 3, matrix, where });
    const backend = await createNativeBackend();
    const [expected, output] = [new Float32Array(3 * ROWS), new Float32Array(3 * ROWS)];
    unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', query, queries: 3, matrix }, expected));
    expected.forEach((_, place) => {
      if (!where.has(place % ROWS)) expected[place] = NaN;
    });
    const steps = runSliced(
      new SlicedScore(here, encodeContext('cosine', level, 1, 1), matrix.values, request, output),
    );
    expect(steps).toBeGreaterThan(1);
    expect(output).toEqual(expected);
    await backend.close();
  });
});
