import { describe, expect, test } from 'vitest';
import { createMatrix, graphFromEdges, markChanged, rowsChangedSince } from '../src/index.js';

describe('createMatrix', () => {
  test('wraps the values without copying them', () => {
    const values = Float32Array.of(1, 2, 3, 4, 5, 6);
    const matrix = createMatrix(values, { dimensions: 3 });
    expect(matrix).toMatchObject({ rows: 2, dimensions: 3, version: 1 });
    expect(matrix.values).toBe(values);
  });

  test('accepts shared memory, parts of a buffer, and no rows', () => {
    const shared = new Float32Array(new SharedArrayBuffer(32)).subarray(1, 7);
    expect(createMatrix(shared, { dimensions: 2 }).rows).toBe(3);
    expect(createMatrix(new Float32Array(0), { dimensions: 768 }).rows).toBe(0);
  });

  test('gives each matrix a unique id', () => {
    const values = new Float32Array(4);
    const ids = new Set(Array.from({ length: 100 }, () => createMatrix(values, { dimensions: 2 }).id));
    expect(ids.size).toBe(100);
  });

  const values = new Float32Array(6);
  test.each([
    [[1, 2], { dimensions: 1 }, TypeError, 'values: expected a Float32Array, got an array of 2 elements'],
    [undefined, { dimensions: 1 }, TypeError, 'values: expected a Float32Array, got undefined'],
    [
      new Float64Array(6),
      { dimensions: 2 },
      TypeError,
      'values: expected a Float32Array, got Float64Array of 6 elements',
    ],
    [values, { dimensions: 0 }, RangeError, 'dimensions: expected an integer of at least 1, got 0'],
    [values, { dimensions: 1.5 }, RangeError, 'dimensions: expected an integer of at least 1, got 1.5'],
    [values, { dimensions: '2' }, TypeError, "dimensions: expected an integer of at least 1, got '2'"],
    [values, {}, TypeError, 'dimensions: expected an integer of at least 1, got undefined'],
    [values, undefined, TypeError, 'dimensions: expected an integer of at least 1, got undefined'],
    [values, { dimensions: 4 }, RangeError, 'values: expected a whole number of rows of 4 dimensions, got 6 elements'],
  ])('refuses %o with %o', (given, options, error, message) => {
    const create = () => createMatrix(given as never, options as never);
    expect(create).toThrow(error);
    expect(create).toThrow(message);
  });
});

test('markChanged raises the version and does not change copies', () => {
  const matrix = createMatrix(new Float32Array(2), { dimensions: 1 });
  const copy = structuredClone(matrix);
  markChanged(matrix);
  markChanged(matrix);
  expect(matrix.version).toBe(3);
  expect(copy.version).toBe(1);
});

test('rowsChangedSince returns the changed rows until there are too many changes or one without rows', () => {
  const matrix = createMatrix(new Float32Array(20), { dimensions: 2 });
  expect(rowsChangedSince(matrix, 1)).toEqual({ start: 0, end: 0 });
  markChanged(matrix, { start: 3, end: 4 });
  markChanged(matrix, { start: 7 });
  expect(rowsChangedSince(matrix, 1)).toEqual({ start: 3, end: 10 });
  expect(rowsChangedSince(matrix, 2)).toEqual({ start: 7, end: 10 });
  expect(rowsChangedSince(matrix, 9)).toBeUndefined();
  expect(rowsChangedSince(structuredClone(matrix), 2)).toEqual({ start: 7, end: 10 });
  markChanged(matrix);
  expect(rowsChangedSince(matrix, 3)).toBeUndefined();
  for (let i = 0; i < 20; i++) markChanged(matrix, { start: i % 10, end: (i % 10) + 1 });
  expect(rowsChangedSince(matrix, 4)).toBeUndefined();
  expect(rowsChangedSince(matrix, matrix.version - 16)).toEqual({ start: 0, end: 10 });
});

test('markChanged refuses rows that are not rows of a matrix', () => {
  const matrix = createMatrix(new Float32Array(20), { dimensions: 2 });
  expect(() => markChanged(matrix, { start: -1 })).toThrow(/rows\.start/);
  expect(() => markChanged(matrix, { start: 4, end: 3 })).toThrow(/rows\.end/);
  expect(() => markChanged(matrix, { end: 11 })).toThrow(RangeError);
  expect(() => markChanged(graphFromEdges(2, []), { start: 0, end: 1 })).toThrow(TypeError);
  expect(matrix.version).toBe(1);
});
