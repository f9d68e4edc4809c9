import {
  createMatrix,
  createTopKOutput,
  markChanged,
  prepareTopK,
  unwrap,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { expect, test } from 'vitest';
import { loadAddon } from '../src/native.js';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const DIMENSIONS = 100;
const query = randomValues(DIMENSIONS, 40);

function shared(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

type Backend = Awaited<ReturnType<typeof createNativeBackend>>;

function scoresOf(backend: Backend, matrix: VectorMatrix): Float32Array {
  const output = new Float32Array(matrix.rows);
  unwrap(backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix, query }, output));
  return output;
}

/** Scores of the same values by a backend that has never seen the matrix. */
async function freshScores({ values }: VectorMatrix): Promise<Float32Array> {
  const backend = await createNativeBackend();
  const scores = scoresOf(backend, createMatrix(values.slice(), { dimensions: DIMENSIONS }));
  await backend.close();
  return scores;
}

describeAddon('rows in shared memory', () => {
  const reportedBytes = () => loadAddon().addon?.reportMemory({}, 0) ?? 0;

  test('a resident matrix in shared memory takes four more bytes a row, one in an ordinary array as many as it has', async () => {
    const backend = await createNativeBackend();
    const rows = 50_000;
    const values = randomValues(rows * DIMENSIONS, 41);
    const ordinary = createMatrix(values, { dimensions: DIMENSIONS });
    const inPlace = createMatrix(shared(values), { dimensions: DIMENSIONS });
    expect(backend.residency(inPlace)).toEqual({ residentBytes: 0, bytesToUpload: rows * 4 });
    const before = reportedBytes();
    unwrap(await backend.makeResident(inPlace));
    expect(backend.residency(inPlace)).toEqual({ residentBytes: rows * 4, bytesToUpload: 0 });
    // The shared memory itself is reported, too, until it is collected.
    expect(reportedBytes() - before).toBeLessThan(values.byteLength + rows * 4 + 100_000);
    unwrap(await backend.makeResident(ordinary));
    expect(backend.residency(ordinary)).toEqual({ residentBytes: values.byteLength + rows * 4, bytesToUpload: 0 });
    expect(scoresOf(backend, inPlace)).toEqual(scoresOf(backend, ordinary));
    await backend.close();
  });

  test('a process that makes 300 MB in shared memory resident does not become larger by as much', async () => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(new Float32Array(new SharedArrayBuffer(300_000_000)).fill(0.5), {
      dimensions: DIMENSIONS,
    });
    const before = process.memoryUsage.rss();
    unwrap(await backend.makeResident(matrix));
    expect(process.memoryUsage.rss() - before).toBeLessThan(30_000_000);
    await backend.close();
  });

  test('asynchronous requests read the rows in place with and without their norms, with the same bits', async () => {
    const backend = await createNativeBackend();
    // No codes, which a ranking that a busy machine holds up would pay for: they change the counts of an answer.
    const options = { dimensions: DIMENSIONS, companion: 'none' } as const;
    const matrix = createMatrix(shared(randomValues(60_000 * DIMENSIONS, 42)), options);
    const request = prepareTopK({ operation: 'top-k', matrix, query, k: 20 });
    const [without, withNorms] = [createTopKOutput(request), createTopKOutput(request)];
    unwrap(await backend.topK(request, without));
    unwrap(await backend.makeResident(matrix));
    unwrap(await backend.topK(request, withNorms));
    expect(withNorms).toEqual(without);
    await backend.close();
  });

  for (const [kind, make] of [
    ['in shared memory', shared],
    ['in an ordinary array', (values: Float32Array) => values],
  ] as const) {
    test(`changed rows ${kind} are taken over by the next synchronous request, and none besides them`, async () => {
      const backend = await createNativeBackend();
      const matrix = createMatrix(make(randomValues(20_000 * DIMENSIONS, 43)), { dimensions: DIMENSIONS });
      unwrap(await backend.makeResident(matrix));
      const { residentBytes } = backend.residency(matrix);
      const before = scoresOf(backend, matrix);
      // Longer rows, so that a norm that was kept would show.
      for (const row of [0, 77, 19_999]) {
        matrix.values.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS).set(query.map((value) => -3 * value));
        markChanged(matrix, { start: row, end: row + 1 });
      }
      const after = scoresOf(backend, matrix);
      expect(backend.residency(matrix)).toEqual({ residentBytes, bytesToUpload: 0 });
      expect(after).toEqual(await freshScores(matrix));
      expect([...after.keys()].filter((row) => after[row] !== before[row])).toEqual([0, 77, 19_999]);
      await backend.close();
    });

    test(`many changed rows ${kind} are taken over by the next asynchronous request`, async () => {
      const backend = await createNativeBackend();
      const rows = 60_000;
      const matrix = createMatrix(make(randomValues(rows * DIMENSIONS, 44)), { dimensions: DIMENSIONS });
      unwrap(await backend.makeResident(matrix));
      const { residentBytes } = backend.residency(matrix);
      matrix.values.fill(0.25, 100 * DIMENSIONS, 59_000 * DIMENSIONS);
      markChanged(matrix, { start: 100, end: 59_000 });
      const output = new Float32Array(rows);
      unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', matrix, query }, output));
      expect(output).toEqual(await freshScores(matrix));
      expect(backend.residency(matrix)).toEqual({ residentBytes, bytesToUpload: 0 });
      await backend.close();
    });
  }

  test('a change while another backend uses the earlier version gives the later version norms of its own', async () => {
    const [first, second] = [await createNativeBackend(), await createNativeBackend()];
    const matrix = createMatrix(shared(randomValues(1000 * DIMENSIONS, 45)), { dimensions: DIMENSIONS });
    unwrap(await first.makeResident(matrix));
    unwrap(await second.makeResident(matrix));
    matrix.values.fill(7, 0, DIMENSIONS);
    markChanged(matrix, { start: 0, end: 1 });
    const expected = await freshScores(matrix);
    for (const backend of [first, second]) {
      expect(scoresOf(backend, matrix)).toEqual(expected);
      expect(backend.residency(matrix)).toEqual({ residentBytes: 4000, bytesToUpload: 0 });
    }
    await Promise.all([first.close(), second.close()]);
  });

  test('other rows in shared memory with the id of a resident matrix are refused', async () => {
    const [first, second] = [await createNativeBackend(), await createNativeBackend()];
    const values = randomValues(50 * DIMENSIONS, 46);
    const matrix = createMatrix(shared(values), { dimensions: DIMENSIONS });
    unwrap(await first.makeResident(matrix));
    unwrap(await second.makeResident({ ...matrix, values: shared(values) }));
    second.release(matrix);
    const other = { ...matrix, values: shared(values.map((value) => value + 1)) };
    expect(await second.makeResident(other)).toMatchObject({ ok: false, error: { kind: 'invalid-input' } });
    await Promise.all([first.close(), second.close()]);
  });
});
