import {
  createMatrix,
  markChanged,
  unwrap,
  type Backend,
  type MatrixSnapshot,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

type Resident = Backend & Required<Pick<Backend, 'makeResident' | 'residency' | 'release'>>;

const DIMENSIONS = 64;
const ROWS = 4000; // a megabyte
const megabyte = (seed: number) => createMatrix(randomValues(ROWS * DIMENSIONS, seed), { dimensions: DIMENSIONS });
const query = randomValues(DIMENSIONS, 9);

describe.skipIf(simulator === null)(`resident copies on a CUDA device${lacksSimulator}`, () => {
  const machine = simulatorOrSkipped();
  let backend: Resident;
  const uploadedBy = async (work: () => Promise<unknown>) => {
    const before = machine.get('uploaded_bytes');
    await work();
    return machine.get('uploaded_bytes') - before;
  };
  const score = (matrix: VectorMatrix, start = 0, end = matrix.rows) =>
    backend
      .cosineSimilarity({ operation: 'cosine-similarity', query, matrix, start, end }, new Float32Array(end - start))
      .then(unwrap);

  beforeEach(async () => {
    backend = unwrap(await createCudaBackend()) as Resident;
  });
  afterEach(async () => {
    machine.set('memory_bytes', 256 * 2 ** 20);
    await backend.close();
    expect([machine.get('leaks'), machine.get('misuses'), machine.get('live_contexts')]).toEqual([0, 0, 0]);
  });

  test('a request on a resident copy uploads only its query', async () => {
    const matrix = megabyte(1);
    expect(await uploadedBy(() => backend.makeResident(matrix))).toBe(matrix.values.byteLength);
    expect(await uploadedBy(() => score(matrix))).toBe(query.byteLength + 4);
  });

  test('a request without a copy uploads only the requested rows or candidates', async () => {
    const matrix = megabyte(2);
    expect(await uploadedBy(() => score(matrix, 1000, 1500))).toBe(500 * DIMENSIONS * 4 + query.byteLength + 4);
    const candidates = Uint32Array.of(3999, 7, 1234);
    const output = { indices: new Uint32Array(2), scores: new Float32Array(2), count: 0 };
    const uploaded = await uploadedBy(() =>
      backend.topK({ operation: 'top-k', query, matrix, k: 2, candidates }, output).then(unwrap),
    );
    expect(uploaded).toBeLessThan(3 * DIMENSIONS * 4 + query.byteLength + 100);
    expect(output.indices.every((row) => candidates.includes(row))).toBe(true);
  });

  test('rows that change while they are uploaded are not used: the request is stale', async () => {
    const snapshot = (isIntact: boolean): MatrixSnapshot => ({
      ...{ memory: {} as MatrixSnapshot['memory'], sequence: 2 },
      isIntact: () => isIntact,
      readRow() {},
      readElements() {},
      rowsChangedSince: () => undefined,
    });
    const changing = { ...megabyte(21), snapshot: snapshot(false) };
    expect(await backend.makeResident(changing)).toMatchObject({ ok: false, error: { kind: 'stale' } });
    const request = { operation: 'cosine-similarity', query, matrix: changing } as const;
    const answer = await backend.cosineSimilarity(request, new Float32Array(ROWS));
    expect(answer).toMatchObject({ ok: false, error: { kind: 'stale' } });
    expect(backend.residency(changing).residentBytes).toBe(0);
    const quiet = { ...megabyte(22), snapshot: snapshot(true) };
    unwrap(await backend.makeResident(quiet));
    await score(quiet);
  });

  describe('a copy that went stale while it was uploaded', () => {
    const memory = {} as MatrixSnapshot['memory'];
    const changed = { start: 100, end: 130 };
    const seen = (matrix: VectorMatrix, values: Float32Array, isIntact: boolean): VectorMatrix => {
      const methods = { isIntact: () => isIntact, readRow() {}, readElements() {}, rowsChangedSince: () => [changed] };
      return { ...matrix, values, snapshot: { memory, sequence: matrix.version, ...methods } };
    };
    const scoresOf = async (one: Backend, matrix: VectorMatrix) => {
      const output = new Float32Array(ROWS);
      unwrap(await one.cosineSimilarity({ operation: 'cosine-similarity', query, matrix }, output));
      return output;
    };
    const others: Resident[] = [];

    beforeEach(async () => {
      for (let i = 0; i < 2; i++) others.push(unwrap(await createCudaBackend()) as Resident);
    });
    afterEach(async () => {
      for (const other of others.splice(0)) await other.close();
    });

    test.for([
      ['whole', 0],
      ['updated', 1],
    ] as const)('is not used by others that waited for it, if it was %s', async ([, earlierVersions]) => {
      const matrix = megabyte(23);
      const current = { ...matrix, version: matrix.version + earlierVersions };
      const values = matrix.values.slice();
      values.fill(0.25, changed.start * DIMENSIONS, changed.end * DIMENSIONS - 1);
      // The first backend reads rows while they are written. The others read them when they are complete.
      const torn = values.slice();
      torn.fill(-3, 110 * DIMENSIONS, 120 * DIMENSIONS - 5);
      const complete = seen(current, values, true);
      if (earlierVersions > 0) unwrap(await backend.makeResident(seen(matrix, matrix.values, true)));
      const stale = backend.makeResident(seen(current, torn, false));
      const answers = others.map((other) => other.makeResident({ ...complete }));
      expect(await stale).toMatchObject({ ok: false, error: { kind: 'stale' } });
      for (const answer of await Promise.all(answers)) unwrap(answer);

      expect(backend.residency(complete).residentBytes).toBe(0);
      const expected = await scoresOf(backend, createMatrix(values.slice(), { dimensions: DIMENSIONS }));
      for (const other of others) {
        expect(other.residency(complete).bytesToUpload).toBe(0);
        expect(await scoresOf(other, complete)).toEqual(expected);
      }
    });
  });

  test('a new copy evicts the least recently used one', async () => {
    machine.set('memory_bytes', 5 * 2 ** 20);
    const [first, second, third, fourth, fifth] = [3, 4, 5, 6, 7].map(megabyte);
    for (const matrix of [first, second, third]) unwrap(await backend.makeResident(matrix));
    await score(first);
    // Four copies fit in memory.
    for (const matrix of [fourth, fifth]) unwrap(await backend.makeResident(matrix));
    const held = [first, second, third, fourth, fifth].map((matrix) => backend.residency(matrix).bytesToUpload === 0);
    expect(held).toEqual([true, false, true, true, true]);
  });

  test('an operand that is larger than the device evicts nothing', async () => {
    machine.set('memory_bytes', 3 * 2 ** 20);
    const small = megabyte(11);
    unwrap(await backend.makeResident(small));
    const large = createMatrix(randomValues(5 * ROWS * DIMENSIONS, 12), { dimensions: DIMENSIONS });
    const answer = await backend.makeResident(large);
    expect(answer).toMatchObject({ ok: false, error: { kind: 'out-of-memory' } });
    expect(backend.residency(small).bytesToUpload).toBe(0);
  });

  test('a new version is uploaded and replaces the old copy', async () => {
    const matrix = megabyte(13);
    unwrap(await backend.makeResident(matrix));
    const usedBefore = machine.get('used_bytes');
    matrix.values.fill(1);
    markChanged(matrix);
    expect(backend.residency(matrix).bytesToUpload).toBeGreaterThan(0);
    unwrap(await backend.makeResident(matrix));
    expect(machine.get('used_bytes')).toBe(usedBefore);
  });

  test('only the changed rows are uploaded when the matrix names them', async () => {
    const matrix = megabyte(16);
    unwrap(await backend.makeResident(matrix));
    const usedBefore = machine.get('used_bytes');
    matrix.values.fill(0.5, 10 * DIMENSIONS, 12 * DIMENSIONS);
    markChanged(matrix, { start: 10, end: 12 });
    matrix.values.fill(2, 20 * DIMENSIONS, 21 * DIMENSIONS);
    matrix.values[20 * DIMENSIONS] = 7;
    markChanged(matrix, { start: 20, end: 21 });
    const { bytesToUpload } = backend.residency(matrix);
    expect(bytesToUpload).toBe((11 * (DIMENSIONS * 4 + 4)) | 0);
    expect(await uploadedBy(() => backend.makeResident(matrix))).toBe(11 * DIMENSIONS * 4);
    expect(machine.get('used_bytes')).toBe(usedBefore);

    const output = new Float32Array(ROWS);
    unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', query, matrix }, output));
    const anew = createMatrix(matrix.values.slice(), { dimensions: DIMENSIONS });
    const expected = new Float32Array(ROWS);
    unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', query, matrix: anew }, expected));
    expect(output).toEqual(expected);
  });

  test('a copy that other requests use is not updated, and the new version gets its own copy', async () => {
    const other = unwrap(await createCudaBackend()) as Resident;
    const matrix = megabyte(17);
    const before = { ...matrix };
    unwrap(await backend.makeResident(matrix));
    unwrap(await other.makeResident(before));
    markChanged(matrix, { start: 0, end: 1 });
    expect(await uploadedBy(() => backend.makeResident(matrix))).toBe(matrix.values.byteLength);
    expect(other.residency(before).bytesToUpload).toBe(0);
    await other.close();
  });

  test('an aborted upload frees its memory', async () => {
    const matrix = createMatrix(randomValues(20 * ROWS * DIMENSIONS, 15), { dimensions: DIMENSIONS });
    const { freeBytes } = backend.memory();
    const controller = new AbortController();
    const uploading = backend.makeResident(matrix, controller.signal);
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect(await uploading).toMatchObject({ ok: false, error: { kind: 'aborted' } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(backend.memory().freeBytes).toBe(freeBytes);
  });
});
