import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPortableBackend } from '@gearshift/backend-cpu';
import { unwrap } from '@gearshift/contracts';
import { describe } from 'vitest';
import { createExecutor, RowSet, type Executor, type OwnedMatrix } from '../src/index.js';

const DIMENSIONS = 3;

// Every request runs on both, because only one of them is in place on this machine by default.
describe.each(['cpu', 'portable'])('a matrix that changes, on the %s backend', (name) => {
  let executor: Executor;
  let matrix: OwnedMatrix;

  beforeEach(async () => {
    executor = await createExecutor({
      backends: [name === 'cpu' ? 'cpu' : unwrap(await createPortableBackend())],
    });
    matrix = await executor.matrix(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      { dimensions: DIMENSIONS },
    );
  });
  afterEach(async () => {
    await matrix[Symbol.asyncDispose]();
    await executor.close();
  });

  const best = async (query: readonly number[], k = 10) => {
    const { indices, count } = await executor.topK(query, matrix, { k });
    const sync = executor.topKSync(query, matrix, { k });
    expect([...sync.indices]).toEqual([...indices]);
    return [...indices.subarray(0, count)];
  };
  const scores = async (query: readonly number[]) => [...(await executor.cosineSimilarity(query, matrix))];

  it('finds rows as soon as they are appended', async () => {
    expect(await best([1, 1, 0], 1)).toEqual([0]);
    await matrix.append([[1, 1, 0]]);
    expect(await best([1, 1, 0], 1)).toEqual([3]);
    expect(await scores([0, 0, 1])).toEqual([0, 0, 1, 0]);
  });

  it('finds updated rows by their new values alone', async () => {
    expect(await best([1, 0, 0], 1)).toEqual([0]);
    await matrix.update(0, [0, 0, -2]);
    await matrix.update(2, [5, 0, 0]);
    expect(await best([1, 0, 0], 1)).toEqual([2]);
    expect(await scores([0, 0, 1])).toEqual([-1, 0, 0]);
  });

  it('leaves removed rows out of rankings, and scores them NaN', async () => {
    await matrix.remove(1);
    expect(await best([0, 1, 0])).toEqual([0, 2]);
    expect(await scores([0, 1, 0])).toEqual([0, NaN, 0]);
    const where = RowSet.fromRows([1, 2], 3);
    expect([...(await executor.topK([0, 1, 0], matrix, { k: 3, where })).indices]).toEqual([2]);
    await matrix.append([[0, 2, 0]]);
    expect(await best([0, 1, 0])).toEqual([3, 0, 2]);
  });

  it('answers as before after a compaction, with the new row numbers', async () => {
    await matrix.append([[0, 3, 4]]);
    await matrix.remove([0, 2]);
    const numbers = await matrix.compact();
    expect([numbers[1], numbers[3]]).toEqual([0, 1]);
    expect(await best([0, 1, 0])).toEqual([0, 1]);
    expect((await scores([0, 1, 0])).map(Math.fround)).toEqual([1, 0.6].map(Math.fround));
  });

  it('answers requests with a pinned version from that version', async () => {
    using pinned = matrix.pin();
    await matrix.update(0, [0, 1, 0]);
    await matrix.append([[1, 0, 0]]);
    await matrix.remove(2);
    expect([...(await executor.topK([1, 0, 0], pinned, { k: 5 })).indices]).toEqual([0, 1, 2]);
    expect([...(await executor.cosineSimilarity([0, 0, 1], pinned))]).toEqual([0, 0, 1]);
    const answer = unwrap(await executor.run({ operation: 'top-k', query: [1, 0, 0], matrix: pinned, k: 1 }));
    expect(answer.output.indices[0]).toBe(0);
    expect(await best([1, 0, 0], 1)).toEqual([3]);
  });

  it('takes over the norm of an updated row', async () => {
    const rows = new Float32Array(2000 * DIMENSIONS).map((_, i) => Math.sin(i));
    const large = await executor.matrix(rows, { dimensions: DIMENSIONS });
    await executor.topK([1, 2, 3], large, { k: 3 });
    await large.update(777, [100, 200, 300]);
    await large.append([[1000, 2000, 3000]]);
    const { indices, scores: best } = await executor.topK([1, 2, 3], large, { k: 2 });
    expect([...indices]).toEqual([777, 2000]);
    for (const score of best) expect(score).toBeCloseTo(1, 6);
    await large[Symbol.asyncDispose]();
  });
});
