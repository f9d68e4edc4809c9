import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FormatError, openVectors, vectorsFrom, writeVectors } from '../src/index.js';
import { parseNpyHeader } from '../src/npy/npy-header.js';
import { npyBytes } from './npy-bytes.js';
import { fixture, FIXTURE_INTEGERS, FIXTURE_VALUES, readAll } from './read-all.js';
import { temporaryFolder } from './temporary-folder.js';

const SIX = new Float32Array([1, -2, 3.5, 0, 1e-40, 6]);

async function write(bytes: Uint8Array): Promise<string> {
  return join(await temporaryFolder({ 'v.npy': bytes }), 'v.npy');
}

describe('reading .npy', () => {
  test.each([1, 2, 3] as const)('reads format %d.0', async (version) => {
    const path = await write(npyBytes({ version, shape: '(2, 3)', data: SIX }));
    expect(await readAll(path)).toMatchObject({ rows: 2, dimensions: 3, values: SIX });
  });

  test.each(['le-f2', 'le-f4', 'le-f8', 'be-f2', 'be-f4', 'be-f8', 'version-2', 'version-3'])(
    'reads %s.npy of numpy',
    async (name) => {
      const { rows, dimensions, values } = await readAll(fixture(`${name}.npy`));
      expect([rows, dimensions]).toEqual([6, 4]);
      expect(values).toEqual(FIXTURE_VALUES);
    },
  );

  test('reads int8 and uint8 of numpy', async () => {
    expect(await readAll(fixture('i1.npy'))).toMatchObject({ dtype: 'int8', values: FIXTURE_INTEGERS });
    expect(await readAll(fixture('u1.npy'))).toMatchObject({
      dtype: 'uint8',
      values: FIXTURE_INTEGERS.map((value) => value + 10),
    });
  });

  test.each([1, 2, 4, 5, 6, 7])('yields batches of at most %d rows', async (maxRows) => {
    const sizes: number[] = [];
    await using file = await openVectors(fixture('le-f8.npy'));
    for await (const batch of file.batches({ maxRows })) sizes.push(batch.rows);
    expect(sizes.every((size, index) => size === (index < sizes.length - 1 ? maxRows : size))).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(6);
    expect((await readAll(fixture('le-f8.npy'), {}, maxRows)).values).toEqual(FIXTURE_VALUES);
  });

  test('rounds float64 to float32', async () => {
    const data = new Float64Array([0.1, 1e300, Infinity, NaN]);
    const path = await write(npyBytes({ descr: "'<f8'", shape: '(2, 2)', data }));
    expect((await readAll(path)).values).toEqual(new Float32Array([0.1, Infinity, Infinity, NaN]));
  });

  test('reads a one-dimensional array as a single vector with allowSingle, and says how to fix it otherwise', async () => {
    const path = await write(npyBytes({ shape: '(6,)', data: SIX }));
    expect(await readAll(path, { allowSingle: true })).toMatchObject({ rows: 1, dimensions: 6 });
    await expect(openVectors(path)).rejects.toThrow('shape (6,), expected rows x dimensions; for one vector, save');
  });

  test('accepts Fortran order for a single vector', async () => {
    const path = await write(npyBytes({ shape: '(6,)', data: SIX, fortranOrder: true }));
    expect(await readAll(path, { allowSingle: true })).toMatchObject({ rows: 1 });
  });

  test('reads header keys in any order and in either quotes, and long integers of Python 2', async () => {
    for (const header of [
      "{'shape': (2L, 3L), 'fortran_order': False, 'descr': '<f4'}",
      '{"descr":"<f4","fortran_order":False,"shape":(2,3)}',
    ]) {
      expect(await readAll(await write(npyBytes({ header, shape: '', data: SIX })))).toMatchObject({ rows: 2 });
    }
  });

  test('reads an array without rows', async () => {
    const path = await write(npyBytes({ shape: '(0, 3)', data: new Float32Array(0) }));
    expect(await readAll(path)).toMatchObject({ rows: 0, dimensions: 3 });
  });

  test.each([
    ["'<i8'", 'dtype <i8, expected <f4 or <f8'],
    ["'|O'", 'dtype |O, expected <f4 or <f8'],
    ["'|f4'", 'dtype |f4, expected <f4 or <f8'],
    ["'f4'", 'dtype f4, expected <f4 or <f8'],
    ["'<__proto__'", 'dtype <__proto__, expected'],
    ["[('x', '<f4'), ('y', '<f4')]", 'records of several fields'],
  ])('rejects the dtype %s', async (descr, message) => {
    await expect(openVectors(await write(npyBytes({ descr, shape: '(2, 3)', data: SIX })))).rejects.toThrow(message);
  });

  test.each([
    [
      'a file in another format',
      Buffer.from('{"some": "json, rather longer than a header"}'),
      'foreign',
      'not an .npy file',
    ],
    ['an empty file', Buffer.alloc(0), 'foreign', 'not an .npy file'],
    [
      'a later format',
      Buffer.from('\x93NUMPY\x04\x00\x10\x00\x00\x00', 'latin1'),
      'unsupported',
      '.npy format 4.0 is not supported',
    ],
    [
      'a cut preamble',
      npyBytes({ shape: '(2, 3)', data: SIX }).subarray(0, 9),
      'truncated',
      'truncated: the file ends in its header',
    ],
    [
      'a cut header',
      npyBytes({ shape: '(2, 3)', data: SIX }).subarray(0, 40),
      'truncated',
      'truncated: the file ends in its header',
    ],
    [
      'cut data',
      npyBytes({ shape: '(2, 3)', data: SIX }).subarray(0, -1),
      'truncated',
      'truncated: (2, 3) <f4 needs 24 bytes, got 23',
    ],
    [
      'data for another shape',
      npyBytes({ shape: '(2, 2)', data: SIX }),
      'damaged',
      'too long: (2, 2) <f4 needs 16 bytes, got 24',
    ],
    ['an absurd shape', npyBytes({ shape: '(99999999999, 99999999999)', data: SIX }), 'truncated', 'truncated'],
    [
      'a shape beyond all numbers',
      npyBytes({ shape: `(1${'0'.repeat(400)}, 0)`, data: SIX }),
      'unsupported',
      'at least one row and one dimension',
    ],
    ['no dimension', npyBytes({ shape: '()', data: SIX }), 'unsupported', 'shape (), expected rows x dimensions'],
    [
      'three dimensions',
      npyBytes({ shape: '(1, 2, 3)', data: SIX }),
      'unsupported',
      'shape (1, 2, 3), expected rows x dimensions',
    ],
    [
      'a thousand dimensions',
      npyBytes({ shape: `(${'1,'.repeat(1000)})`, data: SIX }),
      'unsupported',
      'shape of 1000 sizes',
    ],
    [
      'empty rows',
      npyBytes({ shape: '(3, 0)', data: new Float32Array(0) }),
      'unsupported',
      'at least one row and one dimension',
    ],
    [
      'Fortran order',
      npyBytes({ shape: '(2, 3)', data: SIX, fortranOrder: true }),
      'unsupported',
      'Fortran order, expected C order (save it with numpy.ascontiguousarray)',
    ],
    [
      'code as header',
      npyBytes({ header: 'os.system("x")', shape: '', data: SIX }),
      'damaged',
      'the .npy header cannot be read',
    ],
    ['a negative shape', npyBytes({ shape: '(-2, -3)', data: SIX }), 'damaged', 'the .npy header cannot be read'],
    ['a number as shape', npyBytes({ shape: '(6)', data: SIX }), 'damaged', 'expected a tuple'],
    [
      'a key that stands twice',
      npyBytes({
        header: "{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (2, 3)}",
        shape: '',
        data: SIX,
      }),
      'damaged',
      "'descr' stands twice",
    ],
    [
      'a further key',
      npyBytes({
        header: "{'descr': '<f4', 'x': '<f8', 'fortran_order': False, 'shape': (2, 3)}",
        shape: '',
        data: SIX,
      }),
      'damaged',
      'expected descr, fortran_order and shape',
    ],
    [
      'a missing comma',
      npyBytes({ header: "{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3)}", shape: '', data: SIX }),
      'damaged',
      'expected a comma',
    ],
    [
      'text after the header',
      npyBytes({ header: "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} or 1", shape: '', data: SIX }),
      'damaged',
      'cannot be read',
    ],
    [
      'a huge header',
      npyBytes({ header: ' '.repeat(20_000), shape: '', data: SIX }),
      'too-large',
      'expected at most 10000',
    ],
    [
      'a row beyond the limit',
      npyBytes({ descr: "'|u1'", shape: '(1, 1048577)', data: new Uint8Array(1_048_577) }),
      'too-large',
      '1048577 dimensions, expected at most 1048576',
    ],
  ])('rejects %s', async (_name, bytes, kind, message) => {
    const path = await write(bytes);
    const failure = await openVectors(path).then(undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(FormatError);
    expect(failure).toMatchObject({ kind, path, format: 'npy' });
    expect((failure as Error).message).toContain(`${path}: `);
    expect((failure as Error).message).toContain(message);
  });

  test.each(['fortran', 'one-dimension', 'structured'])('rejects %s.npy of numpy', async (name) => {
    await expect(openVectors(fixture(`${name}.npy`))).rejects.toThrow(FormatError);
  });

  test('parses what begins like a header in time proportional to its length', () => {
    for (const text of [
      `{'shape': (${'1, '.repeat(3000)}`,
      `{${"'descr'".repeat(1400)}}`,
      `{${' '.repeat(9990)}`,
      '{'.repeat(9999),
    ]) {
      expect(typeof parseNpyHeader(text)).toBe('string');
    }
  });
});

describe('writing .npy', () => {
  test.each(['le-f2', 'le-f4', 'le-f8', 'i1'])('writes the bytes that numpy writes for %s.npy', async (name) => {
    const folder = await temporaryFolder();
    await using source = await openVectors(fixture(`${name}.npy`));
    const copy = join(folder, 'copy.npy');
    const written = await writeVectors(copy, source);
    expect(written).toMatchObject({ rows: 6, dimensions: 4, dtype: source.dtype, overflowCount: 0 });
    const bytes = await readFile(copy);
    expect(bytes.equals(await readFile(fixture(`${name}.npy`)))).toBe(true);
    expect(written.sizeBytes).toBe(bytes.length);
  });

  const hasNumpy = spawnSync('python3', ['-c', 'import numpy']).status === 0;
  test.skipIf(!hasNumpy)('numpy reads what was written (needs python3 with numpy)', async () => {
    const path = join(await temporaryFolder(), 'v.npy');
    await writeVectors(path, vectorsFrom(FIXTURE_VALUES, { dimensions: 3 }), { dtype: 'float16' });
    const script =
      'import numpy, sys; v = numpy.load(sys.argv[1]); print(v.dtype, v.shape, v.astype("f8").ravel().tolist())';
    const { stdout } = spawnSync('python3', ['-c', script, path], { encoding: 'utf8' });
    expect(stdout).toBe(
      `float16 (8, 3) [${[...FIXTURE_VALUES].map((v) => (Number.isInteger(v) ? v.toFixed(1) : v)).join(', ')}]\n`,
    );
  });
});
