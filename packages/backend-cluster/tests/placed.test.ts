import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  RowSet,
  unwrap,
  type PartialAnswer,
  type PlacedMatrix,
  type TopKOutput,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { saveMatrix, StoredMatrix } from '@gearshift/storage';
import { randomValues } from '@gearshift/testing';
import { createClusterBackend, type ClusterTransport } from '@gearshift/backend-cluster';
import { createDispatcher } from '@gearshift/dispatcher';
import { adaptivePolicy } from '@gearshift/policies';
import { NO_METRICS } from '@gearshift/tracker';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SettledClock } from './settled-clock.js';
import { CLUSTER_NAME, sharedCpu, startBackend, startCluster, type TestCluster } from './start-cluster.js';

const ROWS = 500;
const DIMENSIONS = 6;
const FILE = { files: 'rows', rows: ROWS, dimensions: DIMENSIONS };

type Ranking = Omit<TopKRequest, 'operation' | 'matrix'>;

let folder: string;
let cluster: TestCluster;
let clock: SettledClock;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gearshift-placed-'));
  clock = new SettledClock();
  cluster = await startCluster({ workers: 4, clock, worker: { dataRoot: folder } });
});

afterEach(async () => {
  await cluster.close();
  await rm(folder, { recursive: true });
});

async function save(path: string, seed: number, rows = ROWS) {
  const values = randomValues(rows * DIMENSIONS, seed);
  for (let row = 0; row < rows; row += 7) values.copyWithin(row * DIMENSIONS, 0, DIMENSIONS);
  const stored = StoredMatrix.create(rows, { dimensions: DIMENSIONS }, (target) => target.set(values));
  await saveMatrix(stored, join(folder, path));
  await stored[Symbol.asyncDispose]();
  return createMatrix(values, { dimensions: DIMENSIONS });
}

const place = async (files: string | string[] = 'rows', backend = cluster.backend) =>
  clock.advanceUntil(backend.placed.place('corpus', { ...FILE, files }));

/** As an executor does: through a dispatcher with a CPU that has none of the rows. */
async function dispatcherOf(backend = cluster.backend) {
  const tracker = { snapshot: () => NO_METRICS, record() {} };
  return createDispatcher({ backends: [backend, await sharedCpu()], policy: adaptivePolicy(), tracker });
}

const requestOf = (matrix: PlacedMatrix, ranking: Ranking): TopKRequest => ({
  operation: 'top-k',
  matrix,
  ...ranking,
});

async function topK(matrix: PlacedMatrix, ranking: Ranking, backend = cluster.backend) {
  return clock.advanceUntil((await dispatcherOf(backend)).run(requestOf(matrix, ranking)));
}

function entriesOf({ indices, scores, count, counts }: TopKOutput, queries: number) {
  const entries = queries * count;
  return {
    count,
    counts: counts && [...counts],
    indices: [...indices.subarray(0, entries)],
    scores: [...scores.subarray(0, entries)],
  };
}

/** What one CPU says of the same rows. */
async function expectedOf(rows: VectorMatrix, ranking: Ranking) {
  const request = prepareTopK({ operation: 'top-k', matrix: rows, ...ranking });
  const output = createTopKOutput(request);
  unwrap(await (await sharedCpu()).topK(request, output));
  return entriesOf(output, request.queries);
}

const RANKINGS: readonly Ranking[] = [
  { query: randomValues(DIMENSIONS, 1), k: 10 },
  { query: randomValues(3 * DIMENSIONS, 2), queries: 3, k: 700, metric: 'euclidean' },
  { query: randomValues(3 * DIMENSIONS, 3), queries: 3, k: 40, metric: 'dot', minScore: 1.5 },
  { query: randomValues(DIMENSIONS, 4), k: 20, minScore: 0.4, where: RowSet.fromPredicate(ROWS, (row) => row % 3 > 0) },
  { query: randomValues(DIMENSIONS, 5), k: 20, start: 100, end: 333 },
  { query: randomValues(DIMENSIONS, 6), k: 5, where: RowSet.fromRows([2, 250], 300), metric: 'dot' },
  { query: randomValues(2 * DIMENSIONS, 7), queries: 2, k: 5, minScore: 1e9, metric: 'dot' },
];

/** A transport that keeps announcements back, from `hold()` until a broadcast has found no receiver. */
function lateAnnouncements(transport: ClusterTransport) {
  let isHolding = false;
  const held: (() => void)[] = [];
  const changed: Partial<ClusterTransport> = {
    watch: (subject, options, handler) =>
      transport.watch(subject, options, (message) => {
        const data = message.data.slice();
        if (isHolding) held.push(() => handler({ subject: message.subject, data, respond() {} }));
        else handler(message);
      }),
    askAll: (...asked) =>
      transport.askAll(...asked).catch((error: unknown) => {
        for (const deliver of held.splice(0)) deliver();
        throw error;
      }),
  };
  const late = new Proxy(transport, {
    get(target, key) {
      const value: unknown = Reflect.get(key in changed ? changed : target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { late, hold: () => void (isHolding = true), held };
}

describe('a matrix that workers load', () => {
  it('is ranked as one CPU ranks the same rows, bit for bit', async () => {
    const rows = await save('rows', 1);
    expect(cluster.backend.placed.find('corpus')).toBeUndefined();
    const matrix = unwrap(await place());
    expect(matrix).toMatchObject({ rows: ROWS, dimensions: DIMENSIONS, placement: 'test/n-corpus' });
    for (const ranking of RANKINGS) {
      const { output } = unwrap(await topK(matrix, ranking));
      expect(entriesOf(output, ranking.queries ?? 1)).toEqual(await expectedOf(rows, ranking));
    }
  });

  it('is scored row by row, and ranked among candidates', async () => {
    const rows = await save('rows', 5);
    const matrix = unwrap(await place());
    const dispatcher = await dispatcherOf();
    const [query, cpu] = [randomValues(2 * DIMENSIONS, 8), await sharedCpu()];
    const cosine = { operation: 'cosine-similarity', query, queries: 2, start: 10, end: 400 } as const;
    const scored = unwrap(await clock.advanceUntil(dispatcher.run({ ...cosine, matrix })));
    const scores = new Float32Array(2 * 390);
    unwrap(await cpu.cosineSimilarity({ ...cosine, matrix: rows }, scores));
    expect(scored.output).toEqual(scores);
    const ranking = { query, queries: 2, k: 9, candidates: Uint32Array.from([3, 499, 70, 7, 14, 250]) };
    const { output } = unwrap(await topK(matrix, ranking));
    expect(entriesOf(output, 2)).toEqual(await expectedOf(rows, ranking));
  });

  it('has the rows of several files, one after the other', async () => {
    const parts = [await save('a', 20, 150), await save('b', 21, 1), await save('c', 22, 349)];
    const values = Float32Array.from(parts.flatMap((part) => [...part.values]));
    const rows = createMatrix(values, { dimensions: DIMENSIONS });
    const matrix = unwrap(await place(['a', 'b', 'c']));
    for (const ranking of RANKINGS) {
      const { output } = unwrap(await topK(matrix, ranking));
      expect(entriesOf(output, ranking.queries ?? 1)).toEqual(await expectedOf(rows, ranking));
    }
    const short = await place(['a', 'b']);
    expect(short.ok ? 'ok' : short.error.message).toMatch(/source\.files: expected 500 rows, got 151/);
  });

  it('is unsupported, and says why, where no device can reach it', async () => {
    await save('rows', 1);
    const matrix = unwrap(await place());
    const tracker = { snapshot: () => NO_METRICS, record() {} };
    const dispatcher = createDispatcher({ backends: [await sharedCpu()], policy: adaptivePolicy(), tracker });
    const [ranking] = RANKINGS;
    const answers = [await dispatcher.run(requestOf(matrix, ranking)), dispatcher.runSync(requestOf(matrix, ranking))];
    const foreign = { ...matrix, placement: 'other/n-corpus' };
    answers.push(await topK(foreign, ranking));
    for (const answer of answers) {
      expect(answer.ok ? 'ok' : answer.error.kind).toBe('unsupported');
      expect(answer.ok || answer.error.message).toMatch(
        /the rows of the matrix are not in this process, but placed as/,
      );
    }
  });

  it('is found by other coordinators, in its newest complete generation', async () => {
    const [old, rows] = [await save('old', 1), await save('rows', 2)];
    const first = unwrap(await place('old'));
    const other = await startBackend(cluster.network, 'c1', { id: 'cluster:1', leastWorkers: 4 }, clock);
    const found = other.placed.find('corpus');
    expect(found).toMatchObject({ version: first.version, rows: ROWS });
    const [ranking] = RANKINGS;
    if (found === undefined) return;
    expect(entriesOf(unwrap(await topK(found, ranking, other)).output, 1)).toEqual(await expectedOf(old, ranking));

    const second = unwrap(await place('rows', other));
    expect(second.version).toBeGreaterThan(first.version);
    await clock.advance(5);
    // The handle of before is never answered from the new rows: for a while from its own, then not any more.
    // Questions do not put off its end.
    for (let i = 0; i < 4; i++) {
      expect(entriesOf(unwrap(await topK(first, ranking)).output, 1)).toEqual(await expectedOf(old, ranking));
      await clock.advance(1200);
    }
    await clock.advance(300);
    for (const worker of cluster.workers) {
      expect(new Set(worker.describe().shards.map(({ generation }) => generation))).toEqual(new Set([second.version]));
    }
    const stale = await topK(first, ranking);
    expect(stale.ok ? 'ok' : stale.error.kind).toBe('stale');
    const newest = cluster.backend.placed.find('corpus');
    expect(newest?.version).toBe(second.version);
    if (newest === undefined) return;
    expect(entriesOf(unwrap(await topK(newest, ranking)).output, 1)).toEqual(await expectedOf(rows, ranking));
    await clock.advanceUntil(other.close());
  });

  it('is stale, and not unreachable, when workers drop it after a request has begun', async () => {
    const [old] = [await save('old', 1), await save('rows', 2)];
    const first = unwrap(await place('old'));
    const { late, hold, held } = lateAnnouncements(cluster.network.connect('c1'));
    const starting = createClusterBackend({
      transport: late,
      name: CLUSTER_NAME,
      clock,
      id: 'cluster:1',
      leastWorkers: 4,
    });
    const other = unwrap(await clock.advanceUntil(starting));
    const [ranking] = RANKINGS;
    expect(entriesOf(unwrap(await topK(first, ranking, other)).output, 1)).toEqual(await expectedOf(old, ranking));
    const second = unwrap(await place('rows'));
    await clock.advance(4500);
    hold();
    await clock.advance(1000);
    for (const worker of cluster.workers) {
      expect(new Set(worker.describe().shards.map(({ generation }) => generation))).toEqual(new Set([second.version]));
    }
    expect(held.length).toBeGreaterThan(0);
    const answer = await topK(first, ranking, other);
    expect(held).toEqual([]);
    expect(answer.ok ? 'ok' : answer.error.kind).toBe('stale');
    await clock.advanceUntil(other.close());
  });

  it('never mixes generations while two coordinators place and rank at once', async () => {
    const files = new Map([
      ['a', await save('a', 10)],
      ['b', await save('b', 11)],
    ]);
    const other = await startBackend(cluster.network, 'c1', { id: 'cluster:1', leastWorkers: 4 }, clock);
    const byVersion = new Map<number, string>();
    const remember = async (path: string, backend = cluster.backend) => {
      const placed = await backend.placed.place('corpus', { ...FILE, files: path });
      if (placed.ok) byVersion.set(placed.value.version, path);
    };
    let right = 0;
    for (let round = 0; round < 12; round++) {
      const flips = Promise.all([
        remember(round % 2 === 0 ? 'a' : 'b'),
        round % 3 === 0 ? remember('b', other) : undefined,
      ]);
      const ranking = RANKINGS[round % RANKINGS.length];
      const asked = [cluster.backend, other].map(async (backend) => {
        const matrix = backend.placed.find('corpus');
        const dispatcher = await dispatcherOf(backend);
        return matrix && { matrix, answer: await dispatcher.run(requestOf(matrix, ranking)) };
      });
      const answers = await clock.advanceUntil(Promise.all(asked));
      await clock.advanceUntil(flips);
      for (const one of answers) {
        if (one === undefined) continue;
        const { answer, matrix } = one;
        if (!answer.ok) {
          expect(['stale', 'unreachable']).toContain(answer.error.kind);
          continue;
        }
        const rows = files.get(byVersion.get(matrix.version) ?? '');
        if (rows === undefined) continue;
        expect(entriesOf(answer.value.output, ranking.queries ?? 1)).toEqual(await expectedOf(rows, ranking));
        right += 1;
      }
    }
    expect(right).toBeGreaterThan(5);
    await clock.advanceUntil(other.close());
  });

  it('is ranked in part when the holders of a shard are gone, and the rest when they are back', async () => {
    const rows = await save('rows', 3);
    const matrix = unwrap(await place());
    const gone = cluster.workers
      .filter((worker) => worker.describe().shards.some(({ shard }) => shard === 1))
      .map(({ name }) => name);
    expect(gone).toHaveLength(2);
    const dispatcher = await dispatcherOf();
    for (const ranking of RANKINGS) {
      const { start = 0, end = ROWS, queries = 1 } = ranking;
      cluster.network.separate(['c0'], gone);
      await clock.advance(4000);
      const answer = await clock.advanceUntil(dispatcher.run(requestOf(matrix, ranking)));
      expect(answer.ok ? 'ok' : answer.error.kind).toBe('unreachable');
      if (answer.ok || answer.error.partial === null) expect.fail('there is no partial answer');
      expect(answer.error.cause?.message).toMatch(/shard 1/);
      const partial = answer.error.partial as PartialAnswer<TopKOutput>;
      const items = [...partial.done, ...partial.remaining].sort((a, b) => a.start - b.start);
      let at = 0;
      for (const item of items) {
        expect(item.start).toBe(at);
        at = item.end;
      }
      expect(at).toBe(end - start);
      // The ranking of the rows that are done.
      const done = RowSet.fromPredicate(ROWS, (row) =>
        partial.done.some((span) => row >= start + span.start && row < start + span.end),
      );
      const where = ranking.where === undefined ? done : done.and(ranking.where);
      expect(entriesOf(partial.output, queries)).toEqual(await expectedOf(rows, { ...ranking, where }));

      cluster.network.heal();
      await clock.advance(1500);
      const resumed = await clock.advanceUntil(dispatcher.resume(requestOf(matrix, ranking), partial));
      expect(entriesOf(unwrap(resumed).output, queries)).toEqual(await expectedOf(rows, ranking));
    }
  });

  it('leaves nothing of a generation that a worker kept while it was cut off, once another is placed', async () => {
    await save('rows', 1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    onTestFinished(() => void vi.useRealTimers());
    const first = unwrap(await place());
    const [cut] = cluster.workers;
    cluster.network.separate(['c0'], [cut.name]);
    await clock.advance(4000);
    const second = unwrap(await place());
    await clock.advance(6000);
    cluster.network.heal();
    await clock.advance(1500);
    const generationsOf = () => new Set(cut.describe().shards.map(({ generation }) => generation));
    expect(generationsOf()).toContain(first.version);
    vi.setSystemTime(Date.now() + 601_000);
    const third = unwrap(await place());
    await clock.advance(6000);
    expect(second.version).toBeLessThan(third.version);
    expect(generationsOf()).toEqual(new Set([third.version]));
  });

  it('is not placed when the file is missing, the memory too small, or the arguments wrong', async () => {
    const missing = await place('missing');
    expect(missing.ok ? 'ok' : missing.error.kind).toBe('invalid-input');
    const { placed } = cluster.backend;
    expect(placed.find('corpus')).toBeUndefined();
    const huge = await clock.advanceUntil(placed.place('corpus', { ...FILE, rows: 2 ** 31 }));
    expect(huge.ok ? 'ok' : huge.error.kind).toBe('out-of-memory');
    await expect(placed.place('a.b', FILE)).rejects.toThrow(/^name: expected 1 to 64 letters/);
    await expect(placed.place('a'.repeat(63), FILE)).rejects.toThrow(/^name: expected up to 62 letters/);
    await expect(placed.place('corpus', { ...FILE, rows: 0 })).rejects.toThrow(/^source\.rows: expected/);
    await expect(placed.place('corpus', { ...FILE, files: [] })).rejects.toThrow(/^source\.files: expected 1 to 256/);
    await expect(placed.place('corpus', { ...FILE, files: ['a', ''] })).rejects.toThrow(
      /^source\.files\[1\]: expected/,
    );
    await save('rows', 1);
    const matrix = unwrap(await place());
    const { query } = RANKINGS[0];
    await expect(topK(matrix, { query, k: 0 })).rejects.toThrow(/^k: expected an integer of at least 1, got 0/);
    await expect(topK(matrix, { query, queries: 2, k: 1 })).rejects.toThrow(/^query has 6 values but the matrix has 6/);
    await expect(topK(matrix, { query, k: 1, end: ROWS + 1 })).rejects.toThrow(/^end: expected/);
    await expect(topK(matrix, { query, k: 1, minScore: NaN })).rejects.toThrow(/^minScore: /);
    const wider = await topK({ ...matrix, rows: ROWS + 1 }, { query, k: 1 });
    expect(wider.ok ? 'ok' : wider.error.kind).toBe('invalid-input');
    placed.drop('corpus');
    await clock.advance(5);
    expect(placed.find('corpus')).toBeUndefined();
    expect(cluster.workers.flatMap((worker) => worker.describe().shards)).toEqual([]);
  });
});
