import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createExecutor } from 'gearshift';
import { describe, expect, test } from 'vitest';
import { npyBytes } from './npy-bytes.js';
import { runHere } from './run-here.js';
import { temporaryFolder } from './temporary-folder.js';

const VALUES = new Float32Array([1, -2, 0.5, 0, 64, -128]);
const NPY = npyBytes({ shape: '(3, 2)', data: VALUES });
const json = async (args: string[], folder: string) =>
  JSON.parse((await runHere([...args, '--json'], folder)).stdout) as object;

/** A file with 4 rows of which one is removed, and a change behind them. */
async function changedFile(): Promise<string> {
  const folder = await temporaryFolder();
  await using executor = await createExecutor({ backends: ['cpu'] });
  const matrix = await executor.matrix([[1, 2], [3, 4], [5, 6]]); // prettier-ignore
  await matrix.save(join(folder, 'a.gearshift'));
  await using opened = await executor.open(join(folder, 'a.gearshift'), { writable: true });
  await opened.append([[7, 8]]);
  await opened.remove(1);
  return folder;
}

describe('a .gearshift file', () => {
  test.each(['float32', 'float16', 'bfloat16', 'int8'])(
    'is written from another format as %s and read back',
    async (dtype) => {
      const folder = await temporaryFolder({ 'a.npy': NPY });
      const written = await json(['convert', 'a.npy', 'b.gearshift', '--dtype', dtype], folder);
      const scale = dtype === 'int8' ? Math.fround(128 / 127) : 1;
      expect(written).toMatchObject({ format: 'gearshift', rows: 3, dimensions: 2, dtype, scale, overflowCount: 0 });
      await using executor = await createExecutor({ backends: ['cpu'] });
      await using opened = await executor.open(join(folder, 'b.gearshift'), { verify: true });
      expect([opened.rows, opened.dtype ?? 'float32']).toEqual([3, dtype]);
      const rows = [0, 1, 2].flatMap((row) => [...opened.row(row)]);
      const most = dtype === 'int8' ? scale / 2 : 0;
      for (const [i, value] of rows.entries()) expect(Math.abs(value - VALUES[i])).toBeLessThanOrEqual(most);
      const { status } = await runHere(['convert', 'b.gearshift', 'c.safetensors'], folder);
      expect(status).toBe(0);
      expect(await json(['inspect', 'c.safetensors'], folder)).toMatchObject({ rows: 3, dtype, problem: null });
      expect((await readdir(folder)).sort()).toEqual(['a.npy', 'b.gearshift', 'c.safetensors']);
    },
  );

  test('is written as float32 from types that it does not have', async () => {
    const folder = await temporaryFolder({
      'a.npy': npyBytes({ descr: "'<f8'", shape: '(1, 2)', data: new Float64Array([0.1, 1e300]) }),
    });
    const { status, stdout, stderr } = await runHere(['convert', 'a.npy', 'b.gearshift'], folder);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'gearshift: b.gearshift: 1 values too large for float32 became infinite\n',
    });
    expect(stdout).toMatch(/^wrote b\.gearshift: 1 x 2 float32, /);
    const refused = await runHere(['convert', 'a.npy', 'c.gearshift', '--dtype', 'float64'], folder);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toBe(
      "gearshift: dtype: expected float32, float16, bfloat16, int8 for gearshift, got 'float64'\n",
    );
  });

  test('is read with its changes and without its removed rows, whatever its name', async () => {
    const folder = await changedFile();
    await writeFile(join(folder, 'b'), await readFile(join(folder, 'a.gearshift')));
    for (const name of ['a.gearshift', 'b']) {
      expect((await runHere(['convert', name, 'out.npy', '--force'], folder)).status).toBe(0);
      const values = new Float32Array((await readFile(join(folder, 'out.npy'))).buffer.slice(128));
      expect([...values]).toEqual([1, 2, 5, 6, 7, 8]);
    }
  });

  test('is inspected with its version, changes and removed rows', async () => {
    const folder = await changedFile();
    expect(await json(['inspect', 'a.gearshift'], folder)).toMatchObject({
      ...{
        format: 'gearshift',
        rows: 3,
        dimensions: 2,
        dtype: 'float32',
        scale: null,
        rowsNotFinite: 0,
        problem: null,
      },
      entries: [{ type: 'float32', shape: [4, 2] }],
      details: { formatVersion: 1, matrixVersion: 3, removedRows: 1, changes: 2 },
    });
    expect((await runHere(['inspect', 'a.gearshift'], folder)).stdout).toContain('\nNo problems found.\n');
  });

  test('has codes if that is asked for, which inspect shows, and the first search uses them', async () => {
    const values = Float32Array.from({ length: 9000 * 256 }, (_, i) => Math.sin(i * i));
    const folder = await temporaryFolder({ 'a.npy': npyBytes({ shape: '(9000, 256)', data: values }) });
    const plain = await json(['convert', 'a.npy', 'plain.gearshift'], folder);
    expect(plain).not.toHaveProperty('codeBytes');
    expect(await json(['inspect', 'plain.gearshift'], folder)).not.toHaveProperty('details.companionBytes');
    const { stdout, stderr } = await runHere(['convert', 'a.npy', 'coded.gearshift', '--codes'], folder);
    expect(stdout + stderr).toMatch(
      /^wrote coded\.gearshift: 9,000 x 256 float32, [\d,]+ bytes, 2,[\d,]+ of them codes\n$/,
    );
    const { details } = (await json(['inspect', 'coded.gearshift'], folder)) as { details: { companionBytes: number } };
    expect(details.companionBytes).toBeGreaterThan(9000 * 256);
    expect((await runHere(['inspect', 'coded.gearshift'], folder)).stdout).toContain(
      `companionBytes  ${details.companionBytes}`,
    );
    await using executor = await createExecutor({ backends: ['cpu'] });
    await using opened = await executor.open(join(folder, 'coded.gearshift'), { verify: true });
    const { search } = await executor.topK(values.subarray(0, 256), opened, { k: 3 });
    // Of all rows, unless a busy machine cut the request and left too few of them for codes.
    expect(search).toMatchObject({ scanned: expect.any(Number) });
    const scanned = async () => (await executor.topK(values.subarray(0, 256), opened, { k: 3 })).search?.scanned;
    await expect.poll(scanned, { timeout: 50_000 }).toBe(9000);

    const small = await temporaryFolder({ 'a.npy': NPY });
    expect(await json(['convert', 'a.npy', 'b.gearshift', '--codes'], small)).toMatchObject({ rows: 3, codeBytes: 0 });
    expect((await runHere(['convert', 'a.npy', 'c.gearshift', '--codes'], small)).stdout).toContain(
      'without codes, because',
    );
    const refused = await runHere(['convert', 'a.npy', 'b.safetensors', '--codes'], small);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toBe(
      'gearshift: --codes: only a .gearshift file has codes, and b.safetensors becomes a file of safetensors\n',
    );
  });

  test('that is damaged is reported with the place of the damage', async () => {
    const folder = await changedFile();
    const bytes = await readFile(join(folder, 'a.gearshift'));
    bytes[4096] ^= 1; // in the first row
    await writeFile(join(folder, 'rows.gearshift'), bytes);
    const report = await json(['inspect', 'rows.gearshift'], folder);
    expect(report).toMatchObject({ format: 'gearshift', problem: { kind: 'damaged', offset: 4096 } });
    await writeFile(join(folder, 'cut.gearshift'), bytes.subarray(0, 100));
    expect(await json(['inspect', 'cut.gearshift'], folder)).toMatchObject({ problem: { kind: 'truncated' } });
    const convert = await runHere(['convert', 'rows.gearshift', 'out.npy'], folder);
    expect(convert).toMatchObject({ status: 2, stdout: '' });
    expect(convert.stderr).toMatch(/^gearshift: rows\.gearshift: .* \(at byte 4096\)\n$/);
    expect(await readdir(folder)).not.toContain('out.npy');
  });

  test('that does not exist has no report', async () => {
    const { status, stdout, stderr } = await runHere(['inspect', 'gone.gearshift', '--json']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^gearshift: gone\.gearshift: there is no such file/);
  });
});
