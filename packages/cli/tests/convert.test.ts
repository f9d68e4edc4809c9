import { copyFile, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { npyBytes } from './npy-bytes.js';
import { runBin } from './run-bin.js';
import { runHere } from './run-here.js';
import { temporaryFolder } from './temporary-folder.js';

const VALUES = new Float32Array([1, -2, 0.5, 0, 64, -128]);
const NPY = npyBytes({ shape: '(3, 2)', data: VALUES });
const SIX = (descr: string, data: ArrayBufferView) => npyBytes({ descr, shape: '(3, 2)', data });

describe('convert', () => {
  test('copies vectors through every writable format and back to the same bytes', async () => {
    const folder = await temporaryFolder({ 'a.npy': NPY });
    for (const [from, to] of [
      ['a.npy', 'b.safetensors'],
      ['b.safetensors', 'c.fvecs'],
      ['c.fvecs', 'd.npy'],
    ]) {
      const { status, stdout, stderr } = runBin(['convert', from, to], folder);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^wrote ${to}: 3 x 2 float32, \\d+ bytes\n$`));
    }
    const values = (await readFile(join(folder, 'd.npy'))).subarray(128);
    expect(values).toEqual(Buffer.from(VALUES.buffer));
  });

  test('reports as JSON what was written', async () => {
    const folder = await temporaryFolder({ 'a.npy': NPY });
    const { stdout } = await runHere(['convert', 'a.npy', 'b.npy', '--dtype', 'float16', '--json'], folder);
    expect(JSON.parse(stdout)).toEqual({
      ...{ input: 'a.npy', output: 'b.npy', format: 'npy', rows: 3, dimensions: 2, dtype: 'float16', scale: 1 },
      ...{ sizeBytes: 128 + 12, overflowCount: 0 },
    });
  });

  test('finds the scale of int8, or takes a given one', async () => {
    const folder = await temporaryFolder({ 'a.npy': NPY });
    const scaled = await runHere(['convert', 'a.npy', 'b.safetensors', '--dtype', 'int8', '--json'], folder);
    expect(JSON.parse(scaled.stdout)).toMatchObject({ dtype: 'int8', scale: 128 / 127 });
    const given = await runHere(['convert', 'a.npy', 'c.npy', '--dtype', 'int8', '--scale', '2'], folder);
    expect(given.stdout).toBe('wrote c.npy: 3 x 2 int8, scale 2, 134 bytes\n');
    expect([...new Int8Array(await readFile(join(folder, 'c.npy'))).subarray(128)]).toEqual([0, -1, 0, 0, 32, -64]);
  });

  test('takes formats that the names do not tell from --from and --to', async () => {
    const folder = await temporaryFolder({ a: NPY });
    expect((await runHere(['convert', 'a', 'b', '--from', 'npy', '--to', 'fvecs'], folder)).status).toBe(0);
    expect((await runHere(['convert', 'b', 'c.npy', '--from', 'fvecs'], folder)).status).toBe(0);
    // The first bytes tell that it is an .npy file.
    expect((await runHere(['convert', 'a', 'd.npy'], folder)).status).toBe(0);
    expect(await readFile(join(folder, 'd.npy'))).toEqual(await readFile(join(folder, 'c.npy')));
  });

  test('reads Arrow and Parquet, also with the first bytes alone', async () => {
    const folder = await temporaryFolder();
    for (const name of ['file.arrow', 'stream.arrows', 'zstd.parquet']) {
      const path = fileURLToPath(new URL(`../../formats/tests/fixtures/${name}`, import.meta.url));
      await copyFile(path, join(folder, 'in'));
      const { status, stdout } = await runHere(['convert', 'in', `${name}.npy`, '--column', 'vector'], folder);
      expect({ status, stdout }).toEqual({ status: 0, stdout: `wrote ${name}.npy: 6 x 4 float32, 224 bytes\n` });
      const values = new Float32Array((await readFile(join(folder, `${name}.npy`))).buffer.slice(128));
      expect(values).toEqual(Float32Array.from({ length: 24 }, (_, index) => (index - 10) / 8));
    }
  });

  test('replaces a file only with --force, also that of the input, and keeps a link', async () => {
    const folder = await temporaryFolder({ 'a.npy': NPY });
    await symlink('a.npy', join(folder, 'link.npy'));
    const refused = await runHere(['convert', 'a.npy', 'link.npy', '--dtype', 'float16'], folder);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toBe('gearshift: link.npy: the file exists already; pass --force to replace it\n');
    expect((await runHere(['convert', 'a.npy', 'link.npy', '--dtype', 'float16', '--force'], folder)).status).toBe(0);
    expect((await readFile(join(folder, 'a.npy'))).length).toBe(128 + 12);
    expect((await readdir(folder)).sort()).toEqual(['a.npy', 'link.npy']);
  });

  test('warns about values that became infinite', async () => {
    const folder = await temporaryFolder({ 'a.npy': SIX("'<f8'", new Float64Array([1e300, 70_000, 1, 2, 3, 4])) });
    const { status, stderr } = await runHere(['convert', 'a.npy', 'b.npy', '--dtype', 'float16'], folder);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'gearshift: b.npy: 2 values too large for float16 became infinite\n',
    });
  });

  test.each<[string, string[], string]>([
    ['one argument', ['a.npy'], "missing required argument 'out'"],
    ['three arguments', ['a.npy', 'b.npy', 'c.npy'], 'too many arguments'],
    ['a missing file', ['gone.npy', 'b.npy'], 'gone.npy: cannot read the file (ENOENT)'],
    ['a folder', ['.', 'b.npy'], 'expected a regular file, got a folder'],
    ['a folder as output', ['a.npy', 'sub'], 'sub: the format cannot be written; name one with --to: npy, safetensors'],
    ['a folder to replace', ['a.npy', 'sub', '--to', 'npy', '--force'], 'sub: expected a regular file, got a folder'],
    ['a folder that is missing', ['a.npy', 'gone/b.npy'], 'gone/b.npy: '],
    ['an output in a format that is only read', ['a.npy', 'b.parquet'], 'b.parquet: the format cannot be written'],
    ['an unknown format', ['a.npy', 'b.npy', '--from', 'csv'], 'expected one of npy, safetensors'],
    ['a format that is only read', ['a.npy', 'b.npy', '--to', 'arrow'], 'expected one of npy, safetensors, fvecs'],
    ['an unknown type', ['a.npy', 'b.npy', '--dtype', 'float8'], 'expected one of float32'],
    ['a type that the format does not have', ['a.npy', 'b.npy', '--dtype', 'bfloat16'], 'for npy, got'],
    ['a scale without int8', ['a.npy', 'b.npy', '--scale', '2'], 'only int8 has one'],
    ['a scale of zero', ['a.npy', 'b.npy', '--dtype', 'int8', '--scale', '0'], 'expected a positive number'],
    ['an empty scale', ['a.npy', 'b.npy', '--dtype', 'int8', '--scale', ''], 'expected a positive number'],
    ['a NaN for int8', ['nan.npy', 'b.npy', '--dtype', 'int8'], 'expected no NaN'],
    ['a damaged file', ['cut.npy', 'b.npy'], 'cut.npy: truncated'],
    [
      'a tensor that is not there',
      ['s.safetensors', 'b.npy', '--tensor', 'x\u001b'],
      "no tensor 'x\\u001b'; there are 'v'",
    ],
  ])('prints one line, exits with code 2 and writes nothing: %s', async (_name, args, message) => {
    const tensor = '{"v":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}';
    const folder = await temporaryFolder({
      ...{ 'a.npy': NPY, 'cut.npy': NPY.subarray(0, -1), 'sub/x': '' },
      'nan.npy': SIX("'<f4'", new Float32Array(6).fill(Number.NaN)),
      's.safetensors': Buffer.concat([
        Buffer.from([tensor.length, 0, 0, 0, 0, 0, 0, 0]),
        Buffer.from(tensor),
        Buffer.alloc(4),
      ]),
    });
    const before = await readdir(folder);
    const { status, stdout, stderr } = await runHere(['convert', ...args], folder);
    expect(stderr).toMatch(/^gearshift: [^\n]+\n$/);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(await readdir(folder)).toEqual(before);
  });
});

describe('inspect', () => {
  const json = async (args: string[], folder: string) =>
    JSON.parse((await runHere(['inspect', ...args, '--json'], folder)).stdout);

  test('reports format, shape, element type and sizes', async () => {
    const folder = await temporaryFolder({ 'a.npy': NPY });
    expect(await json(['a.npy'], folder)).toMatchObject({
      ...{ file: 'a.npy', format: 'npy', sizeBytes: NPY.length, rows: 3, dimensions: 2, dtype: 'float32', scale: null },
      ...{ rowsNotFinite: 0, entries: [{ type: '<f4', shape: [3, 2] }], problem: null },
    });
    const { status, stdout, stderr } = await runHere(['inspect', 'a.npy'], folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('vectors         3 rows x 2 dimensions, float32\n  bytes of a row  8\n');
    expect(stdout).toContain('\nNo problems found.\n');
  });

  test('counts rows that are not finite', async () => {
    const folder = await temporaryFolder({ 'a.npy': SIX("'<f4'", new Float32Array([1, NaN, 2, 3, -Infinity, NaN])) });
    expect(await json(['a.npy'], folder)).toMatchObject({ rows: 3, rowsNotFinite: 2, problem: null });
    expect((await runHere(['inspect', 'a.npy'], folder)).stdout).toContain('2 rows have a NaN or an infinite value');
  });

  test('reports the first problem with its offset, and exits with code 2', async () => {
    const rows = [2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 1, 3, 0, 0, 0, 1, 1];
    const folder = await temporaryFolder({ 'cut.npy': NPY.subarray(0, -1), 'a.bvecs': new Uint8Array(rows) });
    expect(await json(['cut.npy'], folder)).toMatchObject({
      ...{ format: 'npy', rows: null, dimensions: null, sizeBytes: NPY.length - 1 },
      problem: { kind: 'truncated', offset: NPY.length - 1 },
    });
    expect(await json(['a.bvecs'], folder)).toMatchObject({
      ...{ format: 'bvecs', rows: 0, dimensions: 2, dtype: 'uint8' },
      problem: { kind: 'damaged', message: expect.stringContaining('row 2 has 3 dimensions'), offset: 12 },
    });
    const { status, stdout, stderr } = runBin(['inspect', 'a.bvecs'], folder);
    expect(status).toBe(2);
    expect(stderr).toBe('gearshift: a.bvecs: row 2 has 3 dimensions, expected 2 as in the first row (at byte 12)\n');
    expect(stdout).toContain('Problem: a.bvecs: row 2 has 3 dimensions');
  });

  test('lists the tensors if several hold vectors, and reads the chosen one', async () => {
    const header = JSON.stringify({
      'a\u001b[2J': { dtype: 'F16', shape: [1, 2], data_offsets: [0, 4] },
      b: { dtype: 'I8', shape: [2, 2], data_offsets: [4, 8] },
    });
    const length = Buffer.alloc(8);
    length.writeUInt32LE(Buffer.byteLength(header));
    const folder = await temporaryFolder({
      's.safetensors': Buffer.concat([length, Buffer.from(header), Buffer.alloc(8)]),
    });
    const { status, stdout } = await runHere(['inspect', 's.safetensors'], folder);
    expect(status).toBe(0);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/a\ufffd\[2J {2}F16 \[1, 2\]\n {2}b {2}I8 \[2, 2\]\n\nSeveral of them hold vectors/);
    expect(await json(['s.safetensors', '--tensor', 'b'], folder)).toMatchObject({ rows: 2, dtype: 'int8', scale: 1 });
  });

  test('a file that cannot be read has no report', async () => {
    const { status, stdout, stderr } = await runHere(['inspect', 'gone.npy', '--json']);
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: 'gearshift: gone.npy: cannot read the file (ENOENT)\n',
    });
  });

  test('a file of an unknown format is a problem', async () => {
    const folder = await temporaryFolder({ 'a.bin': 'words and more words' });
    expect(await json(['a.bin'], folder)).toMatchObject({
      format: null,
      sizeBytes: 20,
      problem: { kind: 'unknown-format' },
    });
  });
});
