import {
  createMatrix,
  createTopKOutput,
  DTYPES,
  markChanged,
  METRICS,
  prepareTopK,
  unwrap,
  type Backend,
  type Dtype,
  type Elements,
  type TopKRequest,
  type VectorMatrix,
} from '@gearshift/contracts';
import { elementsToFloat32, toElements } from '@gearshift/contracts/internal';
import { randomValues } from '@gearshift/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCudaBackend } from '../src/index.js';
import { lacksSimulator, simulator, simulatorOrSkipped } from './simulated-driver.js';

type Resident = Backend & Required<Pick<Backend, 'makeResident' | 'residency' | 'release'>>;

const NARROW = ['float16', 'bfloat16', 'int8'] as const;
const DIMENSIONS = 50;
const ROWS = 700;

function arrayOf(dtype: Dtype, length: number): Elements {
  if (dtype === 'float32') return new Float32Array(length);
  return dtype === 'int8' ? new Int8Array(length) : new Uint16Array(length);
}

function matrixOf(dtype: Dtype, numbers: Float32Array, dimensions: number): VectorMatrix {
  const scale = dtype === 'int8' ? Math.fround(1 / 127) : undefined;
  const values = arrayOf(dtype, numbers.length);
  toElements(numbers, { dtype, scale }, values);
  return createMatrix(values, { dimensions, dtype, scale });
}

/** The matrix of float32 with the same values. */
function widened(matrix: VectorMatrix): VectorMatrix {
  const values = new Float32Array(matrix.values.length);
  elementsToFloat32(matrix.values, matrix, values);
  return createMatrix(values, { dimensions: matrix.dimensions });
}

describe.skipIf(simulator === null)(`element types on a CUDA device${lacksSimulator}`, () => {
  const machine = simulatorOrSkipped();
  let backend: Resident;

  beforeEach(async () => {
    backend = unwrap(await createCudaBackend()) as Resident;
  });
  afterEach(async () => {
    await backend.close();
    expect([machine.get('leaks'), machine.get('misuses'), machine.get('live_contexts')]).toEqual([0, 0, 0]);
  });

  const rank = async (fields: Omit<TopKRequest, 'operation'>) => {
    const request = prepareTopK({ operation: 'top-k', ...fields });
    const output = createTopKOutput(request);
    unwrap(await backend.topK(request, output));
    return output;
  };
  const score = async (matrix: VectorMatrix, query: Float32Array, start = 0, end = matrix.rows) => {
    const output = new Float32Array(end - start);
    const request = { operation: 'cosine-similarity', query, matrix, start, end } as const;
    unwrap(await backend.cosineSimilarity(request, output));
    return output;
  };

  test('the backend says that it reads all types of elements', () => {
    expect(backend.dtypes).toEqual(DTYPES);
  });

  test.for(NARROW)('every %s has on the device the value that it has as float32', async (dtype) => {
    const values = arrayOf(dtype, dtype === 'int8' ? 2 ** 8 : 2 ** 16);
    for (let i = 0; i < values.length; i++) values[i] = i;
    const matrix = createMatrix(values, { dimensions: 1, dtype, ...(dtype === 'int8' ? { scale: 0.3 } : {}) });
    const expected = widened(matrix).values;
    // The product with 1, of which the sign of zero is not kept.
    const { indices, scores } = await rank({ matrix, query: Float32Array.of(1), k: values.length, metric: 'dot' });
    expect(new Set(indices).size).toBe(values.length);
    const wrong = [...indices].filter((row, i) => !Object.is(scores[i], expected[row] === 0 ? 0 : expected[row]));
    expect(wrong).toEqual([]);
  });

  test.for(NARROW)('a matrix of %s gives the same bits as the float32 matrix with its values', async (dtype) => {
    const matrix = matrixOf(dtype, randomValues(ROWS * DIMENSIONS, 1), DIMENSIONS);
    const wide = widened(matrix);
    const query = randomValues(3 * DIMENSIONS, 2);
    const first = query.subarray(0, DIMENSIONS);
    const candidates = Uint32Array.from({ length: 40 }, (_, i) => ROWS - 1 - 17 * i);
    for (const isResident of [false, true]) {
      if (isResident) for (const operand of [matrix, wide]) unwrap(await backend.makeResident(operand));
      expect(await score(matrix, first, 13, 401)).toEqual(await score(wide, first, 13, 401));
      for (const metric of METRICS) {
        const fields = { query, queries: 3, k: 9, metric };
        expect(await rank({ matrix, ...fields })).toEqual(await rank({ matrix: wide, ...fields }));
        expect(await rank({ matrix, candidates, ...fields })).toEqual(
          await rank({ matrix: wide, candidates, ...fields }),
        );
      }
    }
  });

  test.for(NARROW)('a %s matrix takes the memory and the uploads of float32 on the device', async (dtype) => {
    const matrix = matrixOf(dtype, randomValues(ROWS * DIMENSIONS, 3), DIMENSIONS);
    const wide = widened(matrix);
    expect(backend.residency(matrix)).toEqual(backend.residency(wide));
    const uploaded = [];
    for (const operand of [matrix, wide]) {
      const before = machine.get('uploaded_bytes');
      unwrap(await backend.makeResident(operand));
      uploaded.push(machine.get('uploaded_bytes') - before);
    }
    expect(uploaded[0]).toBe(uploaded[1]);
    expect(backend.residency(matrix)).toEqual(backend.residency(wide));
  });

  test.for(NARROW)('only the changed rows of a %s matrix are uploaded when the matrix names them', async (dtype) => {
    const matrix = matrixOf(dtype, randomValues(ROWS * DIMENSIONS, 4), DIMENSIONS);
    unwrap(await backend.makeResident(matrix));
    const rows = matrixOf(dtype, randomValues(2 * DIMENSIONS, 5), DIMENSIONS).values;
    matrix.values.set(rows, 300 * DIMENSIONS);
    markChanged(matrix, { start: 300, end: 302 });
    const before = machine.get('uploaded_bytes');
    unwrap(await backend.makeResident(matrix));
    // Rows begin on 16 bytes.
    expect(machine.get('uploaded_bytes') - before).toBe(2 * 52 * 4);
    const query = randomValues(DIMENSIONS, 6);
    expect(await score(matrix, query)).toEqual(await score(widened(matrix), query));
  });

  test.for([
    ['another dtype', { dtype: 'bfloat16', scale: undefined, values: new Uint16Array(64) }],
    ['another kind of array', { dtype: 'int8', scale: undefined, values: new Int8Array(64) }],
    ['float32', { dtype: undefined, scale: undefined, values: new Float32Array(64) }],
  ] as const)('an operand with the id of a resident float16 matrix, but %s, is refused', async ([, other]) => {
    const matrix = createMatrix(new Uint16Array(64), { dimensions: 8, dtype: 'float16' });
    unwrap(await backend.makeResident(matrix));
    const second = unwrap(await createCudaBackend()) as Resident;
    for (const one of [backend, second]) {
      const answer = await one.makeResident({ ...matrix, ...other });
      expect(answer).toMatchObject({ ok: false, error: { kind: 'invalid-input' } });
    }
    await second.close();
  });

  test('the same bits of another type and another scale are not taken for the resident ones', async () => {
    const bits = new Uint16Array(4 * 8).fill(0x3c00);
    const halves = createMatrix(bits, { dimensions: 8, dtype: 'float16' });
    const others: VectorMatrix = { ...halves, dtype: 'bfloat16' };
    const bytes = createMatrix(new Int8Array(4 * 8).fill(3), { dimensions: 8, scale: 2 });
    const scaled: VectorMatrix = { ...bytes, scale: 0.5 };
    for (const [matrix, same] of [
      [halves, others],
      [bytes, scaled],
    ] as const) {
      unwrap(await backend.makeResident(matrix));
      expect(backend.residency(same).residentBytes).toBe(0);
      expect(await backend.makeResident(same)).toMatchObject({ ok: false, error: { kind: 'invalid-input' } });
      const query = new Float32Array(8).fill(1);
      const { scores } = await rank({ matrix: same, query, k: 4, metric: 'dot' });
      const expected = await rank({ matrix: widened(same), query, k: 4, metric: 'dot' });
      expect(scores).toEqual(expected.scores);
      expect(backend.residency(matrix).bytesToUpload).toBe(0);
    }
  });

  test('a change of the scale is a new copy, even if the matrix names changed rows', async () => {
    const matrix = createMatrix(new Int8Array(4 * 8).fill(3), { dimensions: 8, scale: 2 });
    unwrap(await backend.makeResident(matrix));
    markChanged(matrix, { start: 0, end: 1 });
    const rescaled: VectorMatrix = { ...matrix, scale: 0.5 };
    unwrap(await backend.makeResident(rescaled));
    const { scores } = await rank({ matrix: rescaled, query: new Float32Array(8).fill(1), k: 4, metric: 'dot' });
    expect([...scores]).toEqual([12, 12, 12, 12]);
  });

  test.for(NARROW)('two %s matrices with one id and other values do not share a copy', async (dtype) => {
    const matrix = matrixOf(dtype, randomValues(ROWS * DIMENSIONS, 7), DIMENSIONS);
    const other = { ...matrixOf(dtype, randomValues(ROWS * DIMENSIONS, 8), DIMENSIONS), id: matrix.id };
    const again = { ...matrix, values: matrix.values.slice() };
    const second = unwrap(await createCudaBackend()) as Resident;
    unwrap(await backend.makeResident(matrix));
    expect(await second.makeResident(other)).toMatchObject({ ok: false, error: { kind: 'invalid-input' } });
    const before = machine.get('uploaded_bytes');
    unwrap(await second.makeResident(again));
    expect(machine.get('uploaded_bytes')).toBe(before);
    await second.close();
  });
});
