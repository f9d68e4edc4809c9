import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openMatrix, saveRows, StoredMatrix } from '../src/index.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rows-'));
  path = join(folder, 'm.gearshift');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('writes the same rows as save(), piece by piece', async () => {
  const rows = 700;
  const dimensions = 500;
  const values = Float32Array.from({ length: rows * dimensions }, (_, i) => i);
  const pieces = async function* () {
    for (let start = 0; start < rows; start += 99) yield values.subarray(start * dimensions, (start + 99) * dimensions);
  };
  expect(await saveRows(path, { dimensions, pieces: pieces() })).toBe(rows);
  const opened = await openMatrix(path, { verify: true });
  expect([opened.version, opened.rows, opened.dimensions, opened.removed]).toEqual([1, rows, dimensions, undefined]);
  expect(opened.values).toEqual(values);
  const matrix = StoredMatrix.create(rows, { dimensions }, (memory) => memory.set(values));
  await matrix.save(join(folder, 'saved'));
  const [streamed, saved] = await Promise.all([readFile(path), readFile(join(folder, 'saved'))]);
  streamed.writeUInt32LE(0, 48); // the random tags
  saved.writeUInt32LE(0, 48);
  expect(streamed.subarray(0, 4092).equals(saved.subarray(0, 4092))).toBe(true);
  expect(streamed.subarray(4096).equals(saved.subarray(4096))).toBe(true);
});

it('writes elements of every type, and no rows', async () => {
  await saveRows(path, {
    dimensions: 2,
    dtype: 'int8',
    scale: 0.5,
    pieces: [new Int8Array([1, 2]), new Int8Array([3, 4])],
  });
  const opened = await openMatrix(path, { verify: true });
  expect([opened.rows, opened.dtype, opened.scale, ...opened.row(1)]).toEqual([2, 'int8', 0.5, 1.5, 2]);
  expect(await saveRows(path, { dimensions: 3, pieces: [] })).toBe(0);
  expect((await openMatrix(path, { verify: true })).rows).toBe(0);
});

const ENDED = new Error('ended');
it.each([
  ['half a row', { pieces: [new Float32Array(3)] }, /^pieces: expected arrays of whole rows of 2 dimensions, got/],
  ['another type', { pieces: [new Int8Array(2)] }, /^pieces: expected a Float32Array, got Int8Array/],
  ['an unknown type', { dtype: 'float8', pieces: [] }, /^dtype: expected one of/],
  ['a scale of float32', { scale: 1, pieces: [] }, /^scale: expected none/],
  ['no dimensions', { dimensions: undefined, pieces: [] }, /^dimensions: expected an integer/],
  ['rows that end early', { pieces: (function* () { yield new Float32Array(2); throw ENDED; })() }, /^ended$/], // prettier-ignore
])('leaves the old file and nothing else after %s', async (_, stream, message) => {
  await writeFile(path, 'old');
  await expect(saveRows(path, { dimensions: 2, ...stream } as never)).rejects.toThrow(message);
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder)).toEqual(['m.gearshift']);
});

it('ends with the reason of the signal', async () => {
  const controller = new AbortController();
  const pieces = function* () {
    yield new Float32Array(2);
    controller.abort(ENDED);
    yield new Float32Array(2);
  };
  const { signal } = controller;
  await expect(saveRows(path, { dimensions: 2, pieces: pieces() }, { signal })).rejects.toBe(ENDED);
  expect(await readdir(folder)).toEqual([]);
});
