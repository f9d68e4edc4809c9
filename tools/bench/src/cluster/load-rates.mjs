import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTopKOutput, prepareTopK, unwrap } from '@gearshift/contracts';
import { createExecutor } from 'gearshift';
import { quantile } from './latencies.mjs';
import { bareSubject, openCluster, WORKERS } from './open-cluster.mjs';
import { DIMENSIONS, requestOf } from './top-k-requests.mjs';

const FILE = 'rows.gearshift';
const MESSAGE_BYTES = 2 ** 20;
/** As many messages wait for their answers at the same time: four for each worker. */
const WINDOW = 4 * WORKERS.length;

/**
 * How fast workers take the rows of a matrix in, one copy of each: from a file that all of them find, until the first answer, and pushed by
 * the coordinator. The medians over the rounds, in MB/s.
 */
export async function measureLoadRates({ rows, rounds }) {
  const dataRoot = await mkdtemp(join(tmpdir(), 'gearshift-bench-'));
  const cluster = await openCluster({ dataRoot, echoes: [1], answerBytes: 16 });
  try {
    const { matrix, request } = requestOf(rows);
    await saveRows(matrix.values, join(dataRoot, FILE));
    const bytes = matrix.values.byteLength;
    const measured = { file: [], read: [], push: [], bare: [] };
    for (let round = 0; round < rounds; round++) {
      const backend = await cluster.coordinate({ replicas: 1 });
      measured.read.push(await rateOf(bytes, () => readFile(join(dataRoot, FILE))));
      measured.file.push(await rateOf(bytes, () => loadFile(backend, rows, request.query)));
      measured.push.push(await rateOf(bytes, async () => unwrap(await backend.makeResident(matrix))));
      measured.bare.push(await rateOf(bytes, () => sendAll(cluster.bare, bytes)));
      backend.placed.drop('rows');
      backend.release(matrix);
    }
    return Object.fromEntries(Object.entries(measured).map(([what, rates]) => [what, quantile(rates, 0.5)]));
  } finally {
    await cluster.close();
    await rm(dataRoot, { recursive: true });
  }
}

async function saveRows(values, path) {
  const executor = await createExecutor({ backends: ['cpu'] });
  const stored = await executor.matrix(values, { dimensions: DIMENSIONS, companion: 'none' });
  await stored.save(path);
  await executor.close();
}

async function loadFile(backend, rows, query) {
  const matrix = unwrap(await backend.placed.place('rows', { files: FILE, rows, dimensions: DIMENSIONS }));
  const request = prepareTopK({ operation: 'top-k', matrix, query, k: 10 });
  unwrap(await backend.topK(request, createTopKOutput(request)));
}

/** The bytes in messages of NATS, each answered. */
async function sendAll(bare, bytes) {
  const message = new Uint8Array(MESSAGE_BYTES);
  let left = Math.ceil(bytes / MESSAGE_BYTES);
  await Promise.all(
    Array.from({ length: WINDOW }, async () => {
      while (left-- > 0) await bare.ask(bareSubject(1), message, 1);
    }),
  );
}

async function rateOf(bytes, run) {
  const startedAtMs = performance.now();
  await run();
  return bytes / 1000 / (performance.now() - startedAtMs);
}
