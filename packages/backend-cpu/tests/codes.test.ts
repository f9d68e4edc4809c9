import {
  createMatrix,
  createTopKOutput,
  markChanged,
  METRICS,
  prepareTopK,
  RowSet,
  unwrap,
  type Elements,
  type TopKOutput,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { countRows } from '@gearshift/contracts/internal';
import { randomValues } from '@gearshift/testing';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

// Large enough to be searched with codes.
const ROWS = 12_000;
const DIMENSIONS = 200;
const values = randomValues(ROWS * DIMENSIONS, 60);
const queries = [randomValues(DIMENSIONS, 61), values.slice(0, DIMENSIONS), new Float32Array(DIMENSIONS).fill(-0.25)];

describeAddon('a matrix with codes', () => {
  type Native = Awaited<ReturnType<typeof createNativeBackend>>;

  function shared(source: Float32Array): Float32Array {
    const copy = new Float32Array(new SharedArrayBuffer(source.byteLength));
    copy.set(source);
    return copy;
  }

  async function rank(backend: Native, request: Omit<TopKRequest, 'operation'>): Promise<TopKOutput> {
    const whole = { operation: 'top-k', ...request } as const;
    const output = createTopKOutput(prepareTopK(whole));
    unwrap(await backend.topK(whole, output));
    return output;
  }

  /** Rows by number are scored in float32, whatever there is of the matrix. */
  async function compare(backend: Native, request: Omit<TopKRequest, 'operation'>): Promise<void> {
    const { matrix, start = 0, end = matrix.rows, ...rest } = request;
    const candidates = Uint32Array.from({ length: end - start }, (_, i) => start + i);
    const expected = await rank(backend, { ...rest, matrix, candidates });
    const { search, ...found } = await rank(backend, request);
    expect(found).toEqual(expected);
    if (search === undefined) return;
    const rows = request.where === undefined ? end - start : countRows(request.where.words, start, end);
    const considered = rows * (rest.queries ?? 1);
    // Less if a slow machine cut the request: what is left of it may be too little for codes.
    expect(search.scanned).toBeGreaterThan(0);
    expect(search.scanned).toBeLessThanOrEqual(considered);
    expect(search.examined).toBeLessThanOrEqual(considered);
    expect(search.rescored).toBeGreaterThanOrEqual(rest.k);
    expect(search.rescored).toBeLessThanOrEqual(considered);
  }

  for (const [place, rows] of [
    ['in shared memory', shared(values)],
    ['in ordinary memory', values],
    ['of float16', randomValues(ROWS * 2 * DIMENSIONS, 62)],
  ] as const) {
    test.each(METRICS)(`ranks its rows ${place} exactly as without, by %s`, async (metric) => {
      const backend = await createNativeBackend();
      const elements: Elements =
        place === 'of float16' ? Uint16Array.from(rows, (value) => (value * 1000) & 0x3fff) : rows;
      const options = { dimensions: DIMENSIONS, ...(place === 'of float16' ? { dtype: 'float16' as const } : {}) };
      const plain = createMatrix(elements, options);
      const matrix = createMatrix(elements, { ...options, companion: 'codes' });
      unwrap(await backend.makeResident(plain));
      unwrap(await backend.makeResident(matrix));
      const bytes = matrix.rows * DIMENSIONS;
      const codes = backend.residency(matrix).residentBytes - backend.residency(plain).residentBytes;
      expect(codes).toBeGreaterThan(bytes);
      expect(codes).toBeLessThan(1.5 * bytes);
      const where = RowSet.fromPredicate(matrix.rows, (row) => row % 3 !== 0);
      for (const query of queries) {
        await compare(backend, { matrix, query, k: 10, metric });
        await compare(backend, { matrix, query, k: 500, metric });
        await compare(backend, { matrix, query, k: 10, metric, start: 100, end: matrix.rows - 77 });
        await compare(backend, { matrix, query, k: 10, metric, where });
        await compare(backend, { matrix, query, k: 10, metric, minScore: 0.2 });
      }
      const together = Float32Array.from(queries.flatMap((query) => [...query]));
      await compare(backend, { matrix, query: together, queries: queries.length, k: 10, metric });
      await backend.close();
    });
  }

  test.for([4, 7, 33, 70, 150])('ranks %d queries at once exactly as one by one, by every metric', async (count) => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(shared(values), { dimensions: DIMENSIONS, companion: 'codes' });
    unwrap(await backend.makeResident(matrix));
    const query = randomValues(count * DIMENSIONS, 63);
    // Rows that have many like them, and a query as long as a thousand others.
    query.set(values.subarray(5 * DIMENSIONS, 6 * DIMENSIONS), DIMENSIONS);
    query.set(
      values.subarray(0, DIMENSIONS).map((value) => value * 1000),
      3 * DIMENSIONS,
    );
    const where = RowSet.fromPredicate(matrix.rows, (row) => row % 5 !== 0);
    for (const metric of METRICS) {
      const rankings = [
        { k: 10, metric },
        { k: 300, metric },
        { k: 10, metric, where },
        { k: 10, metric, start: 77, end: matrix.rows - 1 },
      ];
      for (const options of rankings) {
        const together = await rank(backend, { matrix, query, queries: count, ...options });
        for (let q = 0; q < count; q += 3) {
          const alone = await rank(backend, {
            matrix,
            query: query.subarray(q * DIMENSIONS, (q + 1) * DIMENSIONS),
            ...options,
          });
          expect(together.indices.slice(q * options.k, (q + 1) * options.k)).toEqual(alone.indices);
          expect(together.scores.slice(q * options.k, (q + 1) * options.k)).toEqual(alone.scores);
        }
      }
      await compare(backend, { matrix, query, queries: count, k: 10, metric });
    }
    await backend.close();
  });

  test('is searched with rows that it cannot code: not finite, zero, huge and tiny', async () => {
    const backend = await createNativeBackend();
    const rows = shared(values);
    for (const [row, value] of [NaN, Infinity, -Infinity, 0, 3e38, 1e-40].entries()) {
      rows.fill(value, row * 1000 * DIMENSIONS, (row * 1000 + 1) * DIMENSIONS);
    }
    const matrix = createMatrix(rows, { dimensions: DIMENSIONS, companion: 'codes' });
    unwrap(await backend.makeResident(matrix));
    for (const metric of METRICS) {
      for (const query of queries) await compare(backend, { matrix, query, k: 20, metric });
      await compare(backend, { matrix, query: new Float32Array(DIMENSIONS), k: 20, metric });
      await compare(backend, { matrix, query: new Float32Array(DIMENSIONS).fill(1e38), k: 20, metric });
      await compare(backend, { matrix, query: new Float32Array(DIMENSIONS).fill(NaN), k: 20, metric });
    }
    await backend.close();
  });

  test('keeps the codes of changed rows up to date', async () => {
    const backend = await createNativeBackend();
    const rows = shared(values);
    const matrix = createMatrix(rows, { dimensions: DIMENSIONS, companion: 'codes' });
    unwrap(await backend.makeResident(matrix));
    const { residentBytes } = backend.residency(matrix);
    const query = queries[0];
    for (let round = 0; round < 20; round++) {
      // The best row becomes the worst, and some other the best.
      const [best] = (await rank(backend, { matrix, query, k: 1 })).indices;
      rows.set(
        query.map((value) => -value),
        best * DIMENSIONS,
      );
      markChanged(matrix, { start: best, end: best + 1 });
      const next = (round * 577 + 5) % ROWS;
      rows.set(
        query.map((value) => value * (2 + round)),
        next * DIMENSIONS,
      );
      markChanged(matrix, { start: next, end: next + 1 });
      await compare(backend, { matrix, query, k: 10 });
      expect((await rank(backend, { matrix, query, k: 1 })).indices[0]).toBe(next);
    }
    expect(backend.residency(matrix).residentBytes).toBe(residentBytes);
    await backend.close();
  });

  test('can be made resident again after that was aborted', async () => {
    const backend = await createNativeBackend();
    const matrix: VectorMatrix = createMatrix(shared(values), { dimensions: DIMENSIONS, companion: 'codes' });
    const abort = new AbortController();
    const attempt = backend.makeResident(matrix, abort.signal);
    abort.abort();
    expect(await attempt).toMatchObject({ ok: false, error: { kind: 'aborted' } });
    unwrap(await backend.makeResident(matrix));
    expect(backend.residency(matrix).residentBytes).toBeGreaterThan(ROWS * DIMENSIONS);
    await compare(backend, { matrix, query: queries[0], k: 10 });
    await backend.close();
  });

  test('has none with more dimensions than codes have, and is searched all the same', async () => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(shared(values.subarray(0, 5000 * 400)), { dimensions: 5000, companion: 'codes' });
    unwrap(await backend.makeResident(matrix));
    expect(backend.residency(matrix).residentBytes).toBeLessThan(1e5);
    await compare(backend, { matrix, query: randomValues(5000, 63), k: 10 });
    await backend.close();
  });
});
