// node contestant.mjs NAME DATA ROWS DIMENSIONS K THREADS: one library in its own process. Prints {"ready"}, then answers each line
// "COUNT" on standard input with the milliseconds for so many searches, and at the end with the best rows of the first query.
import { openSync, readSync, closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [name, file, ...numbers] = process.argv.slice(2);
const [rows, dimensions, k, threads] = numbers.map(Number);
const values = readFloats(file, 0, rows * dimensions);
const query = readFloats(file, rows * dimensions, dimensions);
// Peers are not part of the workspace.
const requirePeer = createRequire(new URL('../../peers/package.json', import.meta.url));

const CONTESTANTS = {
  /** Top-k over a resident copy, on this thread or with its pool. */
  async gearshift() {
    const { backend, matrix } = await openGearshift();
    const output = { indices: new Uint32Array(k), scores: new Float32Array(k), count: 0 };
    const request = { operation: 'top-k', query, matrix, k };
    return {
      search: () => {
        backend.topKSync(request, output);
        return output.indices;
      },
    };
  },
  async 'gearshift scores'() {
    const { backend, matrix } = await openGearshift();
    const scores = new Float32Array(rows);
    const request = { operation: 'cosine-similarity', query, matrix };
    return { search: () => (backend.cosineSimilaritySync(request, scores), []) };
  },
  usearch() {
    const { exactSearch, MetricKind } = requirePeer('usearch');
    return { search: () => exactSearch(values, query, dimensions, k, MetricKind.Cos, threads).keys };
  },
  simsimd() {
    const { cosine } = requirePeer('simsimd');
    const views = Array.from({ length: rows }, (_, row) => values.subarray(row * dimensions, (row + 1) * dimensions));
    const distances = new Float64Array(rows);
    return {
      search: () => {
        for (let row = 0; row < rows; row++) distances[row] = cosine(query, views[row]);
        return best(distances);
      },
    };
  },
  /** Its exact search; vectors go in and out as plain arrays. */
  hnswlib() {
    const { BruteforceSearch } = requirePeer('hnswlib-node');
    return searchHnswlib(new BruteforceSearch('cosine', dimensions));
  },
  /** An approximate index, which is not the same work: it reads a few hundred rows. */
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
    const units = Float32Array.from(values);
    for (let row = 0; row < rows; row++) {
      const scale = 1 / norm(row * dimensions);
      for (let i = 0; i < dimensions; i++) units[row * dimensions + i] *= scale;
    }
    const session = await InferenceSession.create(topKModel(units, { rows, dimensions, k }), {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { allow_spinning: '0' } } }, // idle threads would take CPU time from the other contestants
    });
    const feeds = { query: new Tensor('float32', query, [1, dimensions]) };
    return { search: async () => (await session.run(feeds)).indices.data };
  },
  /** The solution without a library: a loop over rows with precomputed norms. */
  javascript() {
    const norms = Float64Array.from({ length: rows }, (_, row) => norm(row * dimensions));
    const queryNorm = Math.hypot(...query);
    const distances = new Float64Array(rows);
    return {
      search: () => {
        for (let row = 0, at = 0; row < rows; row++, at += dimensions) {
          let sum = 0;
          for (let i = 0; i < dimensions; i++) sum += values[at + i] * query[i];
          distances[row] = 1 - sum / (norms[row] * queryNorm);
        }
        return best(distances);
      },
    };
  },
};

const { search } = await CONTESTANTS[name]();
console.log('{"ready":true}');
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'rows') {
    console.log(JSON.stringify(Array.from(await search(), Number)));
    continue;
  }
  const count = Number(line);
  const startedAtMs = performance.now();
  for (let i = 0; i < count; i++) {
    const found = search();
    if (found instanceof Promise) await found;
  }
  console.log(String((performance.now() - startedAtMs) / count));
}

function searchHnswlib(index, settings = []) {
  index.initIndex(rows, ...settings);
  for (let row = 0; row < rows; row++) {
    index.addPoint([...values.subarray(row * dimensions, (row + 1) * dimensions)], row);
  }
  const point = [...query];
  return { search: () => index.searchKnn(point, k).neighbors };
}

async function openGearshift() {
  const { createCpuBackend } = await import('@gearshift/backend-cpu');
  const { createMatrix, unwrap } = await import('@gearshift/contracts');
  const backend = unwrap(await createCpuBackend({ threads }));
  const matrix = createMatrix(values, { dimensions, companion: 'none' });
  unwrap(await backend.makeResident(matrix));
  return { backend, matrix };
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

function norm(at) {
  let sum = 0;
  for (let i = 0; i < dimensions; i++) sum += values[at + i] ** 2;
  return Math.sqrt(sum);
}

function readFloats(path, first, count) {
  const floats = new Float32Array(count);
  const bytes = new Uint8Array(floats.buffer);
  const handle = openSync(path);
  for (let done = 0; done < bytes.length;) done += readSync(handle, bytes, done, bytes.length - done, first * 4 + done);
  closeSync(handle);
  return floats;
}
