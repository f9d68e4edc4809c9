import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readVectors } from '../src/vectors/read-vectors.js';
import { UserError } from '../src/user-error.js';
import { npyBytes } from './npy-bytes.js';
import { temporaryFolder } from './temporary-folder.js';

const SIX = new Float32Array([1, -2, 3.5, 0, 1e-40, 6]);

async function write(bytes: Uint8Array): Promise<string> {
  return join(await temporaryFolder({ 'v.npy': bytes }), 'v.npy');
}

describe('readVectors', () => {
  test.each([1, 2, 3] as const)('reads format %d.0', async (version) => {
    const path = await write(npyBytes({ version, shape: '(2, 3)', data: SIX }));
    expect(await readVectors(path)).toEqual({ rows: 2, dimensions: 3, values: SIX, overflowCount: 0 });
  });

  test('rounds float64 to float32 and counts overflows', async () => {
    const data = new Float64Array([0.1, 1e300, Infinity, NaN]);
    const path = await write(npyBytes({ descr: "'<f8'", shape: '(2, 2)', data }));
    const { values, overflowCount } = await readVectors(path);
    expect(values).toEqual(new Float32Array([0.1, Infinity, Infinity, NaN]));
    expect(overflowCount).toBe(1);
  });

  test('reads a one-dimensional array as a single vector with allowSingle', async () => {
    const path = await write(npyBytes({ shape: '(6,)', data: SIX }));
    expect(await readVectors(path, { allowSingle: true })).toMatchObject({ rows: 1, dimensions: 6 });
    await expect(readVectors(path)).rejects.toThrow('shape (6,), expected rows x dimensions');
  });

  test('accepts Fortran order for a single vector', async () => {
    const path = await write(npyBytes({ shape: '(6,)', data: SIX, fortranOrder: true }));
    expect(await readVectors(path, { allowSingle: true })).toMatchObject({ rows: 1 });
  });

  test('reads header keys in any order, and long integers of Python 2', async () => {
    const header = "{'shape': (2L, 3L), 'fortran_order': False, 'descr': '<f4'}";
    expect(await readVectors(await write(npyBytes({ header, shape: '', data: SIX })))).toMatchObject({ rows: 2 });
  });

  test('reads a file larger than one read', async () => {
    // Each read is 16 MiB; the third is shorter.
    const data = new Float64Array(5 * 2 ** 20 + 3).map((_value, index) => index);
    const path = await write(npyBytes({ descr: "'<f8'", shape: `(${data.length}, 1)`, data }));
    const progress: number[] = [];
    const { values } = await readVectors(path, { onProgress: (done) => void progress.push(done) });
    expect(values.length).toBe(data.length);
    expect(values.findIndex((value, index) => value !== index)).toBe(-1);
    expect(progress).toEqual([0, 2 ** 24, 2 ** 25, data.byteLength]);
  });

  test.each([
    ["'<i8'", 'dtype <i8, expected <f4 or <f8'],
    ["'|O'", 'dtype |O, expected <f4 or <f8'],
    ["[('x', '<f4'), ('y', '<f4')]", 'records of several fields'],
  ])('rejects the dtype %s', async (descr, message) => {
    await expect(readVectors(await write(npyBytes({ descr, shape: '(2, 3)', data: SIX })))).rejects.toThrow(message);
  });

  test.each([
    ['a file in another format', Buffer.from('{"some": "json, rather longer than a header"}'), 'not an .npy file'],
    ['an empty file', Buffer.alloc(0), 'not an .npy file'],
    ['a later format', Buffer.from('\x93NUMPY\x04\x00\x10\x00\x00\x00', 'latin1'), '.npy format 4.0 is not supported'],
    [
      'a cut preamble',
      npyBytes({ shape: '(2, 3)', data: SIX }).subarray(0, 9),
      'truncated: the file ends in its header',
    ],
    [
      'a cut header',
      npyBytes({ shape: '(2, 3)', data: SIX }).subarray(0, 40),
      'truncated: the file ends in its header',
    ],
    [
      'cut data',
      npyBytes({ shape: '(2, 3)', data: SIX }).subarray(0, -1),
      'truncated: (2, 3) <f4 needs 24 bytes, got 23',
    ],
    ['data for another shape', npyBytes({ shape: '(2, 2)', data: SIX }), 'too long: (2, 2) <f4 needs 16 bytes, got 24'],
    ['an absurd shape', npyBytes({ shape: '(99999999999, 99999999999)', data: SIX }), 'truncated'],
    ['no dimension', npyBytes({ shape: '()', data: SIX }), 'shape (), expected rows x dimensions'],
    ['three dimensions', npyBytes({ shape: '(1, 2, 3)', data: SIX }), 'shape (1, 2, 3), expected rows x dimensions'],
    ['no rows', npyBytes({ shape: '(0, 3)', data: new Float32Array(0) }), 'at least one row and one dimension'],
    ['empty rows', npyBytes({ shape: '(3, 0)', data: new Float32Array(0) }), 'at least one row and one dimension'],
    ['Fortran order', npyBytes({ shape: '(2, 3)', data: SIX, fortranOrder: true }), 'Fortran order, expected C order'],
    ['an odd header', npyBytes({ header: 'os.system("x")', shape: '', data: SIX }), 'the .npy header cannot be read'],
    ['a negative shape', npyBytes({ shape: '(-2, -3)', data: SIX }), 'the .npy header cannot be read'],
    ['a huge header', npyBytes({ header: ' '.repeat(20_000), shape: '', data: SIX }), 'expected at most 10000'],
  ])('rejects %s', async (_name, bytes, message) => {
    const path = await write(bytes);
    const failure = readVectors(path);
    await expect(failure).rejects.toBeInstanceOf(UserError);
    await expect(failure).rejects.toThrow(`${path}: `);
    await expect(failure).rejects.toThrow(message);
  });

  test('reads half precision and integers, and other formats', async () => {
    const halves = npyBytes({ descr: "'>f2'", shape: '(1, 2)', data: new Uint8Array([0x3c, 0x00, 0xc0, 0x00]) });
    expect(await readVectors(await write(halves))).toMatchObject({ values: new Float32Array([1, -2]) });
    const bytes = npyBytes({ descr: "'|i1'", shape: '(1, 2)', data: new Int8Array([-1, 5]) });
    expect(await readVectors(await write(bytes))).toMatchObject({ values: new Float32Array([-1, 5]) });
    const fvecs = new Uint8Array([2, 0, 0, 0, ...new Uint8Array(new Float32Array([0.5, 2]).buffer)]);
    const path = join(await temporaryFolder({ 'v.fvecs': fvecs }), 'v.fvecs');
    expect(await readVectors(path)).toMatchObject({ rows: 1, values: new Float32Array([0.5, 2]) });
  });

  test('rejects a missing file, and a folder', async () => {
    const folder = await temporaryFolder();
    await expect(readVectors(join(folder, 'x'))).rejects.toThrow('cannot read the file (ENOENT)');
    await expect(readVectors(folder)).rejects.toThrow(UserError);
  });
});

const NUMPY_SCRIPT = `
import numpy as np, sys
values = np.arange(24).reshape(6, 4) / 7
np.save(sys.argv[1] + '/f4.npy', values.astype('<f4'))
np.save(sys.argv[1] + '/f8.npy', values)
np.save(sys.argv[1] + '/fortran.npy', np.asfortranarray(values))
np.save(sys.argv[1] + '/big-endian.npy', values.astype('>f4'))
with open(sys.argv[1] + '/v2.npy', 'wb') as file: np.lib.format.write_array(file, values, version=(2, 0))
with open(sys.argv[1] + '/v3.npy', 'wb') as file: np.lib.format.write_array(file, values, version=(3, 0))
`;
const hasNumpy = spawnSync('python3', ['-c', 'import numpy']).status === 0;

describe.skipIf(!hasNumpy)('readVectors on files written by numpy (needs python3 with numpy)', () => {
  test('reads supported files and rejects the others', async () => {
    const folder = await temporaryFolder();
    expect(spawnSync('python3', ['-c', NUMPY_SCRIPT, folder])).toMatchObject({ status: 0 });
    const values = Float32Array.from({ length: 24 }, (_value, index) => index / 7);
    for (const name of ['f4', 'f8', 'v2', 'v3', 'big-endian']) {
      expect(await readVectors(join(folder, `${name}.npy`)), name).toMatchObject({ rows: 6, dimensions: 4, values });
    }
    await expect(readVectors(join(folder, 'fortran.npy'))).rejects.toThrow('Fortran order');
  });
});
