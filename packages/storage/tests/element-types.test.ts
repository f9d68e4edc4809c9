import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRow, type Dtype, type Elements } from '@gearshift/contracts';
import { toElements } from '@gearshift/contracts/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeFile, openMatrix, StoredMatrix } from '../src/index.js';

/** Values that every type has exactly, int8 with this scale. */
const SCALE = 0.25;
const VALUES = new Float32Array([1, -0.5, 0.25, 2, 31.75, -31.75]);
const NARROW = ['float16', 'bfloat16', 'int8'] as const;
const BYTES: Readonly<Record<Dtype, number>> = { float32: 4, float16: 2, bfloat16: 2, int8: 1 };
/** The elements of {@link VALUES}, by the definition of each type. */
const ELEMENTS: Readonly<Record<Dtype, Elements>> = {
  float32: VALUES,
  float16: new Uint16Array([0x3c00, 0xb800, 0x3400, 0x4000, 0x4ff0, 0xcff0]),
  bfloat16: new Uint16Array([0x3f80, 0xbf00, 0x3e80, 0x4000, 0x41fe, 0xc1fe]),
  int8: new Int8Array([4, -2, 1, 8, 127, -127]),
};

const formatOf = (dtype: Dtype) => ({ dtype, ...(dtype === 'int8' ? { scale: SCALE } : {}) });

function create(dtype: Dtype, values: ArrayLike<number> = VALUES, dimensions = 2): StoredMatrix {
  const format = formatOf(dtype);
  return StoredMatrix.create(values.length / dimensions, { dimensions, ...format }, (memory) =>
    toElements(values, format, memory),
  );
}

function rowsOf(matrix: StoredMatrix): number[][] {
  return Array.from({ length: matrix.rows }, (_, row) => [...matrix.row(row)]);
}

describe.each(NARROW)('a stored matrix of %s', (dtype) => {
  it('holds the rows in the bytes of the type, and reads them as float32', () => {
    const matrix = create(dtype);
    expect([matrix.dtype, matrix.scale]).toEqual([dtype, dtype === 'int8' ? SCALE : undefined]);
    expect(matrix.values).toEqual(ELEMENTS[dtype]);
    expect(matrix.stored.bytesPerRow).toBe(2 * BYTES[dtype]);
    expect(rowsOf(matrix)).toEqual([
      [1, -0.5],
      [0.25, 2],
      [31.75, -31.75],
    ]);
  });

  it('takes numbers, float32 values and elements in every change', async () => {
    const matrix = create(dtype);
    await matrix.append([[3, 4]]);
    await matrix.append(new Float32Array([0.5, 0.75]));
    await matrix.append(ELEMENTS[dtype].subarray(0, 2));
    await matrix.update(0, [-1, -2]);
    await matrix.update(1, new Float32Array([7, 8]));
    await matrix.update(2, ELEMENTS[dtype].subarray(2, 4));
    await matrix.update({ start: 3, rows: [new Float32Array([9, 10])] });
    expect(rowsOf(matrix)).toEqual([
      [-1, -2],
      [7, 8],
      [0.25, 2],
      [9, 10],
      [0.5, 0.75],
      [1, -0.5],
    ]);
  });

  it('answers a pinned version with its rows after changes, and moves rows together', async () => {
    const matrix = create(dtype);
    const pinned = matrix.pin();
    await matrix.update(1, [5, 6]);
    await matrix.remove(0);
    const row = new Float32Array(2);
    readRow(pinned, 1, row);
    expect([...row]).toEqual([0.25, 2]);
    pinned[Symbol.dispose]();
    await matrix.compact();
    expect(rowsOf(matrix)).toEqual([
      [5, 6],
      [31.75, -31.75],
    ]);
  });

  it('keeps type and scale in a handle', async () => {
    const matrix = create(dtype);
    const attached = StoredMatrix.attach(structuredClone(Object.assign({}, matrix)), {});
    expect([attached.dtype, attached.scale]).toEqual([matrix.dtype, matrix.scale]);
    expect(attached.values).toEqual(ELEMENTS[dtype]);
  });

  it.each([
    ['values of another type', new Float64Array(2), TypeError, /^rows: expected a Float32Array, .*got .*Float64Array/],
    [
      'a row of elements among rows',
      [ELEMENTS[dtype].slice(0, 2)],
      TypeError,
      /^rows\[0\]: .*pass all rows in one arr/,
    ],
    ['half a row', ELEMENTS[dtype].slice(0, 3), RangeError, /^rows: expected a whole number of rows of 2/],
    ['a string in a row', [[1, '2']], TypeError, /^rows\[0\]\[1\]: expected a number/],
  ])('refuses %s', async (_, rows, type, message) => {
    const matrix = create(dtype);
    const failure = await matrix.append(rows as never).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(type);
    expect((failure as Error).message).toMatch(message);
    expect(matrix.rows).toBe(3);
  });
});

it('rounds numbers to the nearest element once, from float64', async () => {
  // Halfway between two float16, and a little more than float32 could tell.
  const matrix = create('float16', [0, 0]);
  await matrix.update(0, [1 + 2 ** -11, 1 + 2 ** -11 + 2 ** -40]);
  expect([...matrix.row(0)]).toEqual([1, 1 + 2 ** -10]);
});

it('saturates int8 at 127 times the scale, and refuses NaN', async () => {
  const matrix = create('int8');
  await matrix.update(0, [1000, -Infinity]);
  expect([...matrix.row(0)]).toEqual([31.75, -31.75]);
  await expect(matrix.append([[1, NaN]])).rejects.toThrow(
    new RangeError('rows[0][1]: expected a number that int8 can express, got NaN'),
  );
  await expect(matrix.append(new Float32Array([1, NaN]))).rejects.toThrow(/^rows\[1\]: .* got NaN$/);
});

it('takes a Float16Array where the runtime has them', async () => {
  const { Float16Array } = globalThis as { Float16Array?: new (values: number[]) => never };
  if (Float16Array === undefined) {
    expect(Number(process.versions.node.split('.')[0])).toBeLessThan(24);
    return;
  }
  for (const dtype of NARROW) {
    const matrix = create(dtype);
    await matrix.append(new Float16Array([0.5, 4]));
    expect([...matrix.row(3)]).toEqual([0.5, 4]);
  }
});

describe('in a file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'elements-'));
    path = join(folder, 'm.gearshift');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.each(NARROW)('%s keeps its elements, type and scale, also with changes behind the rows', async (dtype) => {
    await create(dtype).save(path);
    const writable = await openMatrix(path, { writable: true, verify: true });
    await writable.append([[3, 4]]);
    await writable.update(0, [-1, -2]);
    await writable[Symbol.asyncDispose]();
    const opened = await openMatrix(path, { verify: true });
    expect([opened.dtype, opened.scale]).toEqual([dtype, dtype === 'int8' ? SCALE : undefined]);
    expect(rowsOf(opened)).toEqual([
      [-1, -2],
      [0.25, 2],
      [31.75, -31.75],
      [3, 4],
    ]);
    expect(await describeFile(path)).toMatchObject({ dtype, scale: opened.scale, rows: 4 });
  });

  it.each(NARROW)('%s is written as it was when save() was called, although rows change meanwhile', async (dtype) => {
    const matrix = create(dtype, new Float32Array(20_000).fill(1), 100);
    const saved = matrix.save(path);
    for (let i = 0; i < 20; i++) {
      await matrix.update(199 - i, new Float32Array(100).fill(2));
      await new Promise(setImmediate);
    }
    await saved;
    const opened = await openMatrix(path, { verify: true });
    expect(new Set(rowsOf(opened).flat())).toEqual(new Set([1]));
  });

  it('has the code of the type and the scale where the documentation says', async () => {
    const codes: Record<string, number[]> = {};
    for (const dtype of ['float32', ...NARROW] as const) {
      await create(dtype).save(path);
      const bytes = await readFile(path);
      codes[dtype] = [bytes.readUInt32LE(16), bytes.readFloatLE(56)];
    }
    expect(codes).toEqual({ float32: [1, 0], float16: [2, 0], bfloat16: [3, 0], int8: [4, SCALE] });
  });

  it('maps rows of narrow elements', async () => {
    await create('int8', new Float32Array(300_000).fill(1), 100).save(path);
    const file = await open(path);
    expect((await file.stat()).size).toBeLessThan(400_000);
    await file.close();
    const opened = await openMatrix(path);
    expect([...opened.row(2999)]).toEqual([...new Float32Array(100).fill(1)]);
  });
});
