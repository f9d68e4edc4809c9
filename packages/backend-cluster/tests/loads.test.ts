import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMatrix } from '@gearshift/contracts';
import { saveMatrix, StoredMatrix } from '@gearshift/storage';
import { randomValues } from '@gearshift/testing';
import { type ClusterTransport, type ShardSpec } from '@gearshift/backend-cluster';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeLoadAnswer, encodeDropOrder, encodeLoadOrder, type ShardSource } from '../src/messages/load-order.js';
import { pushShard } from '../src/residency/push-shard.js';
import { contentsOf } from '../src/residency/shard-contents.js';
import { Subjects } from '../src/subjects.js';
import { decodeAnswerHeader, readAnswer } from '../src/wire/answer.js';
import { encodePiece } from '../src/wire/push-piece.js';
import { encodeQuery } from '../src/wire/query.js';
import { withHook } from './held-backend.js';
import { SettledClock } from './settled-clock.js';
import { CLUSTER_NAME, sharedCpu, startCluster, type TestCluster } from './start-cluster.js';

const DIMENSIONS = 4;
const ROWS = 96;
const subjects = new Subjects(CLUSTER_NAME);
const matrix = createMatrix(randomValues(ROWS * DIMENSIONS, 5), { dimensions: DIMENSIONS });

function specOf(fields: Partial<ShardSpec> = {}): ShardSpec {
  const shape = { start: 32, end: 64, rows: ROWS, dimensions: DIMENSIONS, dtype: 'float32', scale: undefined } as const;
  return { key: 'named', generation: 7, shard: 1, shards: 3, kind: 'matrix', edges: 0, ...shape, ...fields };
}

let folder: string;
let cluster: TestCluster;
let transport: ClusterTransport;
let clock: SettledClock;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gearshift-loads-'));
  const root = join(folder, 'root');
  await mkdir(join(root, 'inner'), { recursive: true });
  clock = new SettledClock();
  cluster = await startCluster({ workers: 1, clock, worker: { dataRoot: root, maxBytes: 4096 } });
  transport = cluster.network.connect('loader');
});

afterEach(async () => {
  await cluster.close();
  await rm(folder, { recursive: true });
});

async function order(spec: ShardSpec, source: ShardSource) {
  return request('load', encodeLoadOrder({ spec, source }));
}

async function request(topic: 'load' | 'push' | 'drop', message: Uint8Array) {
  const asking = transport.ask(subjects.worker('w0', topic), message, { timeoutMs: 60_000 });
  const answer = decodeLoadAnswer(await clock.advanceUntil(asking));
  if (typeof answer === 'string') expect.fail(answer);
  return answer;
}

const refusal = async (asking: ReturnType<typeof order>) => {
  const answer = await asking;
  return answer.ok ? 'held' : `${answer.kind}: ${answer.message}`;
};

async function save(path: string, change?: (stored: StoredMatrix) => Promise<void>): Promise<void> {
  const stored = StoredMatrix.create(ROWS, { dimensions: DIMENSIONS }, (values) => values.set(matrix.values));
  await change?.(stored);
  await saveMatrix(stored, path);
  await stored[Symbol.asyncDispose]();
}

/** The best three rows of the shard for a query. */
async function rank(spec: ShardSpec) {
  const query = {
    key: spec.key,
    operation: 'top-k',
    metric: 'dot',
    shard: spec.shard,
    budgetMs: 1000,
    id: 1,
    generation: spec.generation,
    decay: 0,
    retention: 0,
    threshold: 0,
    k: 3,
    queries: 1,
    dimensions: DIMENSIONS,
    start: 0,
    end: ROWS,
    filter: 'all',
    rows: new Uint32Array(0),
    traceId: new Uint8Array(16),
    numbers: Float32Array.of(1, -1, 0.5, 2),
  } as const;
  const asking = transport.ask(subjects.worker('w0', 'query'), encodeQuery(query), { timeoutMs: 1000 });
  const bytes = await clock.advanceUntil(asking);
  const header = decodeAnswerHeader(bytes);
  if (typeof header === 'string') return header;
  if (header.status !== 'ok') return header.status;
  const answer = readAnswer(bytes, header, { query, shard: spec.shard, start: spec.start, end: spec.end, count: 3 });
  return typeof answer === 'string' ? answer : [...answer.indices];
}

function bestRows({ start, end }: ShardSpec): number[] {
  const scores = Array.from({ length: ROWS }, (_, row) => {
    const [a, b, c, d] = matrix.values.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS);
    return a - b + 0.5 * c + 2 * d;
  });
  const rows = Array.from({ length: end - start }, (_, i) => start + i);
  return rows.sort((x, y) => scores[y] - scores[x]).slice(0, 3);
}

describe('a shard in a file', () => {
  it('below the data root is loaded, and answered with the row numbers of the whole matrix', async () => {
    await save(join(folder, 'root/inner/rows.gearshift'));
    const spec = specOf();
    expect(await order(spec, { kind: 'files', files: ['inner/rows.gearshift'] })).toMatchObject({
      ok: true,
      isHeld: true,
    });
    expect(await rank(spec)).toEqual(bestRows(spec));
    expect(await rank(specOf({ generation: 8 }))).toBe('stale');
    expect(await rank(specOf({ shard: 0 }))).toBe('stale');
    expect(await rank(specOf({ key: 'other' }))).toBe('stale');
    // The same order again is held already, and another shard must not take the name.
    expect(await order(spec, { kind: 'files', files: ['inner/rows.gearshift'] })).toMatchObject({
      ok: true,
      isHeld: true,
    });
    const taken = order(specOf({ start: 0 }), { kind: 'files', files: ['inner/rows.gearshift'] });
    expect(await refusal(taken)).toBe('invalid-input: another shard has this name');
    expect(await request('drop', encodeDropOrder({ key: 'named', generation: undefined }))).toMatchObject({ ok: true });
    expect(await rank(spec)).toBe('stale');
    expect(cluster.workers[0].describe().freeBytes).toBe(4096);
  });

  it.each([
    ['../outside.gearshift', 'the path leads out of the data root'],
    ['inner/../../outside.gearshift', 'the path leads out of the data root'],
    ['/etc/passwd', 'expected a path below the data root'],
    ['', 'expected a path below the data root'],
    ['a\0b', 'expected a path below the data root'],
    ['link.gearshift', 'a link in the path leads out of the data root'],
    ['links/outside.gearshift', 'a link in the path leads out of the data root'],
    ['inner', 'the path is not that of a file'],
    ['inner/..', 'the path leads out of the data root'],
    ['missing.gearshift', 'there is no such file: ENOENT'],
  ])('at %j is refused', async (path, problem) => {
    await save(join(folder, 'outside.gearshift'));
    await symlink(join(folder, 'outside.gearshift'), join(folder, 'root/link.gearshift'));
    await symlink(folder, join(folder, 'root/links'));
    expect(await refusal(order(specOf(), { kind: 'files', files: [path] }))).toBe(
      `invalid-input: source.files[0]: ${problem}`,
    );
    expect(cluster.workers[0].describe().freeBytes).toBe(4096);
  });

  it('is refused when it is damaged, of another shape, or has removed rows', async () => {
    await writeFile(join(folder, 'root/text'), 'no rows');
    expect(await refusal(order(specOf(), { kind: 'files', files: ['text'] }))).toMatch(/^invalid-input: .*text/);
    await save(join(folder, 'root/rows'));
    const wider = order(specOf({ rows: ROWS + 1 }), { kind: 'files', files: ['rows'] });
    expect(await refusal(wider)).toMatch(/source\.files: expected 97 rows, got 96$/);
    const narrow = order(specOf({ dtype: 'int8' }), { kind: 'files', files: ['rows'] });
    expect(await refusal(narrow)).toMatch(/expected int8 .*, got float32/);
    const graph = order(specOf({ kind: 'graph', dimensions: 1, edges: 0 }), { kind: 'files', files: ['rows'] });
    expect(await refusal(graph)).toBe('unsupported: a graph cannot be loaded from a file');
    await save(join(folder, 'root/removed'), (stored) => stored.remove([3]));
    expect(await refusal(order(specOf(), { kind: 'files', files: ['removed'] }))).toMatch(/the file has removed rows/);
  });

  it('is refused without a data root', async () => {
    await cluster.close();
    cluster = await startCluster({ workers: 1, clock });
    transport = cluster.network.connect('loader');
    expect(await refusal(order(specOf(), { kind: 'files', files: ['a'] }))).toBe(
      'unsupported: this worker has no data root',
    );
  });
});

describe('a shard that is pushed', () => {
  const target = () => ({ transport, subjects, worker: 'w0' });
  const push = (spec: ShardSpec) => clock.advanceUntil(pushShard(target(), spec, contentsOf(matrix, spec), undefined));

  it('is held when every piece is there, in any order, and a repeated piece changes nothing', async () => {
    const spec = specOf();
    expect(await order(spec, { kind: 'push', load: 5, pieceBytes: 256 })).toEqual({
      ok: true,
      isHeld: false,
      sequence: 0,
    });
    const read = contentsOf(matrix, spec);
    const piece = (index: number) =>
      encodePiece({ load: 5, index, contents: read(index * 256, 256) ?? new Uint8Array() });
    expect(await request('push', piece(1))).toMatchObject({ ok: true, isHeld: false });
    expect(await request('push', piece(1))).toMatchObject({ ok: true, isHeld: false });
    expect(await rank(spec)).toBe('stale');
    expect(await request('push', piece(0))).toMatchObject({ ok: true, isHeld: true });
    expect(await rank(spec)).toEqual(bestRows(spec));
    expect(await request('push', piece(0))).toMatchObject({ ok: true, isHeld: true });
  });

  it('refuses pieces that do not belong to it', async () => {
    await order(specOf(), { kind: 'push', load: 5, pieceBytes: 256 });
    const answers = [
      encodePiece({ load: 6, index: 0, contents: new Uint8Array(256) }),
      encodePiece({ load: 5, index: 2, contents: new Uint8Array(256) }),
      encodePiece({ load: 5, index: 1, contents: new Uint8Array(255) }),
      encodePiece({ load: 5, index: 2 ** 32 - 1, contents: new Uint8Array(256) }),
      encodePiece({ load: 5, index: 0, contents: new Uint8Array(256) }).fill(1, 60, 61),
    ].map(async (message) => {
      const answer = await request('push', message);
      return answer.ok ? 'ok' : answer.kind;
    });
    expect(await Promise.all(answers)).toEqual(['stale', ...Array.from({ length: 4 }, () => 'invalid-input')]);
  });

  it('is given up, with its memory, when no piece comes for half a minute or it is dropped', async () => {
    await order(specOf(), { kind: 'push', load: 5, pieceBytes: 256 });
    expect(cluster.workers[0].describe().freeBytes).toBe(4096 - 512);
    await clock.advance(30_001);
    expect(cluster.workers[0].describe().freeBytes).toBe(4096);
    await order(specOf(), { kind: 'push', load: 6, pieceBytes: 256 });
    await request('drop', encodeDropOrder({ key: 'named', generation: 7 }));
    expect(cluster.workers[0].describe().freeBytes).toBe(4096);
  });

  it('takes the memory of others that were not used for a minute, and is refused before', async () => {
    for (let shard = 0; shard < 3; shard++) {
      expect((await push(specOf({ shard, start: 32 * shard, end: 32 * shard + 32 }))).ok).toBe(true);
    }
    const large = specOf({ key: 'large', start: 0, end: ROWS, dimensions: DIMENSIONS, shard: 0 });
    const wide = { ...large, rows: 192, end: 192 };
    const answer = await order(wide, { kind: 'push', load: 9, pieceBytes: 256 });
    expect(answer).toMatchObject({ ok: false, kind: 'out-of-memory', requestedBytes: 3072, freeBytes: 2560 });
    await clock.advance(61_000);
    expect(await rank(specOf())).toEqual(bestRows(specOf()));
    expect((await order(wide, { kind: 'push', load: 10, pieceBytes: 256 })).ok).toBe(true);
    expect(await rank(specOf())).toEqual(bestRows(specOf()));
    expect(await rank(specOf({ shard: 0, start: 0, end: 32 }))).toBe('stale');
  });

  it('is refused when the worker holds or loads as many shards as fit in an announcement', async () => {
    await cluster.close();
    cluster = await startCluster({ workers: 1, clock, network: { maxPayloadBytes: 2048 } });
    transport = cluster.network.connect('loader');
    const most = Math.floor((2048 - 512) / 400);
    for (let load = 0; load < most; load++) {
      const spec = specOf({ key: `k${load}` });
      const answer = load % 2 === 0 ? await push(spec) : await order(spec, { kind: 'push', load, pieceBytes: 256 });
      expect(answer.ok).toBe(true);
    }
    const answer = await order(specOf({ key: 'last' }), { kind: 'push', load: 99, pieceBytes: 256 });
    expect(answer).toMatchObject({ ok: false, kind: 'out-of-memory' });
    await clock.advance(30_001);
    expect((await order(specOf({ key: 'last' }), { kind: 'push', load: 99, pieceBytes: 256 })).ok).toBe(true);
  });

  it('is refused when its graph is none', async () => {
    const spec = specOf({ kind: 'graph', dimensions: 1, start: 0, end: 3, rows: 3, edges: 2 });
    const contents = Uint32Array.of(0, 1, 2, 2, 5, 1, 0, 0);
    await order(spec, { kind: 'push', load: 5, pieceBytes: 256 });
    const answer = await request('push', encodePiece({ load: 5, index: 0, contents: new Uint8Array(contents.buffer) }));
    expect(answer).toMatchObject({
      ok: false,
      kind: 'invalid-input',
      message: 'columns[0]: expected a node below 3, got 5',
    });
    expect(cluster.workers[0].describe().freeBytes).toBe(4096);
  });
});

describe('a shard that is dropped later', () => {
  it('is answered until then, takes no memory from others, and stays when it is ordered again', async () => {
    await save(join(folder, 'root/rows'));
    const load = (spec: ShardSpec) => order(spec, { kind: 'files', files: ['rows'] });
    const dropLater = () => request('drop', encodeDropOrder({ key: 'named', generation: 7, afterMs: 3000 }));
    const spec = specOf();
    await load(spec);
    await dropLater();
    expect(cluster.workers[0].describe().freeBytes).toBe(4096);
    await clock.advance(2900);
    await dropLater();
    expect(await rank(spec)).toEqual(bestRows(spec));
    await clock.advance(200);
    expect(await rank(spec)).toBe('stale');

    await load(spec);
    await dropLater();
    await load(spec);
    await clock.advance(3100);
    expect(await rank(spec)).toEqual(bestRows(spec));
    await dropLater();
    // All of the memory.
    const whole = specOf({ key: 'whole', shard: 0, start: 0, end: 256, rows: 256 });
    expect((await order(whole, { kind: 'push', load: 1, pieceBytes: 4096 })).ok).toBe(true);
    expect(await rank(spec)).toBe('stale');
  });

  it('is one of several when the order names it, and says from which file it came', async () => {
    await save(join(folder, 'root/rows'));
    const [first, second] = [specOf({ shard: 0, start: 0, end: 32 }), specOf()];
    for (const spec of [first, second]) await order(spec, { kind: 'files', files: ['rows'] });
    expect(await order(second, { kind: 'held' })).toMatchObject({ ok: true, isHeld: true, files: ['rows'] });
    await request('drop', encodeDropOrder({ key: 'named', generation: 7, shard: 1 }));
    expect(await rank(second)).toBe('stale');
    expect(await rank(first)).toEqual(bestRows(first));
    expect(await refusal(order(second, { kind: 'held' }))).toBe('stale: the shard is not held');
  });
});

describe('a shard that is dropped', () => {
  it('keeps its memory until the queries under way have read it', async () => {
    await save(join(folder, 'root/rows'));
    const gates: (() => void)[] = [];
    const gated = withHook(await sharedCpu(), () => new Promise((resolve) => gates.push(resolve)));
    await cluster.close();
    const worker = { dataRoot: join(folder, 'root'), maxBytes: 4096, backend: gated };
    cluster = await startCluster({ workers: 1, clock, worker });
    transport = cluster.network.connect('loader');
    const spec = specOf();
    await order(spec, { kind: 'files', files: ['rows'] });
    const ranking = rank(spec);
    await clock.advance(5);
    await request('drop', encodeDropOrder({ key: 'named', generation: 7 }));
    expect(cluster.workers[0].describe()).toMatchObject({ shards: [], freeBytes: 4096 - 512 });
    gates[0]();
    expect(await ranking).toEqual(bestRows(spec));
    expect(cluster.workers[0].describe().freeBytes).toBe(4096);
  });
});
