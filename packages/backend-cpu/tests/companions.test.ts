import { setImmediate, setTimeout } from 'node:timers/promises';
import {
  createMatrix,
  createTopKOutput,
  markChanged,
  METRICS,
  prepareTopK,
  unwrap,
  type MatrixOptions,
  type TopKOutput,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { afterEach, expect, test } from 'vitest';
import type { NativeCpuBackend } from '../src/native-backend.js';
import { createBackendWithPrices, createNativeBackend, describeAddon } from './addon-at-hand.js';
import { runFixture } from './run-fixture.js';

// Large enough to be searched with codes, and for codes to take many steps.
const ROWS = 12_000;
const DIMENSIONS = 200;
const CODE_BYTES = ROWS * (256 + 24);
const values = randomValues(ROWS * DIMENSIONS, 80);
const query = randomValues(DIMENSIONS, 81);
/** A search with codes: of all rows, unless a slow machine cut the request and left too few of them for codes. */
const CODED = { scanned: expect.any(Number), examined: expect.any(Number), rescored: expect.any(Number) };
/** Codes of so many take several steps on any machine, however long another process has held it up. */
const manyRows = () => randomValues(100_000 * DIMENSIONS, 83);
/** Each ranking saves a third of what codes cost. */
const THREE_RANKINGS = { savedMs: () => 1, buildMs: () => 3 };

describeAddon('codes that are made in the background', () => {
  let backend: NativeCpuBackend;
  afterEach(() => backend.close());

  function create(options?: Partial<MatrixOptions>, rows = values): VectorMatrix {
    const shared = new Float32Array(new SharedArrayBuffer(rows.byteLength));
    shared.set(rows);
    return createMatrix(shared, { dimensions: DIMENSIONS, ...options });
  }

  async function rank(matrix: VectorMatrix, request: Partial<TopKRequest> = {}): Promise<TopKOutput> {
    const whole: TopKRequest = { operation: 'top-k', query, k: 10, matrix, ...request };
    const output = createTopKOutput(prepareTopK(whole));
    unwrap(await backend.topK(whole, output));
    return output;
  }

  async function rankTimes(times: number, matrix: VectorMatrix): Promise<void> {
    for (let i = 0; i < times; i++) await rank(matrix);
  }

  /** Rows by number are scored in float32, whatever there is of the matrix. */
  async function compare(matrix: VectorMatrix, request: Partial<TopKRequest> = {}): Promise<void> {
    const candidates = Uint32Array.from({ length: matrix.rows }, (_, i) => i);
    const expected = await rank(matrix, { ...request, candidates });
    const { search: _search, ...found } = await rank(matrix, request);
    expect(found).toEqual(expected);
  }

  const statusOf = (matrix: VectorMatrix) => backend.describeCompanion(matrix).status;
  const becomes = (matrix: VectorMatrix, status: string) =>
    expect.poll(() => statusOf(matrix), { timeout: 60_000, interval: 2 }).toBe(status);
  /** Time for a build that must not happen: more than enough turns for its first step. */
  async function passTime(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await setImmediate();
    await setTimeout(30);
  }

  test('are made after as many rankings as they cost, and not before', async () => {
    backend = createBackendWithPrices(THREE_RANKINGS);
    const matrix = create();
    unwrap(await backend.makeResident(matrix));
    await rankTimes(2, matrix);
    await passTime();
    expect(backend.describeCompanion(matrix)).toMatchObject({ status: 'earning', bytes: 0 });
    expect(backend.describeCompanion(matrix).reason).toContain('saved 2.0 ms of the 3.0 ms');
    expect(backend.companions()).toMatchObject({ bytes: 0, matrices: 0, building: 0, built: 0 });
    expect((await rank(matrix)).search).toBeUndefined();
    expect(backend.companions()).toMatchObject({ building: 1, built: 0 });
    await becomes(matrix, 'ready');
    expect(backend.companions().building).toBe(0);
    const { bytes, matrices, built } = backend.companions();
    expect({ matrices, built }).toEqual({ matrices: 1, built: 1 });
    expect(bytes).toBeGreaterThanOrEqual(CODE_BYTES);
    expect(backend.describeCompanion(matrix).bytes).toBe(bytes);
    expect((await rank(matrix)).search).toMatchObject(CODED);
    for (const metric of METRICS) await compare(matrix, { metric });
  });

  test('are made after synchronous rankings too, and of rows that were not resident', async () => {
    backend = createBackendWithPrices(THREE_RANKINGS);
    const matrix = create();
    const request: TopKRequest = { operation: 'top-k', query, k: 10, matrix };
    const output = createTopKOutput(prepareTopK(request));
    for (let i = 0; i < 3; i++) unwrap(backend.topKSync(request, output));
    expect(statusOf(matrix)).toBe('waiting');
    await becomes(matrix, 'ready');
    unwrap(backend.topKSync(request, output));
    expect(output.search).toMatchObject(CODED);
    unwrap(backend.topKSync({ ...request, candidates: Uint32Array.of(1, 2) }, output));
    expect(output.search).toBeUndefined();
  });

  test('of many changed rows are brought up to date although every request is synchronous', async () => {
    backend = createBackendWithPrices(THREE_RANKINGS);
    const matrix = create({ companion: 'codes' });
    unwrap(await backend.makeResident(matrix));
    const request: TopKRequest = { operation: 'top-k', query, k: 10, matrix };
    const output = createTopKOutput(prepareTopK(request));
    const rankNow = () => {
      unwrap(backend.topKSync({ ...request }, output));
      return output.search;
    };
    expect(rankNow()).toMatchObject(CODED);
    matrix.values.set(values.subarray(0, 6000 * DIMENSIONS), 6000 * DIMENSIONS);
    markChanged(matrix, { start: 6000, end: ROWS });
    expect(rankNow()).toBeUndefined();
    await expect.poll(rankNow, { timeout: 60_000 }).toMatchObject(CODED);
    await compare(matrix);
  });

  test('are made of each of two matrices with the same rows', async () => {
    backend = createBackendWithPrices(THREE_RANKINGS);
    const first = create();
    const second = createMatrix(first.values, { dimensions: DIMENSIONS });
    for (const matrix of [first, second]) unwrap(await backend.makeResident(matrix));
    for (let round = 0; round < 200 && backend.companions().matrices < 2; round++) {
      await rank(first);
      await rank(second);
      await setTimeout(6);
    }
    expect([statusOf(first), statusOf(second)]).toEqual(['ready', 'ready']);
    await compare(first);
    await compare(second);
  });

  test('are not paid for by requests that they would not make faster', async () => {
    backend = createBackendWithPrices({ savedMs: () => 1, buildMs: () => 1 });
    const matrix = create();
    unwrap(await backend.makeResident(matrix));
    await rank(matrix, { k: ROWS / 8 });
    await rank(matrix, { end: 500 });
    await rank(matrix, { candidates: Uint32Array.from({ length: 5000 }, (_, i) => i) });
    const scores = new Float32Array(ROWS);
    unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', query, matrix }, scores));
    expect(statusOf(matrix)).toBe('earning');
    expect(backend.companions().building).toBe(0);
  });

  test('change no answer before, during and after, while rows change between requests', async () => {
    backend = createBackendWithPrices(THREE_RANKINGS);
    const matrix = create(undefined, manyRows());
    unwrap(await backend.makeResident(matrix));
    const seen = new Set<string>();
    for (let round = 0; round < 4000 && !(seen.has('ready') && round % 20 === 0); round++) {
      seen.add(statusOf(matrix));
      const row = (round * 577) % matrix.rows;
      matrix.values.set(
        query.map((value) => value * (round % 2 === 0 ? 1 + round : -1)),
        row * DIMENSIONS,
      );
      markChanged(matrix, { start: row, end: row + 1 });
      await compare(matrix, { metric: METRICS[round % 3] });
      // A few turns without a request, in which a step may begin and be interrupted.
      for (let turn = 0; turn < round % 5; turn++) await setImmediate();
      if (round % 7 === 0) await setTimeout(6);
    }
    expect([...seen]).toEqual(expect.arrayContaining(['earning', 'building', 'ready']));
    expect(backend.companions()).toMatchObject({ built: 1, building: 0 });
    for (const metric of METRICS) await compare(matrix, { metric });
    expect((await rank(matrix)).search).toMatchObject(CODED);
  });

  test('are not made while a request is under way', async () => {
    backend = createBackendWithPrices({ savedMs: () => 1, buildMs: () => 1 });
    const matrix = create();
    unwrap(await backend.makeResident(matrix));
    const queries = 64;
    const many = new Float32Array(queries * DIMENSIONS).fill(0.5);
    const request = { operation: 'cosine-similarity', query: many, queries, matrix } as const;
    let isOver = false;
    const asked = (async () => {
      for (let i = 0; i < 20; i++) unwrap(await backend.cosineSimilarity(request, new Float32Array(ROWS * queries)));
      isOver = true;
    })();
    await rank(matrix);
    while (!isOver) {
      expect(['waiting', 'earning']).toContain(statusOf(matrix));
      await setImmediate();
    }
    await asked;
    await becomes(matrix, 'ready');
  });

  test('are given up when the matrix is released, and when the backend closes', async () => {
    backend = createBackendWithPrices({ savedMs: () => 1, buildMs: () => 1 });
    const released = create(undefined, manyRows());
    unwrap(await backend.makeResident(released));
    await rank(released);
    await becomes(released, 'building');
    backend.release(released);
    expect(backend.companions()).toMatchObject({ building: 0, bytes: 0, built: 0 });
    await passTime();
    expect(backend.companions()).toMatchObject({ building: 0, bytes: 0, built: 0 });
    const closed = create();
    unwrap(await backend.makeResident(closed));
    await rank(closed);
    expect(backend.companions().building).toBe(1);
    await backend.close();
    expect(backend.companions()).toMatchObject({ building: 0, bytes: 0, built: 0 });
  });

  test('stay within the budget, unlike codes that a matrix asks for', async () => {
    backend = createBackendWithPrices({ savedMs: () => 1, buildMs: () => 1 }, 2.2 * CODE_BYTES);
    const [first, second, third] = [create(), create(), create()];
    const asked = create({ companion: 'codes' });
    for (const matrix of [first, second, third]) unwrap(await backend.makeResident(matrix));
    await rank(first);
    await becomes(first, 'ready');
    unwrap(await backend.makeResident(asked));
    expect(statusOf(asked)).toBe('ready');
    await rank(second);
    expect(backend.describeCompanion(second)).toMatchObject({ status: 'refused', bytes: 0 });
    expect(backend.describeCompanion(second).reason).toContain('(memory.companionBytes)');
    expect(backend.companions()).toMatchObject({ matrices: 2, building: 0, refused: { budget: 1, memory: 0 } });
    // A build that has not ended counts too.
    backend.release(asked);
    await rank(second);
    await rank(third);
    expect(backend.companions()).toMatchObject({ building: 1, refused: { budget: 2, memory: 0 } });
    await becomes(second, 'ready');
    expect(backend.companions().bytes).toBeLessThanOrEqual(2.2 * CODE_BYTES);
    for (const matrix of [first, second, third]) await compare(matrix);
  });

  test('of rows in an ordinary array are made if there is a resident copy', async () => {
    backend = createBackendWithPrices({ savedMs: () => 1, buildMs: () => 1 });
    const matrix = createMatrix(values.slice(), { dimensions: DIMENSIONS });
    const request: TopKRequest = { operation: 'top-k', query, k: 10, matrix };
    unwrap(backend.topKSync(request, createTopKOutput(prepareTopK(request))));
    expect(backend.describeCompanion(matrix)).toMatchObject({ status: 'refused' });
    expect(backend.describeCompanion(matrix).reason).toContain('there is no resident copy of them');
    unwrap(await backend.makeResident(matrix));
    await rank(matrix);
    await becomes(matrix, 'ready');
    await compare(matrix);
  });

  test.each(['none', 'int8', 'float16'] as const)(
    'are never made of a matrix with companion: %s',
    async (companion) => {
      backend = createBackendWithPrices({ savedMs: () => 1, buildMs: () => 1 });
      const matrix = create({ companion });
      unwrap(await backend.makeResident(matrix));
      await rankTimes(3, matrix);
      await passTime();
      expect(backend.companions()).toMatchObject({ matrices: 0, building: 0 });
      expect(backend.describeCompanion(matrix)).toMatchObject({ status: 'none', bytes: 0 });
      expect(backend.describeCompanion(matrix).reason).toContain(`companion is '${companion}'`);
      expect((await rank(matrix)).search).toBeUndefined();
    },
  );

  test('are never made where they save no time, which describeCompanion explains', async () => {
    backend = createBackendWithPrices({ savedMs: () => 1, buildMs: () => 0 });
    const few = create({}, values.subarray(0, 2000 * DIMENSIONS));
    const wide = createMatrix(create().values, { dimensions: 5000 });
    for (const matrix of [few, wide]) {
      unwrap(await backend.makeResident(matrix));
      await rank(matrix, { query: values.slice(0, matrix.dimensions) });
      await passTime();
    }
    expect(backend.companions()).toMatchObject({ matrices: 0, building: 0 });
    expect(backend.describeCompanion(few)).toMatchObject({
      status: 'none',
      reason: 'a scan of 2000 rows takes no longer than a search with codes',
    });
    expect(backend.describeCompanion(wide)).toMatchObject({
      status: 'none',
      reason: 'a scan of float32 rows of 5000 dimensions takes no longer than a search with codes',
    });
  });

  test('do not keep a process alive that has nothing else to do', async () => {
    backend = createBackendWithPrices(THREE_RANKINGS);
    const { code, stdout, stderr } = await runFixture('exit-during-build.mjs');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim()).toBe('building');
  });
});

describeAddon('the counts of a search with codes', () => {
  test('say that the search read whole codes, or all rows, where the codes exclude too few', async () => {
    const backend = await createNativeBackend();
    // Rows that differ by less than what codes can tell.
    const alike = new Float32Array(new SharedArrayBuffer(4 * 40_000 * DIMENSIONS));
    for (let i = 0; i < alike.length; i++) alike[i] = 1 + 1e-6 * values[i % values.length];
    const matrix = createMatrix(alike, { dimensions: DIMENSIONS, companion: 'codes' });
    const request: TopKRequest = { operation: 'top-k', query: alike.slice(0, DIMENSIONS), k: 10, matrix };
    const output = createTopKOutput(prepareTopK(request));
    unwrap(await backend.makeResident(matrix));
    unwrap(await backend.topK(request, output));
    const candidates = Uint32Array.from({ length: matrix.rows }, (_, i) => i);
    const expected = createTopKOutput(prepareTopK(request));
    unwrap(await backend.topK({ ...request, candidates }, expected));
    const { search, ...found } = output;
    expect(found).toEqual(expected);
    expect(search).toMatchObject({ scanned: 40_000, way: expect.stringMatching('^(whole-codes|scan)$') });
    await backend.close();
  });

  test('of requests that one pass answered together are shares of that pass', async () => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
    unwrap(await backend.makeResident(matrix));
    const outputs = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const queries = 32;
        const request: TopKRequest = {
          ...{ operation: 'top-k', k: 10, matrix, queries },
          query: values.slice(0, queries * DIMENSIONS),
        };
        const output = createTopKOutput(prepareTopK(request));
        unwrap(await backend.topK(request, output));
        return output;
      }),
    );
    for (const { search } of outputs) expect(search).toMatchObject({ scanned: 32 * ROWS });
    await backend.close();
  });
});
