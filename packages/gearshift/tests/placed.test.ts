import { createPlacingBackend, randomValues, type PlacingBackend } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AllDevicesFailedError, createExecutor, type Executor } from '../src/index.js';

const [ROWS, DIMENSIONS] = [50, 4];
const SOURCE = { files: 'rows', rows: ROWS, dimensions: DIMENSIONS, label: 'state-1' };
const query = randomValues(DIMENSIONS, 3);

let remote: PlacingBackend;
let executor: Executor;
let rows: Awaited<ReturnType<Executor['matrix']>>;

beforeEach(async () => {
  remote = createPlacingBackend();
  executor = await createExecutor({ backends: ['cpu', remote] });
  rows = await executor.matrix(randomValues(ROWS * DIMENSIONS, 4), { dimensions: DIMENSIONS });
  const { id, version, values } = rows;
  remote.files.set('rows', { id, version, rows: ROWS, dimensions: DIMENSIONS, values: values.slice() });
});
afterEach(() => executor.close());

describe('place()', () => {
  it('gives a matrix that requests take, which every process finds by its name', async () => {
    expect(executor.placed('corpus')).toBeUndefined();
    const placed = await executor.place('corpus', SOURCE);
    expect(placed).toMatchObject({ rows: ROWS, dimensions: DIMENSIONS, label: 'state-1', placement: 'remote/corpus' });
    expect(placed).not.toHaveProperty('values');
    expect(executor.placed('corpus')).toBe(placed);
    const [there, here] = [await executor.topK(query, placed, { k: 5 }), await executor.topK(query, rows, { k: 5 })];
    expect(there.indices).toEqual(here.indices);
    expect((await executor.cosineSimilarity(query, placed)).length).toBe(ROWS);
    const run = await executor.run({ operation: 'top-k', query: [...query], matrix: placed, k: 5 });
    expect(run).toMatchObject({ ok: true, value: { decision: { backend: 'remote' } } });
    expect(executor.describe(placed)).toMatchObject({ version: placed.version, companions: [] });
  });

  it('ends requests for a generation that was replaced as stale', async () => {
    const first = await executor.place('corpus', SOURCE);
    const second = await executor.place('corpus', SOURCE);
    expect(executor.placed('corpus')).toBe(second);
    await expect(executor.topK(query, first, { k: 1 })).rejects.toMatchObject({ kind: 'stale' });
    await executor.topK(query, second, { k: 1 });
  });

  it('fails without a backend for it, for files that cannot be loaded, and after an abort', async () => {
    const local = await createExecutor({ backends: ['cpu'] });
    await expect(local.place('corpus', SOURCE)).rejects.toThrow(
      new TypeError("backends: expected one that can place matrices, such as that of createClusterBackend, got 'cpu'"),
    );
    expect(() => local.placed('corpus')).toThrow(/^backends: expected one that can place matrices/);
    const placed = await executor.place('corpus', SOURCE);
    await expect(local.topK(query, placed, { k: 1 })).rejects.toThrow(AllDevicesFailedError);
    expect(() => local.topKSync(query, placed as never, { k: 1 })).toThrow(/not in this process, but placed as remote/);
    await local.close();
    await expect(executor.place('corpus', { ...SOURCE, files: 'none' })).rejects.toThrow(
      new TypeError('remote: no such file: none'),
    );
    const reason = new Error('no longer wanted');
    await expect(executor.place('corpus', SOURCE, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(executor.place('corpus', SOURCE, { sginal: 1 } as object)).rejects.toThrow(/sginal/);
  });
});
