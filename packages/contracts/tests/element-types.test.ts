import { describe, expect, test } from 'vitest';
import { createMatrix, prepareTopK, readRow, type VectorMatrix } from '../src/index.js';

const HALF_BITS = new Uint16Array([0x3c00, 0x3800, 0xc000, 0x0001]);
const BRAIN_BITS = new Uint16Array([0x3f80, 0x3f00, 0xc000, 0x7f80]);
const BYTES = new Int8Array([1, -2, 127, -128]);

function rowOf(matrix: VectorMatrix, row: number): number[] {
  const target = new Float32Array(matrix.dimensions);
  readRow(matrix, row, target);
  return [...target];
}

describe('createMatrix', () => {
  test('wraps elements of every type without copying them', () => {
    const half = createMatrix(HALF_BITS, { dimensions: 2, dtype: 'float16' });
    const brain = createMatrix(BRAIN_BITS, { dimensions: 2, dtype: 'bfloat16' });
    const bytes = createMatrix(BYTES, { dimensions: 2, scale: 0.5 });
    expect([half.values, brain.values, bytes.values]).toEqual([HALF_BITS, BRAIN_BITS, BYTES]);
    expect(half.values).toBe(HALF_BITS);
    expect([half.dtype, brain.dtype, bytes.dtype]).toEqual(['float16', 'bfloat16', 'int8']);
    expect(half).not.toHaveProperty('scale');
    expect(bytes.scale).toBe(0.5);
    expect(createMatrix(new Float32Array(2), { dimensions: 1, dtype: 'float32' })).not.toHaveProperty('dtype');
  });

  test('rounds the scale to float32', () => {
    expect(createMatrix(BYTES, { dimensions: 2, scale: 0.1 }).scale).toBe(Math.fround(0.1));
  });

  test('takes a Float16Array where the runtime has them, without copying it', () => {
    const { Float16Array } = globalThis as { Float16Array?: new (values: number[]) => never };
    if (Float16Array === undefined) {
      expect(Number(process.versions.node.split('.')[0])).toBeLessThan(24);
      return;
    }
    const values = new Float16Array([1, 0.5]);
    const matrix: VectorMatrix = createMatrix(values, { dimensions: 2 });
    expect([matrix.dtype, matrix.values]).toEqual(['float16', new Uint16Array([0x3c00, 0x3800])]);
    expect(matrix.values.buffer).toBe((values as Float32Array).buffer);
    expect(() => createMatrix(values, { dimensions: 2, dtype: 'bfloat16' })).toThrow(
      /^dtype: expected 'float16' or none/,
    );
  });

  test.each([
    [
      HALF_BITS,
      {},
      TypeError,
      "dtype: expected 'float16' or 'bfloat16', because values is a Uint16Array, got undefined",
    ],
    [HALF_BITS, { dtype: 'float8' }, RangeError, 'dtype: expected one of float32, float16, bfloat16, int8, got'],
    [HALF_BITS, { dtype: 'int8' }, TypeError, "values: expected an Int8Array, because the dtype is 'int8', got"],
    [BYTES, { dtype: 'float16' }, TypeError, "values: expected a Uint16Array, because the dtype is 'float16', got"],
    [BYTES, { dtype: 'float32' }, TypeError, 'values: expected a Float32Array, got Int8Array of 4 elements'],
    [new Float32Array(4), { dtype: 'int8' }, TypeError, 'values: expected an Int8Array'],
    [
      HALF_BITS,
      { dtype: 'float16', scale: 2 },
      RangeError,
      "scale: expected none, because only 'int8' has a scale, got 2",
    ],
    [new Float32Array(4), { scale: 2 }, RangeError, 'scale: expected none'],
    [BYTES, { scale: 0 }, RangeError, 'scale: expected a positive number, got 0'],
    [BYTES, { scale: NaN }, RangeError, 'scale: expected a positive number, got NaN'],
    [BYTES, { scale: 1e-40 }, RangeError, 'scale: expected a positive number'],
    [BYTES, { scale: 1e39 }, RangeError, 'scale: expected a positive number'],
    [BYTES, { scale: '1' }, TypeError, "scale: expected a positive number, got '1'"],
  ])('refuses %o with %o', (values, options, error, message) => {
    const create = () => createMatrix(values as never, { dimensions: 2, ...options } as never);
    expect(create).toThrow(error);
    expect(create).toThrow(message);
  });
});

describe('readRow', () => {
  test('gives the values of the elements in float32', () => {
    expect(rowOf(createMatrix(new Float32Array([1, 2, 3, 4]), { dimensions: 2 }), 1)).toEqual([3, 4]);
    expect(rowOf(createMatrix(HALF_BITS, { dimensions: 2, dtype: 'float16' }), 1)).toEqual([-2, 2 ** -24]);
    expect(rowOf(createMatrix(BRAIN_BITS, { dimensions: 2, dtype: 'bfloat16' }), 1)).toEqual([-2, Infinity]);
    expect(rowOf(createMatrix(BYTES, { dimensions: 2 }), 1)).toEqual([127, -128]);
    const scale = Math.fround(0.1);
    expect(rowOf(createMatrix(BYTES, { dimensions: 2, scale }), 1)).toEqual(
      [127, -128].map((n) => Math.fround(n * scale)),
    );
  });
});

describe('a request', () => {
  const ask = (matrix: object) =>
    prepareTopK({ operation: 'top-k', query: new Float32Array(2), matrix: matrix as VectorMatrix, k: 1 });

  test('has a checked matrix with type and scale, the same one each time', () => {
    const matrix = createMatrix(BYTES, { dimensions: 2, scale: 0.5 });
    const { matrix: checked } = ask(matrix);
    expect(checked).toMatchObject({ dtype: 'int8', scale: 0.5, values: BYTES });
    expect(ask(matrix).matrix).toBe(checked);
  });

  test('has another matrix when the type or the scale of the same array is another one', () => {
    const fields = { id: 1, version: 1, rows: 2, dimensions: 2, values: HALF_BITS };
    expect(ask({ ...fields, dtype: 'float16' }).matrix.dtype).toBe('float16');
    expect(ask({ ...fields, dtype: 'bfloat16' }).matrix.dtype).toBe('bfloat16');
    const bytes = { ...fields, values: BYTES, dtype: 'int8' };
    expect(ask({ ...bytes, scale: 0.5 }).matrix.scale).toBe(0.5);
    expect(ask({ ...bytes, scale: 0.25 }).matrix.scale).toBe(0.25);
  });

  test.each([
    [{ dtype: 'float16', values: BYTES }, TypeError, 'matrix.values: expected a Uint16Array'],
    [{ dtype: 'half', values: HALF_BITS }, RangeError, 'matrix.dtype: expected one of'],
    [{ values: HALF_BITS }, TypeError, 'matrix.values: expected a Float32Array'],
    [
      { dtype: 'int8', values: BYTES, scale: 0.1 },
      RangeError,
      'matrix.scale: expected a float32 number such as 0.1000',
    ],
    [{ dtype: 'int8', values: BYTES, scale: -1 }, RangeError, 'matrix.scale: expected a positive number, got -1'],
    [
      { dtype: 'int8', values: BYTES.subarray(1) },
      RangeError,
      'matrix.values: expected 4 elements (2 rows of 2), got 3',
    ],
  ])('refuses a matrix with %o', (fields, error, message) => {
    const create = () => ask({ id: 1, version: 1, rows: 2, dimensions: 2, ...fields });
    expect(create).toThrow(error);
    expect(create).toThrow(message);
  });

  test('does not take the type from a polluted Object.prototype', () => {
    const matrix = { id: 9, version: 1, rows: 2, dimensions: 2, values: new Float32Array(4) };
    (Object.prototype as { dtype?: string }).dtype = 'int8';
    try {
      expect(Object.hasOwn(ask(matrix).matrix, 'dtype') && ask(matrix).matrix.dtype).toBe(undefined);
    } finally {
      delete (Object.prototype as { dtype?: string }).dtype;
    }
  });
});
