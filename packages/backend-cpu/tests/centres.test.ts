import {
  createMatrix,
  createTopKOutput,
  markChanged,
  METRICS,
  prepareTopK,
  RowSet,
  unwrap,
  type MatrixOptions,
  type TopKOutput,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { nativeRows } from '@gearshift/backend-cpu';
import { randomValues } from '@gearshift/testing';
import { afterEach, expect, test } from 'vitest';
import type { NativeCpuBackend } from '../src/native-backend.js';
import { createBackendWithPrices, describeAddon } from './addon-at-hand.js';
import { createStoredMemory, pinVersion, unpin } from './fixtures/stored-memory.mjs';

// As few rows as have centres at all.
const ROWS = 200_000;
const DIMENSIONS = 64;
const CODE_BYTES = ROWS * (128 + 24);
/** The number of a centre, a distance, and a place in a list for each row, besides the centres. */
const CENTRE_BYTES = ROWS * 10;
/** Codes are made after the first ranking. */
const NO_WAIT = { savedMs: () => 1, buildMs: () => 0 };

describeAddon('centres of the rows of a large matrix', () => {
  let backend: NativeCpuBackend;
  afterEach(() => backend.close());

  const noise = randomValues(1 << 16, 90);
  const directions = randomValues(200 * DIMENSIONS, 91);
  /** Rows around 200 directions, which lie in any order; or around none. */
  function fill(values: Float32Array, share: number): Float32Array {
    for (let row = 0; row < ROWS; row++) {
      const direction = ((row * 7919) % 200) * DIMENSIONS;
      const from = (row * 4093) % (noise.length - DIMENSIONS);
      for (let i = 0; i < DIMENSIONS; i++) {
        values[row * DIMENSIONS + i] = share * directions[direction + i] + 0.5 * noise[from + i];
      }
    }
    return values;
  }
  const shared = () => new Float32Array(new SharedArrayBuffer(ROWS * DIMENSIONS * 4));
  const create = (values: Float32Array, options?: Partial<MatrixOptions>): VectorMatrix =>
    createMatrix(values, { dimensions: DIMENSIONS, companion: 'codes', ...options });
  const queryNear = (values: Float32Array, row: number): Float32Array =>
    values.slice(row * DIMENSIONS, (row + 1) * DIMENSIONS).map((value, i) => value + 0.05 * noise[i]);

  async function rank(matrix: VectorMatrix, request: Partial<TopKRequest>): Promise<TopKOutput> {
    const whole: TopKRequest = { operation: 'top-k', k: 10, matrix, query: directions, ...request };
    const output = createTopKOutput(prepareTopK(whole));
    unwrap(await backend.topK(whole, output));
    return output;
  }

  const all = Uint32Array.from({ length: ROWS }, (_, i) => i);
  /** Rows by number are scored in float32, whatever there is of the matrix. */
  async function compare(matrix: VectorMatrix, request: Partial<TopKRequest>): Promise<void> {
    const { start = 0, end = ROWS, ...rest } = request;
    const expected = await rank(matrix, { ...rest, candidates: all.subarray(start, end) });
    const { search, ...found } = await rank(matrix, request);
    expect(found).toEqual(expected);
    expect(search?.scanned).toBeGreaterThan(0);
  }

  const ended = () => expect.poll(() => backend.companions().building, { timeout: 60_000, interval: 5 }).toBe(0);
  const codeBytes = (matrix: VectorMatrix): number => backend.describeCompanion(matrix).bytes;

  test('are found in the background, and change no answer before, meanwhile and after', async () => {
    backend = createBackendWithPrices(NO_WAIT);
    const values = fill(shared(), 1);
    const matrix = create(values);
    unwrap(await backend.makeResident(matrix));
    expect(backend.companions().building).toBe(1);
    expect(codeBytes(matrix)).toBeGreaterThan(CODE_BYTES);
    expect(codeBytes(matrix)).toBeLessThan(CODE_BYTES + CENTRE_BYTES);
    await compare(matrix, { query: queryNear(values, 5) });
    await ended();
    expect(codeBytes(matrix)).toBeGreaterThan(CODE_BYTES + CENTRE_BYTES);
    // The centres are few.
    expect(codeBytes(matrix)).toBeLessThan(CODE_BYTES + 1.3 * CENTRE_BYTES);
    expect(backend.companions()).toMatchObject({ bytes: codeBytes(matrix), matrices: 1, built: 1 });
    const where = RowSet.fromPredicate(ROWS, (row) => row % 3 !== 0);
    for (const metric of METRICS) {
      const query = queryNear(values, 77);
      await compare(matrix, { metric, query });
      await compare(matrix, { metric, query, k: 300 });
      await compare(matrix, { metric, query, where });
      await compare(matrix, { metric, query, start: 1000, end: ROWS - 999 });
      await compare(matrix, { metric, query: query.map((value) => -value) });
      const queries = 5;
      const together = Float32Array.from({ length: queries * DIMENSIONS }, (_, i) => values[i] + noise[i] / 50);
      await compare(matrix, { metric, query: together, queries });
      await compare(matrix, { metric, query: together.map((value, i) => value + (i % 3)), queries });
    }
  });

  test('follow rows that change, also to what no code says anything of', async () => {
    backend = createBackendWithPrices(NO_WAIT);
    const values = fill(shared(), 1);
    const matrix = create(values);
    unwrap(await backend.makeResident(matrix));
    const change = (row: number, value: (old: number) => number) => {
      for (let i = row * DIMENSIONS; i < (row + 1) * DIMENSIONS; i++) values[i] = value(values[i]);
      markChanged(matrix, { start: row, end: row + 1 });
    };
    change(3, (old) => 2 - old); // while they are looked for
    const query = queryNear(values, 3);
    await compare(matrix, { query });
    await ended();
    for (const [round, special] of [NaN, Infinity, 0, 1e-40, 3e38].entries()) {
      const [best] = (await rank(matrix, { query, k: 1 })).indices;
      change(best, () => special);
      change(1000 + round, () => special);
      const next = (round * 57_731 + 11) % ROWS;
      values.set(query, next * DIMENSIONS);
      markChanged(matrix, { start: next, end: next + 1 });
      expect((await rank(matrix, { query, k: 1 })).indices[0]).toBe(next);
      for (const metric of METRICS) await compare(matrix, { metric, query });
    }
    expect(codeBytes(matrix)).toBeGreaterThan(CODE_BYTES + CENTRE_BYTES);
  });

  test('are found after codes that were made automatically, and not of rows without clusters', async () => {
    backend = createBackendWithPrices(NO_WAIT);
    const values = fill(shared(), 1);
    const clustered = create(values, { companion: 'auto' });
    const even = create(fill(shared(), 0), { companion: 'auto' });
    for (const matrix of [clustered, even]) {
      unwrap(await backend.makeResident(matrix));
      await rank(matrix, { query: queryNear(values, 9) });
    }
    await ended();
    expect(backend.companions()).toMatchObject({ matrices: 2, built: 2 });
    expect(codeBytes(clustered)).toBeGreaterThan(CODE_BYTES + CENTRE_BYTES);
    expect(codeBytes(even)).toBeLessThan(CODE_BYTES + CENTRE_BYTES);
    await compare(clustered, { query: queryNear(values, 9) });
    await compare(even, { query: queryNear(values, 9) });
  });

  test('are found once a matrix has grown to so many rows', async () => {
    backend = createBackendWithPrices(NO_WAIT);
    const values = fill(shared(), 1);
    const added = 500;
    const memory = createStoredMemory(values.subarray(0, (ROWS - added) * DIMENSIONS), DIMENSIONS, { capacity: ROWS });
    const id = 2 ** 50;
    const smaller: VectorMatrix = { ...pinVersion(memory, id, DIMENSIONS), companion: 'codes' };
    unwrap(await backend.makeResident(smaller));
    await ended();
    expect(codeBytes(smaller)).toBeLessThan(CODE_BYTES + CENTRE_BYTES);
    const rows = values.slice((ROWS - added) * DIMENSIONS);
    expect(nativeRows()?.append(memory, new Uint8Array(rows.buffer))).toBe(ROWS - added);
    unpin(memory);

    const grown: VectorMatrix = { ...pinVersion(memory, id, DIMENSIONS), companion: 'codes' };
    expect(grown.rows).toBe(ROWS);
    await compare(grown, { query: queryNear(values, ROWS - 7) });
    expect(backend.companions().building).toBe(1);
    await ended();
    expect(codeBytes(grown)).toBeGreaterThan(CODE_BYTES + CENTRE_BYTES);
    await compare(grown, { query: queryNear(values, ROWS - 7) });
    unpin(memory);
  });

  test('are given up with the matrix, and when the backend closes', async () => {
    backend = createBackendWithPrices(NO_WAIT);
    const first = create(fill(shared(), 1));
    const second = create(fill(shared(), 1));
    unwrap(await backend.makeResident(first));
    unwrap(await backend.makeResident(second));
    expect(backend.companions().building).toBe(2);
    backend.release(first);
    expect(backend.companions().building).toBe(1);
    await backend.close();
    expect(backend.companions().building).toBe(0);
  });
});
