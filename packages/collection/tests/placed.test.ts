import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createClusterBackend,
  createClusterWorker,
  InMemoryNetwork,
  type ClusterBackend,
  type ClusterWorker,
} from '@gearshift/backend-cluster';
import { createExecutor, type Executor } from 'gearshift';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCollection, openCollection, placeCollection, type CollectionItem } from '../src/index.js';
import { openExecutor, type Tagged } from './collection-setup.js';

const ROOT = mkdtempSync(join(tmpdir(), 'gearshift-placed-'));
afterAll(() => rmSync(ROOT, { recursive: true }));
const FOLDER = join(ROOT, 'inner', 'items');
const local = await openExecutor();

let network: InMemoryNetwork;
let workers: ClusterWorker[];
let cluster: ClusterBackend;
let executor: Executor;

async function connect(name: string): Promise<ClusterBackend> {
  const made = await createClusterBackend({ transport: network.connect(name), name: 'test', leastWorkers: 2 });
  return made.ok ? made.value : expect.fail(made.error.message);
}

beforeEach(async () => {
  network = new InMemoryNetwork();
  workers = [];
  for (const worker of ['w0', 'w1']) {
    const transport = network.connect(worker);
    workers.push(await createClusterWorker({ transport, name: 'test', worker, dataRoot: ROOT, maxBytes: 2 ** 20 }));
  }
  cluster = await connect('c0');
  executor = await createExecutor({ backends: ['cpu', cluster] });
});

afterEach(async () => {
  await executor.close();
  await cluster.close();
  for (const worker of workers) await worker.close();
  rmSync(FOLDER, { recursive: true, force: true });
});

const itemsOf = (count: number, phase = 0): CollectionItem<Tagged>[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `item ${n}`,
    vector: [Math.sin(n + phase), Math.cos(n * n), Math.sin(3 * n)],
    metadata: { n, tag: n % 2 === 0 ? 'even' : 'odd' },
  }));

async function save(items = itemsOf(100)): Promise<void> {
  await using collection = await createCollection<Tagged>(local, { dimensions: 3, metric: 'dot' });
  await collection.upsert(items);
  await collection.save(FOLDER);
}

const place = (on = executor) => placeCollection<Tagged>(on, 'items', FOLDER, { dataRoot: ROOT });
const VECTOR = [0.3, -0.2, 0.9];

describe('a collection with its vectors on other machines', () => {
  it('answers like one that has them', async () => {
    await save();
    await using here = await openCollection<Tagged>(local, FOLDER);
    await using there = await place();
    expect([there.size, there.metric, there.dimensions]).toEqual([100, 'dot', 3]);
    expect(there.get('item 7')).toEqual(here.get('item 7'));
    for (const query of [
      { vector: VECTOR, k: 7 },
      { vector: VECTOR, k: 7, where: { tag: 'odd' }, includeVectors: true },
      { vector: VECTOR, k: 200, where: (item: Tagged) => item.n < 50, minScore: 0.1 },
    ]) {
      expect(await there.query(query)).toEqual(await here.query(query));
    }
    expect(await there.query({ vectors: [VECTOR, [1, 0, 0]], k: 3 })).toEqual(
      await here.query({ vectors: [VECTOR, [1, 0, 0]], k: 3 }),
    );
    const held = workers.flatMap((worker) => worker.describe().shards);
    expect(held.length).toBeGreaterThan(0);
  });

  it('cannot be changed, and says how to get on', async () => {
    await save();
    await using there = await place();
    const message =
      /expected one that can be changed; the vectors of this one are on other machines; save a changed copy/;
    await expect(there.upsert(itemsOf(1))).rejects.toThrow(message);
    await expect(there.delete('item 1')).rejects.toThrow(message);
    await expect(there.compact()).rejects.toThrow(message);
  });

  it('uses the state that is there already, and goes on when another process places it again', async () => {
    await save();
    await using there = await place();
    const first = executor.placed('items');
    await using again = await place();
    expect(executor.placed('items')?.version).toBe(first?.version);

    const other = await connect('c1');
    const second = await createExecutor({ backends: ['cpu', other] });
    await using elsewhere = await place(second);
    expect(second.placed('items')?.version).toBe(first?.version);
    const matches = await there.query({ vector: VECTOR, k: 5 });
    // As if two processes had found nothing, and both had placed it.
    const { rows = 0, dimensions = 0, label } = first ?? {};
    const [file] = workers.flatMap((worker) => worker.describe().shards);
    expect(file.rows).toBe(rows);
    const files = `inner/items/${label}.gearshift`;
    await second.place('items', { files, rows, dimensions, label });
    for (const collection of [there, again, elsewhere]) {
      expect(await collection.query({ vector: VECTOR, k: 5 })).toEqual(matches);
    }
    await second.close();
    await other.close();
  });

  it(
    'is never answered from another state: queries are stale until the new one is opened',
    { timeout: 30_000 },
    async () => {
      await save();
      await using before = await place();
      const old = await before.query({ vector: VECTOR, k: 100 });
      await save(itemsOf(100, 1));
      expect(await before.query({ vector: VECTOR, k: 100 })).toEqual(old);
      await using after = await place();
      const ask = () =>
        before.query({ vector: VECTOR, k: 100 }).then(
          (matches) => matches,
          (error: unknown) => (error as { readonly kind?: string }).kind,
        );
      // The machines keep the rows before for some seconds, for requests that have begun.
      const endMs = performance.now() + 20_000;
      let answer = await ask();
      for (; answer !== 'stale' && performance.now() < endMs; answer = await ask()) {
        expect(answer).toEqual(old);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(answer).toBe('stale');
      await using here = await openCollection<Tagged>(local, FOLDER);
      expect(await after.query({ vector: VECTOR, k: 100 })).toEqual(await here.query({ vector: VECTOR, k: 100 }));
    },
  );

  it('may be in a folder with a name that begins with dots', async () => {
    const folder = join(ROOT, '..items');
    await using collection = await createCollection<Tagged>(local, { dimensions: 3 });
    await collection.upsert(itemsOf(3));
    await collection.save(folder);
    await using there = await placeCollection<Tagged>(executor, 'dots', folder, { dataRoot: ROOT });
    expect(there.size).toBe(3);
    expect(await there.query({ vector: VECTOR, k: 3 })).toEqual(await collection.query({ vector: VECTOR, k: 3 }));
  });

  it('may be empty', async () => {
    await save([]);
    await using there = await place();
    expect(await there.query({ vector: VECTOR, k: 5 })).toEqual([]);
  });
});

describe('placeCollection()', () => {
  it('refuses vectors of deleted items, folders out of reach, and executors that cannot place', async () => {
    await using collection = await createCollection<Tagged>(local, { dimensions: 3 });
    await collection.upsert(itemsOf(10));
    await collection.delete('item 3');
    await collection.save(FOLDER);
    await expect(place()).rejects.toThrow(
      /^folder: expected vectors of items alone; .* compact\(\) it before save\(\)$/,
    );
    await collection.compact();
    await collection.save(FOLDER);
    const at = (dataRoot: unknown) => placeCollection(executor, 'items', FOLDER, { dataRoot } as { dataRoot: string });
    await expect(at(FOLDER)).rejects.toThrow(/^folder: expected a folder below dataRoot, which is/);
    await expect(at(join(ROOT, 'other'))).rejects.toThrow(/^folder: expected a folder below dataRoot/);
    await expect(at(3)).rejects.toThrow(/^dataRoot: expected the path of a folder, got 3/);
    await expect(placeCollection(local, 'items', FOLDER, { dataRoot: ROOT })).rejects.toThrow(
      /^backends: expected one that can place matrices/,
    );
    await expect(placeCollection(executor, 'a.b', FOLDER, { dataRoot: ROOT })).rejects.toThrow(/^name: expected/);
    const wrong = { ...local, matrix() {}, open() {}, topK() {} };
    await expect(placeCollection(wrong as never, 'items', FOLDER, { dataRoot: ROOT })).rejects.toThrow(
      /^executor: expected one with place\(\) and placed\(\)/,
    );
  });

  it('names the file that the machines cannot load', async () => {
    await save();
    const elsewhere = join(ROOT, 'inner');
    await expect(placeCollection(executor, 'items', FOLDER, { dataRoot: elsewhere })).rejects.toThrow(
      /cluster:0: source\.files\[0\]: there is no such file/,
    );
  });
});
