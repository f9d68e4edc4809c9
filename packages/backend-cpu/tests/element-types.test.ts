import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import {
  createMatrix,
  createTopKOutput,
  DTYPES,
  markChanged,
  METRICS,
  prepareTopK,
  RowSet,
  unwrap,
  type Dtype,
  type Elements,
  type SyncBackend,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { DTYPE_BYTES, elementsToFloat32, elementsView } from '@gearshift/contracts/internal';
import { CPU_LEVELS, createCpuBackend, nativeRows } from '@gearshift/backend-cpu';
import { createRandom, randomValues } from '@gearshift/testing';
import { describe, expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';
import { createStoredMemory, pinVersion, unpin } from './fixtures/stored-memory.mjs';

const NARROW = ['float16', 'bfloat16', 'int8'] as const;
const ROWS = 700;
const DIMENSIONS = 45; // with a tail at every level
const QUERIES = 3;
let lastId = 2 ** 51 + 2 ** 30;

interface Narrow {
  readonly dtype: Dtype;
  readonly scale: number | undefined;
}

const formatOf = (dtype: Dtype): Narrow => ({ dtype, scale: dtype === 'int8' ? Math.fround(0.0123) : undefined });

/** Elements of every kind: ordinary ones, all special ones in rows of their own, and some in other rows. */
function elementsOf(dtype: Dtype, count: number, seed: number): Elements {
  const random = createRandom(seed);
  const elements = elementsView(dtype, new ArrayBuffer(count * DTYPE_BYTES[dtype]), 0, count);
  const special = {
    float32: [],
    // Zeros, subnormal numbers, the largest, infinities and NaN.
    float16: [0, 0x8000, 1, 0x83ff, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00],
    bfloat16: [0, 0x8000, 1, 0x807f, 0x7f7f, 0xff7f, 0x7f80, 0xff80, 0x7fc0],
    int8: [0, -128, 127, -1, 1],
  }[dtype];
  for (let i = 0; i < count; i++) {
    const word = random.integer(2 ** 16);
    const value = random.next() * 2 - 1;
    if (dtype === 'float16') elements[i] = (word & 0x83ff) | (random.integer(16) << 10);
    else if (dtype === 'bfloat16') elements[i] = new Uint32Array(Float32Array.of(value).buffer)[0] >>> 16;
    else if (dtype === 'int8') elements[i] = word >> 8;
    else elements[i] = value;
  }
  for (const [index, bits] of special.entries()) {
    elements.fill(bits, (index + 20) * DIMENSIONS, (index + 21) * DIMENSIONS);
    elements[(index + 50) * DIMENSIONS + index] = bits;
  }
  return elements;
}

function widened(elements: Elements, format: Narrow): Float32Array {
  const values = new Float32Array(elements.length);
  elementsToFloat32(elements, format, values);
  return values;
}

function matrixOf(elements: Elements, { dtype, scale }: Narrow): VectorMatrix {
  return createMatrix(elements, { dimensions: DIMENSIONS, dtype, scale });
}

function shared<T extends Elements>(elements: T): T {
  const bytes = new Uint8Array(new SharedArrayBuffer(elements.byteLength));
  bytes.set(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength));
  const Constructor = elements.constructor as new (buffer: SharedArrayBuffer) => T;
  return new Constructor(bytes.buffer);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Elements) => new Uint8Array(buffer, byteOffset, byteLength);

/** Scores and rankings of every kind, on this thread and asynchronously. */
async function answersOf(backend: SyncBackend, matrix: VectorMatrix): Promise<unknown[]> {
  const query = randomValues(QUERIES * DIMENSIONS, 71);
  const where = RowSet.fromRows(
    Array.from({ length: 350 }, (_, i) => (i * 2) % matrix.rows),
    matrix.rows,
  );
  const answers: unknown[] = [];
  for (const given of [undefined, where]) {
    const request = {
      operation: 'cosine-similarity',
      matrix,
      query,
      queries: QUERIES,
      ...(given ? { where: given } : {}),
    } as const;
    const [now, later] = [new Float32Array(QUERIES * matrix.rows), new Float32Array(QUERIES * matrix.rows)];
    unwrap(backend.cosineSimilaritySync(request, now));
    unwrap(await backend.cosineSimilarity(request, later));
    answers.push(now, later);
  }
  const candidates = Uint32Array.from({ length: 300 }, (_, i) => (i * 11) % matrix.rows);
  for (const metric of METRICS) {
    for (const part of [{}, { start: 3, end: 611 }, { candidates }, { where }] satisfies Partial<TopKRequest>[]) {
      const request = prepareTopK({
        operation: 'top-k',
        matrix,
        query,
        queries: QUERIES,
        k: 250,
        metric,
        ...part,
      });
      const [now, later] = [createTopKOutput(request), createTopKOutput(request)];
      unwrap(backend.topKSync(request, now));
      unwrap(await backend.topK(request, later));
      answers.push(now, later);
    }
  }
  return answers;
}

const levels = await Promise.all(
  CPU_LEVELS.map(async (level) => {
    const backend = await createCpuBackend({ level });
    return { level, lacks: backend.ok ? undefined : backend.error.message };
  }),
);

for (const { level, lacks } of levels) {
  describe.skipIf(lacks !== undefined)(
    `element types at level ${level}${lacks === undefined ? '' : `: ${lacks}`}`,
    () => {
      test.for(NARROW)('%s rows have the answers of the float32 matrix with the same values', async (dtype) => {
        const backend = unwrap(await createCpuBackend({ level }));
        expect(backend.dtypes).toEqual(DTYPES);
        const format = formatOf(dtype);
        const elements = elementsOf(dtype, ROWS * DIMENSIONS, 72);
        const expected = await answersOf(backend, createMatrix(widened(elements, format), { dimensions: DIMENSIONS }));
        for (const matrix of [matrixOf(elements, format), matrixOf(shared(elements), format)]) {
          expect(await answersOf(backend, matrix)).toEqual(expected);
          if (backend.makeResident === undefined) continue;
          unwrap(await backend.makeResident(matrix));
          expect(await answersOf(backend, matrix)).toEqual(expected);
        }
        await backend.close();
      });

      test.for(NARROW)('%s rows begin at any element of a buffer', async (dtype) => {
        const backend = unwrap(await createCpuBackend({ level }));
        const format = formatOf(dtype);
        const elements = elementsOf(dtype, ROWS * DIMENSIONS, 73);
        const expected = await answersOf(backend, createMatrix(widened(elements, format), { dimensions: DIMENSIONS }));
        const longer = elementsView(
          dtype,
          new SharedArrayBuffer((elements.length + 1) * DTYPE_BYTES[dtype]),
          0,
          elements.length + 1,
        );
        longer.set(elements, 1);
        expect(await answersOf(backend, matrixOf(longer.subarray(1), format))).toEqual(expected);
        await backend.close();
      });
    },
  );
}

test('a scale of 1 is that of int8 without one', async () => {
  const backend = unwrap(await createCpuBackend());
  const elements = elementsOf('int8', ROWS * DIMENSIONS, 74);
  const expected = await answersOf(backend, matrixOf(elements, { dtype: 'int8', scale: undefined }));
  expect(await answersOf(backend, matrixOf(elements, { dtype: 'int8', scale: 1 }))).toEqual(expected);
  expect(await answersOf(backend, createMatrix(Float32Array.from(elements), { dimensions: DIMENSIONS }))).toEqual(
    expected,
  );
  await backend.close();
});

describeAddon('element types in native code', () => {
  test.for(NARROW)('a resident copy of %s rows has as many bytes as the rows, and one in place none', async (dtype) => {
    const backend = await createNativeBackend();
    const rows = 30_000; // not padded
    const elements = elementsView(dtype, new ArrayBuffer(rows * DIMENSIONS * 2), 0, rows * DIMENSIONS);
    const bytes = rows * DIMENSIONS * DTYPE_BYTES[dtype];
    for (const [matrix, copied] of [
      [matrixOf(elements, formatOf(dtype)), bytes],
      [matrixOf(shared(elements), formatOf(dtype)), 0],
    ] as const) {
      expect(backend.residency(matrix)).toEqual({ residentBytes: 0, bytesToUpload: copied === 0 ? rows * 4 : bytes });
      unwrap(await backend.makeResident(matrix));
      expect(backend.residency(matrix)).toEqual({ residentBytes: copied + rows * 4, bytesToUpload: 0 });
    }
    await backend.close();
  });

  test.for(NARROW)('a resident matrix takes over changed %s rows, and none besides them', async (dtype) => {
    const backend = await createNativeBackend();
    const format = formatOf(dtype);
    const other = elementsOf(dtype, DIMENSIONS * 2, 76);
    for (const place of [shared, <T>(elements: T) => elements]) {
      const matrix = matrixOf(place(elementsOf(dtype, ROWS * DIMENSIONS, 75)), format);
      unwrap(await backend.makeResident(matrix));
      for (const row of [0, 99, ROWS - 2]) {
        matrix.values.set(other, row * DIMENSIONS);
        markChanged(matrix, { start: row, end: row + 2 });
      }
      const { residentBytes } = backend.residency(matrix);
      const now = new Float32Array(ROWS);
      const query = randomValues(DIMENSIONS, 77);
      unwrap(backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix, query }, now));
      expect(backend.residency(matrix).bytesToUpload).toBe(0);
      expect(backend.residency(matrix).residentBytes).toBeGreaterThanOrEqual(residentBytes);
      const expected = createMatrix(widened(matrix.values, format), { dimensions: DIMENSIONS });
      expect(await answersOf(backend, matrix)).toEqual(await answersOf(backend, expected));
    }
    await backend.close();
  });

  test.for(NARROW)('every version of a stored matrix of %s is answered as it was', async (dtype) => {
    const native = nativeRows();
    if (native === undefined) throw new Error('the addon did not load');
    const format = formatOf(dtype);
    const given = dtype === 'int8' ? { dtype, scale: format.scale } : { dtype };
    const elements = elementsOf(dtype, ROWS * DIMENSIONS, 78);
    const row = elementsOf(dtype, DIMENSIONS, 79).subarray(0, DIMENSIONS);
    const changed = elementsView(dtype, new ArrayBuffer((ROWS + 1) * DIMENSIONS * 2), 0, (ROWS + 1) * DIMENSIONS);
    changed.set(elements);
    changed.set(row, 7 * DIMENSIONS);
    changed.set(row, ROWS * DIMENSIONS);
    for (const isResident of [false, true]) {
      const backend = await createNativeBackend();
      const memory = createStoredMemory(elements, DIMENSIONS);
      expect(memory.bytesPerRow).toBe(DIMENSIONS * DTYPE_BYTES[dtype]);
      const id = lastId++;
      const first = pinVersion(memory, id, DIMENSIONS, 0, given);
      if (isResident) unwrap(await backend.makeResident(first));
      const expect32 = async (values: Elements) =>
        answersOf(backend, createMatrix(widened(values, format), { dimensions: DIMENSIONS }));
      const before = await expect32(elements);
      expect(await answersOf(backend, first)).toEqual(before);
      expect(native.update(memory, 7, bytesOf(row))).toBe(0);
      expect(native.append(memory, bytesOf(row))).toBe(ROWS);
      const later = pinVersion(memory, id, DIMENSIONS, 1, given);
      const after = await expect32(changed);
      expect(await answersOf(backend, later)).toEqual(after);
      expect(await answersOf(backend, first)).toEqual(before);
      expect(await answersOf(backend, later)).toEqual(after);
      if (isResident) expect(backend.residency(later)).toEqual({ residentBytes: expect.any(Number), bytesToUpload: 0 });
      unpin(memory, 0);
      unpin(memory, 1);
      await backend.close();
    }
  });

  test.for(NARROW)(
    'long requests on %s rows run on other threads and are merged, with the same answers',
    async (dtype) => {
      const backend = await createNativeBackend();
      const format = formatOf(dtype);
      const rows = 40_000;
      const elements = elementsOf(dtype, rows * DIMENSIONS, 80);
      const query = randomValues(300 * DIMENSIONS, 81);
      const rank = async (matrix: VectorMatrix) => {
        const request = prepareTopK({ operation: 'top-k', matrix, query, queries: 300, k: 5 });
        const outputs = [createTopKOutput(request), createTopKOutput(request), createTopKOutput(request)];
        for (const answer of await Promise.all(outputs.map((output) => backend.topK(request, output)))) unwrap(answer);
        return outputs;
      };
      const expected = await rank(createMatrix(widened(elements, format), { dimensions: DIMENSIONS }));
      expect(await rank(matrixOf(elements, format))).toEqual(expected);
      expect(await rank(matrixOf(shared(elements), format))).toEqual(expected);
      await backend.close();
    },
  );

  test('an operand with the id of a resident one but other elements is refused, and synchronous requests are right', async () => {
    const backend = await createNativeBackend();
    const other = await createNativeBackend();
    for (const place of [shared, <T>(elements: T) => elements]) {
      const bits = place(elementsOf('float16', ROWS * DIMENSIONS, 82)) as Uint16Array;
      const bytes = place(elementsOf('int8', ROWS * DIMENSIONS, 83)) as Int8Array;
      const float16 = matrixOf(bits, formatOf('float16'));
      const int8 = { ...matrixOf(bytes, formatOf('int8')), id: float16.id };
      const matrices: VectorMatrix[] = [
        float16,
        { ...float16, dtype: 'bfloat16' },
        int8,
        { ...int8, scale: 0.5 },
        { ...createMatrix(place(new Float32Array(bits.length).fill(2)), { dimensions: DIMENSIONS }), id: float16.id },
      ];
      for (const resident of matrices) {
        unwrap(await backend.makeResident(resident));
        for (const asked of matrices) {
          if (asked === resident) continue;
          for (const asker of [backend, other]) {
            const answer = await asker.makeResident(asked);
            expect(answer).toMatchObject({ ok: false, error: { kind: 'invalid-input' } });
            expect(asker.residency(asked).residentBytes).toBe(0);
          }
          const fresh = createMatrix(widened(asked.values, { dtype: asked.dtype ?? 'float32', scale: asked.scale }), {
            dimensions: DIMENSIONS,
          });
          const query = randomValues(DIMENSIONS, 84);
          const [scores, expected] = [new Float32Array(ROWS), new Float32Array(ROWS)];
          unwrap(backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix: asked, query }, scores));
          unwrap(backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix: fresh, query }, expected));
          expect(scores).toEqual(expected);
        }
        backend.release(resident);
      }
    }
    await Promise.all([backend.close(), other.close()]);
  });

  test('a matrix that was changed to other elements gets a copy of its own', async () => {
    const backend = await createNativeBackend();
    const bits = elementsOf('float16', ROWS * DIMENSIONS, 85);
    const before = matrixOf(bits, formatOf('float16'));
    unwrap(await backend.makeResident(before));
    // Says that one row changed, which is not true of the values.
    const after = { ...before, dtype: 'bfloat16', version: 2, changes: [{ version: 2, start: 0, end: 1 }] } as const;
    unwrap(await backend.makeResident(after));
    const expected = createMatrix(widened(bits, formatOf('bfloat16')), { dimensions: DIMENSIONS });
    expect(await answersOf(backend, after)).toEqual(await answersOf(backend, expected));
    await backend.close();
  });

  test('threads share the copy of a matrix of int8', async () => {
    const backend = await createNativeBackend();
    const matrix = matrixOf(shared(elementsOf('int8', ROWS * DIMENSIONS, 86)), formatOf('int8'));
    unwrap(await backend.makeResident(matrix));
    const query = randomValues(DIMENSIONS, 87);
    const expected = new Float32Array(ROWS);
    unwrap(backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix, query }, expected));
    const worker = new Worker(new URL('fixtures/score-matrix.mjs', import.meta.url), { workerData: { matrix, query } });
    const [scores] = (await once(worker, 'message')) as [Float32Array];
    expect(scores).toEqual(expected);
    await worker.terminate();
    await backend.close();
  });
});
