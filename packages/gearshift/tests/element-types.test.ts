import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMatrix, METRICS, readRow, type Elements } from '@gearshift/contracts';
import { float16ToFloat32, toBfloat16, toFloat16, toInt8 } from '@gearshift/contracts/internal';
import { randomValues } from '@gearshift/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExecutor, RowSet, type Executor, type MatrixOptions } from '../src/index.js';

const ROWS = 300;
const DIMENSIONS = 33;
const VALUES = randomValues(ROWS * DIMENSIONS, 41);
const QUERY = randomValues(DIMENSIONS, 42);
const SCALE = Math.fround(0.02);
const NARROW = ['float16', 'bfloat16', 'int8'] as const;
const scaleOf = (dtype: string) => (dtype === 'int8' ? { scale: SCALE } : {});

function elementsOf(dtype: (typeof NARROW)[number]): Elements {
  if (dtype === 'int8') return toInt8(VALUES, SCALE);
  return dtype === 'float16' ? toFloat16(VALUES) : toBfloat16(VALUES);
}

let executor: Executor;
beforeAll(async () => {
  executor = await createExecutor({ backends: ['cpu'] });
});
afterAll(() => executor.close());

/** The float32 matrix with the values of a matrix. */
async function widened(matrix: Parameters<typeof readRow>[0]) {
  const values = new Float32Array(matrix.rows * matrix.dimensions);
  for (let row = 0; row < matrix.rows; row++) readRow(matrix, row, values.subarray(row * matrix.dimensions));
  return executor.matrix(values, { dimensions: matrix.dimensions });
}

describe.each(NARROW)('a matrix of %s', (dtype) => {
  const options = { dimensions: DIMENSIONS, dtype, ...scaleOf(dtype) };

  it('is made from numbers, or from elements, with the same contents', async () => {
    const flat = await executor.matrix(VALUES, options);
    const rows = Array.from({ length: ROWS }, (_, row) => [
      ...VALUES.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS),
    ]);
    const listed = await executor.matrix(rows, options);
    const elements = await executor.matrix(elementsOf(dtype), options);
    expect([flat.dtype, flat.scale, flat.rows]).toEqual([dtype, dtype === 'int8' ? SCALE : undefined, ROWS]);
    expect(flat.values).toEqual(elementsOf(dtype));
    expect(listed.values).toEqual(elementsOf(dtype));
    expect(elements.values).toEqual(elementsOf(dtype));
    expect(elements.values.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('has the answers of the float32 matrix with the same values, bit for bit, also after changes', async () => {
    const matrix = await executor.matrix(VALUES, options);
    await matrix.append(randomValues(10 * DIMENSIONS, 43));
    await matrix.update(7, randomValues(DIMENSIONS, 44));
    await matrix.remove([3, 4]);
    const same = await widened(matrix);
    await same.remove([3, 4]);
    const where = RowSet.fromPredicate(310, (row) => row % 3 !== 0);
    expect(await executor.cosineSimilarity(QUERY, matrix)).toEqual(await executor.cosineSimilarity(QUERY, same));
    for (const metric of METRICS) {
      for (const more of [{}, { where }, { candidates: [9, 8, 7, 200, 309] }]) {
        const asked = { k: 20, metric, ...more };
        const expected = await executor.topK(QUERY, same, asked);
        expect(await executor.topK(QUERY, matrix, asked)).toEqual(expected);
        expect(executor.topKSync(QUERY, matrix, asked)).toEqual(expected);
      }
    }
  });

  it.each([
    ['an ordinary array', (elements: Elements) => elements],
    ['a shared one', (elements: Elements) => shared(elements)],
  ])('is adopted from %s', async (_, place) => {
    const values = place(elementsOf(dtype));
    const adopted = await executor.matrix(values, { ...options, adopt: true });
    expect(adopted.values).toBe(values);
    const expected = await executor.topK(QUERY, await widened(adopted), { k: 10 });
    expect(await executor.topK(QUERY, adopted, { k: 10 })).toEqual(expected);
    expect(await executor.topK(QUERY, createMatrix(values, options), { k: 10 })).toEqual(expected);
    expect([...adopted.row(5)]).toEqual([...(await widened(adopted)).row(5)]);
  });

  it('is saved and opened with its type', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'elements-'));
    try {
      const matrix = await executor.matrix(VALUES, options);
      await matrix.save(join(folder, 'm.gearshift'));
      const opened = await executor.open(join(folder, 'm.gearshift'));
      expect([opened.dtype, opened.scale, opened.values]).toEqual([dtype, matrix.scale, matrix.values]);
      const asked = { k: 9 };
      expect(await executor.topK(QUERY, opened, asked)).toEqual(await executor.topK(QUERY, matrix, asked));
      await opened[Symbol.asyncDispose]();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function shared(elements: Elements): Elements {
  const Array = elements.constructor as new (buffer: SharedArrayBuffer) => Elements;
  const copy = new Array(new SharedArrayBuffer(elements.byteLength));
  copy.set(elements);
  return copy;
}

it('takes the type of an Int8Array and of a Float16Array from the array', async () => {
  const bytes = await executor.matrix(new Int8Array([1, 2]), { dimensions: 2 });
  expect([bytes.dtype, bytes.scale, ...bytes.row(0)]).toEqual(['int8', undefined, 1, 2]);
  const { Float16Array } = globalThis as { Float16Array?: new (values: number[]) => never };
  if (Float16Array === undefined) return;
  const half = await executor.matrix(new Float16Array([1, 2]), { dimensions: 2 });
  expect([half.dtype, ...half.row(0)]).toEqual(['float16', 1, 2]);
  const brain = await executor.matrix(new Float16Array([1, 2]), { dimensions: 2, dtype: 'bfloat16' });
  expect([brain.dtype, ...brain.row(0)]).toEqual(['bfloat16', 1, 2]);
  const { scores } = await executor.topK(new Float16Array([1, 0]), half, { k: 1, metric: 'dot' });
  expect([...scores]).toEqual([1]);
});

it('without a scale, makes the largest number 127 in int8', async () => {
  const options = { dimensions: 2, dtype: 'int8' } as const;
  for (const values of [
    new Float32Array([1, -254, 2, 0]),
    [
      [1, -254],
      [2, 0],
    ],
  ] as const) {
    // prettier-ignore
    const matrix = await executor.matrix(values, options);
    expect([matrix.scale, ...matrix.values]).toEqual([2, 0, -127, 1, 0]);
  }
  const zeros = await executor.matrix(new Float32Array(2), options);
  expect([zeros.scale, ...zeros.values]).toEqual([1, 0, 0]);
  const infinite = await executor.matrix(new Float32Array([Infinity, 127]), options);
  expect([infinite.scale, ...infinite.values]).toEqual([1, 127, 127]);
});

it('keeps every float16 that float32 numbers are rounded to', async () => {
  const bits = Uint16Array.from({ length: 0x7c00 }, (_, i) => i);
  const matrix = await executor.matrix(float16ToFloat32(bits), { dimensions: 1, dtype: 'float16' });
  expect(matrix.values).toEqual(bits);
});

it.each<[string, unknown, MatrixOptions & object, new () => Error, RegExp]>([
  [
    'bits without a type',
    new Uint16Array(4),
    { dimensions: 2 },
    TypeError,
    /^dtype: expected 'float16' or 'bfloat16', be/,
  ],
  [
    'an unknown type',
    new Float32Array(4),
    { dimensions: 2, dtype: 'fp16' as never },
    RangeError,
    /^dtype: expected one of/,
  ],
  ['bits as int8', new Uint16Array(4), { dimensions: 2, dtype: 'int8' }, TypeError, /^values: expected an Int8Array/],
  [
    'bytes as float32',
    new Int8Array(4),
    { dimensions: 2, dtype: 'float32' },
    TypeError,
    /^values: expected a Float32Arr/,
  ],
  [
    'a scale of float16',
    new Float32Array(4),
    { dimensions: 2, dtype: 'float16', scale: 1 },
    RangeError,
    /^scale: expected none/,
  ],
  ['a scale of float32', [[1, 2]], { scale: 1 }, RangeError, /^scale: expected none/],
  [
    'a negative scale',
    [[1, 2]],
    { dtype: 'int8', scale: -1 },
    RangeError,
    /^scale: expected a positive number, got -1/,
  ],
  [
    'NaN as int8',
    new Float32Array([1, NaN]),
    { dimensions: 2, dtype: 'int8' },
    RangeError,
    /^values: expected no NaN, got one at 1/,
  ],
  [
    'NaN as int8 in rows',
    [[1, NaN]],
    { dtype: 'int8' },
    RangeError,
    /^values\[0\]\[1\]: expected a number that int8 can/,
  ],
  // Without looking for the largest number in all of them first, which would take minutes.
  [
    '2^40 missing rows as int8',
    { length: 2 ** 40 },
    { dimensions: 8, dtype: 'int8' },
    RangeError,
    /^rows: expected as many as fit in memory/,
  ],
  [
    'half a row',
    new Float32Array(3),
    { dimensions: 2, dtype: 'int8' },
    RangeError,
    /^values: expected a whole number of rows/,
  ],
  [
    'no dimensions',
    new Int8Array(4),
    {},
    TypeError,
    /^dimensions: expected the number of elements per row of an Int8Array/,
  ],
  [
    'adopted numbers as float16',
    new Float32Array(4),
    { dimensions: 2, dtype: 'float16', adopt: true },
    TypeError,
    /^values: expected a Uint16Array/,
  ],
])('refuses %s', async (_, values, options, type, message) => {
  const failure: unknown = await executor
    .matrix(values as Float32Array, options as never)
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(type);
  expect((failure as Error).message).toMatch(message);
});
