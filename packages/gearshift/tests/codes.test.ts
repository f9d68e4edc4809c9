import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { METRICS, type VectorMatrix } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { afterAll, expect, test } from 'vitest';
import { createExecutor, type TopKOptions } from '../src/index.js';

// Large enough to be searched with codes.
const ROWS = 9000;
const DIMENSIONS = 256;
const values = randomValues(ROWS * DIMENSIONS, 70);
const query = randomValues(DIMENSIONS, 71);

const executor = await createExecutor({ backends: ['cpu'] });
afterAll(() => executor.close());

/** Rows by number are scored in float32, whatever there is of the matrix. */
async function compare(matrix: VectorMatrix, options: TopKOptions): Promise<void> {
  const candidates = Uint32Array.from({ length: matrix.rows }, (_, i) => i);
  const expected = await executor.topK(query, matrix, { ...options, candidates });
  const { search, ...found } = await executor.topK(query, matrix, options);
  expect(found).toEqual(expected);
  expect(search?.scanned ?? 0).toBeLessThanOrEqual(matrix.rows);
}

test('a matrix with codes answers as without while it is changed, grows and shrinks', async () => {
  const matrix = await executor.matrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
  for (const metric of METRICS) {
    const best = async () => (await executor.topK(query, matrix, { k: 1, metric })).indices[0];
    await compare(matrix, { k: 10, metric });
    await matrix.update(
      await best(),
      query.map((value) => -value),
    );
    await compare(matrix, { k: 10, metric });
    const { start } = await matrix.append([
      query,
      ...Array.from({ length: 300 }, (_, i) => values.subarray(i, i + DIMENSIONS)),
    ]);
    await compare(matrix, { k: 10, metric });
    expect(await best()).toBeGreaterThanOrEqual(start);
    await matrix.remove([await best(), 3, 5]);
    await compare(matrix, { k: 10, metric });
  }
  await matrix.compact();
  await compare(matrix, { k: 10 });
  await matrix[Symbol.asyncDispose]();
});

test('a search with codes is answered from one version while another thread changes rows', async () => {
  const matrix = await executor.matrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
  const workerData = { matrix, rows: ROWS, dimensions: DIMENSIONS };
  const worker = new Worker(new URL('fixtures/changing-rows-worker.mjs', import.meta.url), { workerData });
  const stopped = new Promise<number>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const from = matrix.version;
  await expect.poll(() => matrix.version, { timeout: 50_000 }).toBeGreaterThan(from);
  for (let round = 0; round < 60; round++) {
    const version = matrix.pin();
    await compare(version, { k: 10, metric: METRICS[round % 3] });
    version[Symbol.dispose]();
  }
  worker.postMessage('stop');
  expect(await stopped).toBe(matrix.version - from);
  await compare(matrix, { k: 10 });
  await worker.terminate();
  await matrix[Symbol.asyncDispose]();
});

test('a matrix of a file gets its codes before its first search', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-codes-'));
  const path = join(folder, 'rows.gearshift');
  const made = await executor.matrix(values, { dimensions: DIMENSIONS });
  await made.save(path);
  await made[Symbol.asyncDispose]();
  const opened = await executor.open(path, { companion: 'codes' });
  await compare(opened, { k: 10 });
  await compare(opened, { k: 10, metric: 'euclidean' });
  await opened[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test('a matrix that asks for codes has none while they would save no time, and gets them once it has grown', async () => {
  const matrix = await executor.matrix(values.subarray(0, 1000 * DIMENSIONS), {
    dimensions: DIMENSIONS,
    companion: 'codes',
  });
  const state = () => executor.describe(matrix).companions[0];
  expect(state()).toEqual({
    backend: 'cpu',
    status: 'none',
    reason: 'a scan of 1000 rows takes no longer than a search with codes',
    bytes: 0,
  });
  await compare(matrix, { k: 10 });
  expect(executor.snapshot('top-k').devices[0].companions).toMatchObject({ bytes: 0, matrices: 0 });
  await matrix.append(values.subarray(1000 * DIMENSIONS));
  expect(state().status).toBe('waiting');
  await compare(matrix, { k: 10 });
  await expect.poll(() => state().status, { timeout: 50_000 }).toBe('ready');
  // A busy machine may cut a request and leave too few of its rows for codes, so that not every search reads all codes.
  const scanned = async () => (await executor.topK(query, matrix, { k: 10 })).search?.scanned;
  await expect.poll(scanned, { timeout: 50_000 }).toBe(ROWS);
  await compare(matrix, { k: 10, metric: 'euclidean' });
  await matrix[Symbol.asyncDispose]();
});
