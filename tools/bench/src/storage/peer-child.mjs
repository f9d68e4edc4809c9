// node peer-child.mjs NAME ROWS DIMENSIONS FOLDER
//
// One peer in a process of its own: how much memory it takes for so many vectors, and how long it takes to add, delete, filter,
// save and open. Prints JSON; null where the peer cannot do it.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { randomValues } from './random-values.mjs';

const [name, rows, dimensions, folder] = process.argv
  .slice(2)
  .map((arg, i) => (i === 1 || i === 2 ? Number(arg) : arg));
const require = createRequire(new URL('../../storage-peers/package.json', import.meta.url));
const fromPeers = (specifier) => import(pathToFileURL(require.resolve(specifier)).href);

const K = 10;
const CHANGED = 1000;
const ROUNDS = 9;
/** One row in ten is of the tenant that the filtered request asks for. */
const TENANTS = 10;

const vectorOf = (values, row) => values.subarray(row * dimensions, (row + 1) * dimensions);
const tenantOf = (row) => row % TENANTS;

const PEERS = {
  async gearshift(values) {
    const { createExecutor, RowSet } = await import('gearshift');
    const executor = await createExecutor({ backends: ['cpu'] });
    const matrix = await executor.matrix(values, { dimensions, companion: 'none' });
    const where = RowSet.fromPredicate(rows, (row) => tenantOf(row) === 3);
    const file = join(folder, 'gearshift');
    return {
      query: (query) => executor.topK(query, matrix, { k: K }),
      filtered: (query) => executor.topK(query, matrix, { k: K, where }),
      add: (added) => matrix.append(added),
      remove: (first) => matrix.remove(Array.from({ length: CHANGED }, (_, i) => first + i)),
      save: () => matrix.save(file),
      open: async () => {
        const opened = await executor.open(file);
        await executor.topK(vectorOf(values, 0), opened, { k: K });
        await opened[Symbol.asyncDispose]();
      },
    };
  },

  async usearch(values) {
    const { Index, MetricKind, ScalarKind } = await fromPeers('usearch');
    const options = { metric: MetricKind.Cos, dimensions, quantization: ScalarKind.F32 };
    const index = new Index(options);
    const keysFrom = (first, count) => BigUint64Array.from({ length: count }, (_, i) => BigInt(first + i));
    index.add(keysFrom(0, rows), values, 2);
    const file = join(folder, 'usearch');
    return {
      query: (query) => index.search(query, K, 1),
      filtered: null,
      add: (added, first) => index.add(keysFrom(first, CHANGED), added, 2),
      remove: (first) => index.remove(keysFrom(first, CHANGED)),
      save: () => index.save(file),
      open: () => {
        const opened = new Index(options);
        opened.view(file);
        opened.search(vectorOf(values, 0), K, 1);
      },
    };
  },

  async 'sqlite-vec'(values) {
    const { DatabaseSync } = await import('node:sqlite');
    const sqliteVec = await fromPeers('sqlite-vec');
    const file = join(folder, 'vectors.sqlite');
    const openFile = () => {
      const database = new DatabaseSync(file, { allowExtension: true });
      sqliteVec.load(database);
      return database;
    };
    const database = openFile();
    database.exec(
      `CREATE VIRTUAL TABLE vectors USING vec0(tenant INTEGER, embedding float[${dimensions}] distance_metric=cosine)`,
    );
    const insert = database.prepare('INSERT INTO vectors(rowid, tenant, embedding) VALUES (?, ?, ?)');
    const bytesOf = (vector) => new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
    const insertAll = (vectors, first, count) => {
      database.exec('BEGIN');
      for (let i = 0; i < count; i++) {
        insert.run(BigInt(first + i + 1), BigInt(tenantOf(first + i)), bytesOf(vectorOf(vectors, i)));
      }
      database.exec('COMMIT');
    };
    insertAll(values, 0, rows);
    const ask = database.prepare(`SELECT rowid, distance FROM vectors WHERE embedding MATCH ? AND k = ${K}`);
    const askTenant = database.prepare(
      `SELECT rowid, distance FROM vectors WHERE embedding MATCH ? AND k = ${K} AND tenant = 3`,
    );
    const remove = database.prepare('DELETE FROM vectors WHERE rowid = ?');
    return {
      query: (query) => ask.all(bytesOf(query)),
      filtered: (query) => askTenant.all(bytesOf(query)),
      add: (added, first) => insertAll(added, first, CHANGED),
      remove: (first) => {
        database.exec('BEGIN');
        for (let i = 0; i < CHANGED; i++) remove.run(BigInt(first + i + 1));
        database.exec('COMMIT');
      },
      // The table is in the file already.
      save: null,
      open: () => {
        const opened = openFile();
        opened
          .prepare(`SELECT rowid FROM vectors WHERE embedding MATCH ? AND k = ${K}`)
          .all(bytesOf(vectorOf(values, 0)));
        opened.close();
      },
    };
  },

  async lancedb(values) {
    const { connect } = await fromPeers('@lancedb/lancedb');
    const path = join(folder, 'lance');
    const recordsOf = (vectors, first, count) =>
      Array.from({ length: count }, (_, i) => ({
        id: first + i,
        tenant: tenantOf(first + i),
        vector: Array.from(vectorOf(vectors, i)),
      }));
    const database = await connect(path);
    const STEP = 5000;
    const table = await database.createTable('vectors', recordsOf(values, 0, STEP));
    for (let row = STEP; row < rows; row += STEP) {
      await table.add(recordsOf(values.subarray(row * dimensions), row, Math.min(STEP, rows - row)));
    }
    const ask = (from, query) => from.query().nearestTo(query).distanceType('cosine').limit(K);
    return {
      query: (query) => ask(table, query).toArray(),
      filtered: (query) => ask(table, query).where('tenant = 3').toArray(),
      add: (added, first) => table.add(recordsOf(added, first, CHANGED)),
      remove: (first) => table.delete(`id >= ${first} AND id < ${first + CHANGED}`),
      save: null,
      open: async () => {
        const opened = await (await connect(path)).openTable('vectors');
        await ask(opened, vectorOf(values, 0)).toArray();
      },
    };
  },

  async 'langchain memory'(values) {
    const { MemoryVectorStore } = await fromPeers('@langchain/classic/vectorstores/memory');
    const store = new MemoryVectorStore({ embedQuery: async () => [], embedDocuments: async () => [] });
    const documentsOf = (first, count) =>
      Array.from({ length: count }, (_, i) => ({ pageContent: '', metadata: { tenant: tenantOf(first + i) } }));
    const arraysOf = (vectors, count) => Array.from({ length: count }, (_, i) => Array.from(vectorOf(vectors, i)));
    await store.addVectors(arraysOf(values, rows), documentsOf(0, rows));
    return {
      query: (query) => store.similaritySearchVectorWithScore(Array.from(query), K),
      filtered: (query) =>
        store.similaritySearchVectorWithScore(Array.from(query), K, ({ metadata }) => metadata.tenant === 3),
      add: (added, first) => store.addVectors(arraysOf(added, CHANGED), documentsOf(first, CHANGED)),
      remove: null,
      save: null,
      open: null,
    };
  },
};

mkdirSync(folder, { recursive: true });
const values = randomValues(rows * dimensions);
const query = randomValues(dimensions, 9);
await settle();
const before = residentBytes() - values.byteLength;
const peer = await PEERS[name](values);
await peer.query(query);
await settle();
// The array with the vectors is not part of what the peer takes.
const bytes = residentBytes() - before - values.byteLength;
const added = randomValues(CHANGED * dimensions, 3);
let next = rows;
let removed = 0;
const result = {
  share: bytes / (rows * dimensions * 4),
  queryMs: await timeOf(() => peer.query(query)),
  filteredMs: await timeOf(peer.filtered && (() => peer.filtered(query))),
  addMs: await timeOf(
    peer.add &&
      (() => {
        const first = next;
        next += CHANGED;
        return peer.add(added, first);
      }),
  ),
  removeMs: await timeOf(
    peer.remove &&
      (() => {
        const first = removed;
        removed += CHANGED;
        return peer.remove(first);
      }),
  ),
  saveMs: await timeOf(peer.save, 3),
  openMs: await timeOf(peer.open, 3),
};
console.log(JSON.stringify(result));
process.exit(0);

async function timeOf(run, rounds = ROUNDS) {
  if (run === null) return null;
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const startedNs = process.hrtime.bigint();
    await run();
    times.push(Number(process.hrtime.bigint() - startedNs) / 1e6);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

async function settle() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function residentBytes() {
  const [, kilobytes] = /^Pss:\s+(\d+) kB/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'));
  return Number(kilobytes) * 1024;
}
