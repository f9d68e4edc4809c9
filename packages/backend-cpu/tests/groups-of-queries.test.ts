import {
  createMatrix,
  createTopKOutput,
  METRICS,
  prepareTopK,
  RowSet,
  unwrap,
  type TopKOutput,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { expect, test } from 'vitest';
import { encodeContext } from '../src/addon.js';
import { openCallBlock } from '../src/call-block.js';
import { CpuResidents } from '../src/cpu-residents.js';
import { loadAddon } from '../src/native.js';
import { SlicedTopK } from '../src/sliced-top-k.js';
import { STEP_DONE } from '../src/sliced-work.js';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const ROWS = 40_000;
const DIMENSIONS = 128;
const values = new Float32Array(new SharedArrayBuffer(ROWS * DIMENSIONS * 4));
values.set(randomValues(ROWS * DIMENSIONS, 70));
const matrix = createMatrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
const rowsOfQuery = (query: Float32Array, q: number) => query.subarray(q * DIMENSIONS, (q + 1) * DIMENSIONS);

describeAddon('a ranking of many queries', () => {
  /** Of each query alone, by a scan in float32 of rows by number. */
  async function rankOneByOne(query: Float32Array, queries: number, k: number): Promise<TopKOutput> {
    const backend = await createNativeBackend();
    const candidates = Uint32Array.from({ length: ROWS }, (_, i) => i);
    const all = { indices: new Uint32Array(queries * k), scores: new Float32Array(queries * k), count: k };
    for (let q = 0; q < queries; q++) {
      const request = { operation: 'top-k', query: rowsOfQuery(query, q), matrix, k, candidates } as const;
      const output = createTopKOutput(prepareTopK(request));
      unwrap(backend.topKSync(request, output));
      all.indices.set(output.indices, q * k);
      all.scores.set(output.scores, q * k);
    }
    await backend.close();
    return all;
  }

  for (const [name, queries, k, bare, coded] of [
    ['fills a group and begins another', 130, 10, [], 130],
    ['has as many results as fit in the block, and more queries than a scan takes together', 60, 1, [], 60],
    ['has a query without a code, which leaves the others theirs', 70, 10, [41], 69],
    ['begins with queries without a code', 70, 1, [0, 1], 68],
    ['has many queries without a code, and is a scan', 32, 1, [0, 3, 7, 8, 9], 0],
  ] as const) {
    test(`${name}, at once and in turns with others`, async () => {
      const query = randomValues(queries * DIMENSIONS, 71);
      bare.forEach((q, i) => query.fill(i % 2 === 0 ? 0 : NaN, q * DIMENSIONS, (q + 1) * DIMENSIONS));
      const expected = await rankOneByOne(query, queries, k);
      const backend = await createNativeBackend();
      unwrap(await backend.makeResident(matrix));
      const request = { operation: 'top-k', query, queries, matrix, k } as const;
      const [now, later] = [createTopKOutput(prepareTopK(request)), createTopKOutput(prepareTopK(request))];
      unwrap(backend.topKSync(request, now));
      unwrap(await backend.topK(request, later));
      for (const { indices, scores } of [now, later]) {
        expect(indices).toEqual(expected.indices);
        expect(scores).toEqual(expected.scores);
      }
      // The queries that are scanned are not counted.
      expect(later.search?.scanned ?? 0).toBe(coded * ROWS);
      await backend.close();
    });
  }

  test.each(METRICS)('has the same answers when it is cut into slices, by %s', async (metric) => {
    const { addon } = loadAddon();
    if (addon === null) return;
    const level = addon.levels().findIndex(({ missing }) => missing === '');
    const context = encodeContext(metric, level, 1, 1);
    const residents = new CpuResidents(addon, { sync: context, yielding: context });
    expect(await residents.ensure(matrix, undefined)).toBeUndefined();
    const handle = residents.handleOf(matrix);
    if (handle === undefined) throw new Error('the matrix has no resident copy');
    const backend = await createNativeBackend();
    unwrap(await backend.makeResident(matrix));
    const queries = 150;
    const query = randomValues(queries * DIMENSIONS, 72);
    query.fill(0, 140 * DIMENSIONS, 141 * DIMENSIONS);
    for (const where of [undefined, RowSet.fromPredicate(ROWS, (row) => row % 3 !== 0)]) {
      const request = prepareTopK({ operation: 'top-k', query, queries, matrix, k: 7, metric, where });
      const [expected, output] = [createTopKOutput(request), createTopKOutput(request)];
      unwrap(await backend.topK(request, expected));
      const work = new SlicedTopK({ addon, block: openCallBlock(addon) }, context, handle, request, output);
      let steps = 1;
      for (let status = work.step(); status !== STEP_DONE; status = work.step(), steps++) expect(status).toBe(0);
      expect(steps).toBeGreaterThan(3);
      expect(output.indices).toEqual(expected.indices);
      expect(output.scores).toEqual(expected.scores);
      expect(work.searched?.counts()?.scanned).toBeGreaterThan(0);
    }
    await residents.close();
    await backend.close();
  });
});
