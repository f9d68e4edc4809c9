import {
  createTopKOutput,
  prepareCosineSimilarity,
  prepareTopK,
  RowSet,
  unwrap,
  type Backend,
} from '@gearshift/contracts';
import { StoredMatrix } from '@gearshift/storage';
import { randomValues } from '@gearshift/testing';
import { afterEach, expect, it } from 'vitest';
import { sharedCpu, startCluster, type TestCluster } from './start-cluster.js';

const DIMENSIONS = 12;
const PATIENCE = { timeout: 30_000 };

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

async function answersOf(backend: Backend, matrix: StoredMatrix, seed: number) {
  const query = randomValues(2 * DIMENSIONS, seed);
  const where = RowSet.fromPredicate(matrix.rows, (row) => row % 5 !== seed % 5);
  const rankings = [];
  for (const options of [{}, { where }, { start: 30 }]) {
    const request = prepareTopK({ operation: 'top-k', query, queries: 2, matrix, k: 15, ...options });
    const output = createTopKOutput(request);
    unwrap(await backend.topK(request, output));
    rankings.push([...output.indices], [...output.scores]);
  }
  const request = prepareCosineSimilarity({ operation: 'cosine-similarity', query, queries: 2, matrix });
  const scores = new Float32Array(request.outputLength);
  unwrap(await backend.cosineSimilarity(request, scores));
  return [...rankings, [...scores]];
}

it('ranks a stored matrix as the CPU does, after each append, update and removal', async () => {
  cluster = await startCluster({ workers: 3 });
  const { backend, workers } = cluster;
  const cpu = await sharedCpu();
  const matrix = StoredMatrix.create(300, { dimensions: DIMENSIONS }, (values) =>
    values.set(randomValues(300 * DIMENSIONS, 1)),
  );
  const changes = [
    () => Promise.resolve(),
    () => matrix.append(randomValues(70 * DIMENSIONS, 2)),
    () => matrix.update(17, randomValues(DIMENSIONS, 3)),
    () => matrix.remove([3, 64, 300]),
    () => matrix.update(200, randomValues(DIMENSIONS, 4)),
    () => matrix.remove([17]),
  ];
  for (const [i, change] of changes.entries()) {
    await change();
    expect(await answersOf(backend, matrix, i), `after change ${i}`).toEqual(await answersOf(cpu, matrix, i));
  }
  // Of all generations only the last one is left.
  const shards = () => workers.flatMap((worker) => worker.describe().shards);
  await expect.poll(() => new Set(shards().map(({ generation }) => generation)).size, PATIENCE).toBe(1);
  backend.release(matrix);
  await expect.poll(shards, PATIENCE).toEqual([]);
  await matrix[Symbol.asyncDispose]();
});

it('answers from one version while a stored matrix changes', async () => {
  cluster = await startCluster({ workers: 2, network: { maxPayloadBytes: 4096 } });
  const { backend } = cluster;
  const cpu = await sharedCpu();
  const matrix = StoredMatrix.create(400, { dimensions: DIMENSIONS }, (values) =>
    values.set(randomValues(400 * DIMENSIONS, 5)),
  );
  const query = randomValues(DIMENSIONS, 6);
  for (let round = 0; round < 30; round++) {
    const pinned = matrix.pin();
    const request = prepareTopK({ operation: 'top-k', query, matrix: pinned, k: 20 });
    const [mine, expected] = [createTopKOutput(request), createTopKOutput(request)];
    const answering = backend.topK(request, mine);
    await matrix.update(round * 13, randomValues(DIMENSIONS, 100 + round));
    unwrap(await answering);
    unwrap(await cpu.topK(request, expected));
    expect([...mine.indices]).toEqual([...expected.indices]);
    expect([...mine.scores]).toEqual([...expected.scores]);
    pinned[Symbol.dispose]();
  }
  await matrix[Symbol.asyncDispose]();
});
