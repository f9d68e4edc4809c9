// node contestant.mjs NAME SETTINGS, a JSON of { file, rows, dimensions, k, queries, threads }: one library in its own process. Prints
// {"ready", "buildMs"}, then answers each line on standard input:
//   "COUNT"  the wall time and CPU time in milliseconds of one search, over COUNT searches; each is of the next `queries` queries
//   "found COUNT"  the best rows of the first COUNT queries
import { openSync, readSync, closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { QUERIES } from './data-sets.mjs';

const [name, settings] = process.argv.slice(2);
const { file, rows, dimensions, k, queries, threads } = JSON.parse(settings);
const values = readFloats(file, 0, rows * dimensions);
const allQueries = readFloats(file, rows * dimensions, QUERIES * dimensions);
// Peers are not part of the workspace.
const requirePeer = createRequire(new URL('../../peers/package.json', import.meta.url));

/** Each returns `search`: the best rows of queries that are one after the other, as a flat array, best first; or nothing, for scores. */
const CONTESTANTS = {
  /** As users get it, once its codes are built. */
  gearshift: () => openGearshift({ companion: 'codes' }),
  /** Every row in float32. */
  'gearshift float32': () => openGearshift({ companion: 'none' }),
  async 'gearshift scores'() {
    const { executor, matrix } = await openGearshiftMatrix({ companion: 'none' });
    return {
      search: (query) => {
        executor.cosineSimilaritySync(query, matrix, { queries });
        return [];
      },
    };
  },
  usearch() {
    const { exactSearch, MetricKind } = requirePeer('usearch');
    // It reads from the start of a typed array's buffer, wherever the array begins.
    return { search: (query) => exactSearch(values, query.slice(), dimensions, k, MetricKind.Cos, threads).keys };
  },
  /** Approximate: reads a few hundred rows. Its defaults (connectivity 16, expansion 128 and 64). */
  'usearch hnsw'() {
    const { Index, MetricKind, ScalarKind } = requirePeer('usearch');
    const index = new Index({ metric: MetricKind.Cos, dimensions, quantization: ScalarKind.F32 });
    index.add(
      BigUint64Array.from({ length: rows }, (_, row) => BigInt(row)),
      values,
      threads,
    );
    return { search: (query) => index.search(query.slice(), k, threads).keys };
  },
  simsimd() {
    const { cosine } = requirePeer('simsimd');
    const views = Array.from({ length: rows }, (_, row) => rowOf(values, row));
    const distances = new Float64Array(rows);
    return oneByOne((query) => {
      for (let row = 0; row < rows; row++) distances[row] = cosine(query, views[row]);
      return best(distances);
    });
  },
  /** Its exact search; vectors go in and out as plain arrays. */
  hnswlib() {
    const { BruteforceSearch } = requirePeer('hnswlib-node');
    return searchHnswlib(new BruteforceSearch('cosine', dimensions));
  },
  /** Approximate. */
  'hnswlib hnsw'() {
    const { HierarchicalNSW } = requirePeer('hnswlib-node');
    const index = new HierarchicalNSW('cosine', dimensions);
    const searching = searchHnswlib(index, [16, 200]);
    index.setEf(Math.max(64, 2 * k));
    return searching;
  },
  async onnxruntime() {
    const { InferenceSession, Tensor } = requirePeer('onnxruntime-node');
    const { topKModel } = await import('./onnx-model.mjs');
    // The rows have length 1 as they are.
    const session = await InferenceSession.create(topKModel(values, { rows, dimensions, k, queries }), {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { allow_spinning: '0' } } }, // idle threads would take CPU time from the other contestants
    });
    const tensorOf = (query) => new Tensor('float32', query, [queries, dimensions]);
    return { search: async (query) => (await session.run({ query: tensorOf(query) })).indices.data };
  },
  /** Its full scan of a table of vectors in memory. */
  async 'sqlite-vec'() {
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(':memory:', { allowExtension: true });
    requirePeer('sqlite-vec').load(database);
    database.exec(`CREATE VIRTUAL TABLE vectors USING vec0(embedding float[${dimensions}] distance_metric=cosine)`);
    const bytesOf = (vector) => new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
    const insert = database.prepare('INSERT INTO vectors(rowid, embedding) VALUES (?, ?)');
    database.exec('BEGIN');
    for (let row = 0; row < rows; row++) insert.run(BigInt(row + 1), bytesOf(rowOf(values, row)));
    database.exec('COMMIT');
    const ask = database.prepare(`SELECT rowid FROM vectors WHERE embedding MATCH ? AND k = ${k}`);
    return oneByOne((query) => ask.all(bytesOf(query)).map(({ rowid }) => rowid - 1));
  },
  /** The solution without a library: a loop over rows of length 1. */
  javascript() {
    const distances = new Float64Array(rows);
    return oneByOne((query) => {
      for (let row = 0, at = 0; row < rows; row++, at += dimensions) {
        let sum = 0;
        for (let i = 0; i < dimensions; i++) sum += values[at + i] * query[i];
        distances[row] = 1 - sum;
      }
      return best(distances);
    });
  },
};

const startedAtMs = performance.now();
const { search } = await CONTESTANTS[name]();
console.log(JSON.stringify({ ready: true, buildMs: performance.now() - startedAtMs }));
let asked = 0;
for await (const line of createInterface({ input: process.stdin })) {
  console.log(
    JSON.stringify(line.startsWith('found') ? await find(Number(line.slice(6))) : await measure(Number(line))),
  );
}

async function measure(count) {
  const cpuBefore = process.cpuUsage();
  const beforeMs = performance.now();
  for (let i = 0; i < count; i++) {
    const found = search(nextQueries());
    if (found instanceof Promise) await found;
  }
  const wallMs = performance.now() - beforeMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wallMs: wallMs / count, cpuMs: (user + system) / 1000 / count };
}

/** A different question each time: nothing that is kept of the last answer may help. */
function nextQueries() {
  const first = (asked++ % (QUERIES / queries)) * queries;
  return allQueries.subarray(first * dimensions, (first + queries) * dimensions);
}

async function find(count) {
  asked = 0;
  const found = [];
  for (let i = 0; i < count / queries; i++) {
    const rowsOfBatch = Array.from(await search(nextQueries()), Number);
    for (let at = 0; at < rowsOfBatch.length; at += k) found.push(rowsOfBatch.slice(at, at + k));
  }
  return found;
}

function oneByOne(searchOne) {
  return {
    search: (query) => {
      const found = [];
      for (let i = 0; i < queries; i++) found.push(...searchOne(rowOf(query, i)));
      return found;
    },
  };
}

function rowOf(vectors, row) {
  return vectors.subarray(row * dimensions, (row + 1) * dimensions);
}

function searchHnswlib(index, sizes = []) {
  index.initIndex(rows, ...sizes);
  for (let row = 0; row < rows; row++) index.addPoint([...rowOf(values, row)], row);
  return oneByOne((query) => index.searchKnn([...query], k).neighbors);
}

async function openGearshift({ companion }) {
  const { executor, matrix } = await openGearshiftMatrix({ companion });
  return { search: (query) => executor.topKSync(query, matrix, { k, queries }).indices };
}

async function openGearshiftMatrix({ companion }) {
  const { createExecutor } = await import('gearshift');
  const executor = await createExecutor({ backends: ['cpu'], threads });
  return { executor, matrix: await executor.matrix(values, { dimensions, companion }) };
}

/** The k rows of the smallest distance, by insertion: few enough to be cheap. */
function best(distances) {
  const found = [];
  let worst = Infinity;
  for (let row = 0; row < rows; row++) {
    if (distances[row] >= worst) continue;
    let at = found.length;
    while (at > 0 && distances[found[at - 1]] > distances[row]) at--;
    found.splice(at, 0, row);
    if (found.length > k) found.pop();
    if (found.length === k) worst = distances[found[k - 1]];
  }
  return found;
}

/** One call reads at most 2 GiB. */
function readFloats(path, first, count) {
  const floats = new Float32Array(count);
  const handle = openSync(path);
  const bytes = new Uint8Array(floats.buffer);
  for (let done = 0; done < bytes.length;) {
    done += readSync(handle, bytes, done, Math.min(bytes.length - done, 2 ** 30), first * 4 + done);
  }
  closeSync(handle);
  return floats;
}
