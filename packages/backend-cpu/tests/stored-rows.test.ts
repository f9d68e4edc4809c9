import { once } from 'node:events';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  createMatrix,
  createTopKOutput,
  NATIVE_ROWS_STATUS,
  prepareTopK,
  unwrap,
  type StoredRows,
  type VectorMatrix,
} from '@gearshift/contracts';
import { nativeRows } from '@gearshift/backend-cpu';
import { randomValues } from '@gearshift/testing';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';
import { createStoredMemory, GrowableSharedArrayBuffer, pinVersion, unpin } from './fixtures/stored-memory.mjs';

const DIMENSIONS = 50;
const ROWS = 5000;
const query = randomValues(DIMENSIONS, 60);
const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url);
const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
let lastId = 2 ** 51;

type Backend = Awaited<ReturnType<typeof createNativeBackend>>;

function scoresOf(backend: Backend, matrix: VectorMatrix): Float32Array {
  const output = new Float32Array(matrix.rows);
  unwrap(backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix, query }, output));
  return output;
}

/** Both operations, on this thread and as jobs. */
async function answersOf(backend: Backend, matrix: VectorMatrix): Promise<unknown[]> {
  const scores = new Float32Array(matrix.rows);
  unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', matrix, query }, scores));
  const answers: unknown[] = [scoresOf(backend, matrix), scores];
  for (const candidates of [undefined, Uint32Array.from({ length: 900 }, (_, i) => (i * 7) % ROWS)]) {
    const request = prepareTopK({ operation: 'top-k', matrix, query, k: 20, candidates });
    const [now, job] = [createTopKOutput(request), createTopKOutput(request)];
    unwrap(backend.topKSync(request, now));
    unwrap(await backend.topK(request, job));
    answers.push(now, job);
  }
  return answers;
}

describeAddon('stored matrices in native code', () => {
  const native = nativeRows();
  if (native === undefined) return;
  const values = randomValues(ROWS * DIMENSIONS, 61);
  const row = bytesOf(query.map((value) => -5 * value));

  test.for(['without norms', 'with norms'])('every version is answered as it was, %s', async (kind) => {
    const backend = await createNativeBackend();
    const memory = createStoredMemory(values, DIMENSIONS);
    const id = lastId++;
    const first = pinVersion(memory, id, DIMENSIONS, 0);
    if (kind === 'with norms') {
      unwrap(await backend.makeResident(first));
      expect(backend.residency(first)).toEqual({ residentBytes: ROWS * 4, bytesToUpload: 0 });
    }
    const before = await answersOf(backend, first);
    expect(before).toEqual(await answersOf(backend, createMatrix(values.slice(), { dimensions: DIMENSIONS })));

    expect(native.update(memory, 7, row)).toBe(0);
    expect(native.append(memory, row)).toBe(ROWS);
    expect(native.update(memory, 7, bytesOf(values.subarray(0, DIMENSIONS)))).toBe(0);
    expect(native.update(memory, ROWS, bytesOf(values.subarray(0, 0)))).toBe(0);
    const later = pinVersion(memory, id, DIMENSIONS, 1);
    expect([later.version, later.rows]).toEqual([4, ROWS + 1]);
    const expected = new Float32Array((ROWS + 1) * DIMENSIONS);
    expected.set(values);
    expected.copyWithin(7 * DIMENSIONS, 0, DIMENSIONS);
    expected.set(
      query.map((value) => -5 * value),
      ROWS * DIMENSIONS,
    );
    const after = await answersOf(backend, createMatrix(expected, { dimensions: DIMENSIONS }));

    expect(await answersOf(backend, later)).toEqual(after);
    expect(await answersOf(backend, first)).toEqual(before);
    expect(await answersOf(backend, later)).toEqual(after);
    if (kind === 'with norms') expect(backend.residency(later).bytesToUpload).toBe(0);
    unpin(memory, 0);
    unpin(memory, 1);
    await backend.close();
  });

  test('requests get one version while another thread changes many rows at once', { timeout: 120_000 }, async () => {
    const backend = await createNativeBackend();
    const [start, count] = [1000, 500];
    const memory = createStoredMemory(values, DIMENSIONS, { slots: 4 * count });
    const id = lastId++;
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const workerData = { memory, start, count, dimensions: DIMENSIONS, stop };
    const worker = new Worker(fixture('update-rows.mjs'), { workerData });
    await once(worker, 'message');
    const versions = new Set<number>();
    for (let round = 0; round < 300 || versions.size < 20; round++) {
      const matrix = pinVersion(memory, id, DIMENSIONS);
      versions.add(matrix.version);
      const scores = new Float32Array(ROWS);
      if (round % 3 === 0) scores.set(scoresOf(backend, matrix));
      else unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', matrix, query }, scores));
      const again = scoresOf(backend, matrix);
      unpin(memory);
      // Equal rows have equal scores, unless some are of another version.
      expect(new Set(scores.subarray(start, start + count)).size).toBe(1);
      expect(again).toEqual(scores);
      if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    Atomics.store(stop, 0, 1);
    const [changes] = (await once(worker, 'message')) as [number];
    expect(changes).toBeGreaterThan(20);
    await worker.terminate();
    await backend.close();
  });

  test('removed rows are counted once, and the change names rows of the matrix', () => {
    const memory = createStoredMemory(values, DIMENSIONS);
    expect(native.remove(memory, new Uint32Array([5, 40, 5]))).toBe(0);
    expect([...new Uint32Array(memory.removed).subarray(0, 3)]).toEqual([32, 256, 0]);
    expect(native.remove(memory, new Uint32Array([ROWS]))).toBe(NATIVE_ROWS_STATUS.outOfRange);
    expect(native.update(memory, ROWS, row)).toBe(NATIVE_ROWS_STATUS.outOfRange);
    Atomics.or(memory.control, 3, 1);
    expect(native.append(memory, row)).toBe(NATIVE_ROWS_STATUS.gone);
  });

  test('a change without room is made once the buffers have grown', () => {
    const memory = createStoredMemory(values.subarray(0, 4 * DIMENSIONS), DIMENSIONS, { capacity: 4, slots: 1 });
    expect(native.append(memory, row)).toBe(NATIVE_ROWS_STATUS.needsRoom);
    const twoRows = new Uint8Array(2 * row.length);
    expect(native.update(memory, 0, twoRows)).toBe(NATIVE_ROWS_STATUS.needsRoom);
    memory.log.grow(memory.log.maxByteLength);
    expect(native.update(memory, 0, twoRows)).toBe(0);
    expect([...new Float32Array(memory.rows, 0, 2 * DIMENSIONS)].every((value) => value === 0)).toBe(true);
  });

  test.for([false, true])('the pin of a terminated worker is cleared, unless it is forgotten (%s)', async (forgets) => {
    const { control } = createStoredMemory(values, DIMENSIONS);
    const place = 70;
    const worker = new Worker(fixture('pin-and-wait.mjs'), { workerData: { control, place, forgets } });
    await once(worker, 'message');
    expect([...control.subarray(place, place + 2)]).toEqual([4711, 3]);
    await worker.terminate();
    expect([...control.subarray(place, place + 2)]).toEqual(forgets ? [4711, 3] : [0, 0]);
  });

  test('a file is mapped privately, and dropped pages read as zeros', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gearshift-map-'));
    const path = join(folder, 'rows');
    const contents = Buffer.from(Uint8Array.from({ length: 3 * 4096 + 100 }, (_, i) => i % 251));
    writeFileSync(path, contents);
    const descriptor = openSync(path, 'r');
    const memory = new GrowableSharedArrayBuffer(2 * 4096 + 100, { maxByteLength: 2 ** 20 });
    const bytes = new Uint8Array(memory, 0, 2 * 4096 + 100);
    try {
      if (process.platform === 'win32') return;
      expect(native.mapFile(bytes, descriptor, 4096)).toBe(0);
      expect(Buffer.compare(Buffer.from(bytes), contents.subarray(4096))).toBe(0);
      bytes.fill(1, 0, 10);
      expect(Buffer.compare(readFileSync(path), contents)).toBe(0);
      memory.grow(2 ** 20);
      native.dropPages(new Uint8Array(memory));
      expect(new Uint8Array(memory).every((byte) => byte === 0)).toBe(true);
      // Behind the end of the file, off the pages, a part of a page, memory that does not begin on a page of its own.
      const refused = [
        native.mapFile(new Uint8Array(memory), descriptor, 0),
        native.mapFile(new Uint8Array(memory, 0, 4096), descriptor, 100),
        native.mapFile(new Uint8Array(memory, 100, 4096), descriptor, 0),
        native.mapFile(new Uint8Array(memory, 0, 100), descriptor, 0),
        native.mapFile(new Uint8Array(new SharedArrayBuffer(4096)), descriptor, 0),
      ];
      expect(refused.every((error) => error > 0)).toBe(true);
    } finally {
      closeSync(descriptor);
      rmSync(folder, { recursive: true });
    }
    const fixed = new Uint8Array(new SharedArrayBuffer(100_000)).fill(7);
    native.adviseHugePages(fixed);
    native.dropPages(fixed.subarray(10, 99_990));
    expect([fixed[9], fixed[10], fixed[50_000], fixed[99_989], fixed[99_990]]).toEqual([7, 0, 0, 0, 7]);
  });

  test('memory of the wrong kind causes a typed error and nothing else', async () => {
    const backend = await createNativeBackend();
    const memory = createStoredMemory(values, DIMENSIONS);
    const wrong: Partial<Record<keyof StoredRows, unknown>>[] = [
      { control: new Int32Array(1024) },
      { control: new Int32Array(new SharedArrayBuffer(64)) },
      { control: new Uint32Array(new SharedArrayBuffer(4096)) },
      { control: undefined },
      { heads: memory.rows },
      { log: memory.control.buffer },
      { stamps: memory.heads },
      { rows: new ArrayBuffer(1000) },
      { bytesPerRow: 0 },
      { bytesPerRow: -8 },
      { bytesPerRow: NaN },
      { bytesPerRow: 2 ** 53 },
    ];
    for (const change of wrong) {
      const broken = { ...memory, ...change } as StoredRows;
      expect(() => native.append(broken, row), JSON.stringify(Object.keys(change))).toThrow(/./);
      expect(() => native.update(broken, 0, row)).toThrow(/./);
      expect(() => native.remove(broken, new Uint32Array([1]))).toThrow(/./);
    }
    expect(() => native.append(memory, row.subarray(1))).toThrow(RangeError);
    expect(() => native.update(memory, -1, row)).toThrow(RangeError);
    for (const index of [-1, 0, 63, 1024, 2 ** 40])
      expect(() => native.guardPin(memory.control, index)).toThrow(RangeError);
    expect(() => native.guardPin(new Int32Array(1024), 64)).toThrow(RangeError);
    native.forgetPin(12345);
    // A reader with heads or a log that are too short for what the control array says.
    expect(native.update(memory, 0, row)).toBe(0);
    const matrix = pinVersion(memory, lastId++, DIMENSIONS);
    expect(native.update(memory, 0, row)).toBe(0);
    for (const change of [{ heads: new SharedArrayBuffer(8) }, { log: new SharedArrayBuffer(16) }]) {
      const snapshot = { ...matrix.snapshot, memory: { ...memory, ...change } };
      expect(() => scoresOf(backend, { ...matrix, id: lastId++, values: matrix.values.subarray(), snapshot })).toThrow(
        TypeError,
      );
    }
    for (const words of [
      [5, -1],
      [5, 2 ** 30],
      [6, 2 ** 30],
    ]) {
      const damaged = createStoredMemory(values, DIMENSIONS);
      Atomics.store(damaged.control, words[0], words[1]);
      expect(() => native.update(damaged, 0, row)).toThrow(/damaged/);
    }
    await backend.close();
  });
});
