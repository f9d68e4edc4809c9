import { spawnSync } from 'node:child_process';
import { chmod, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type FormatError,
  openVectors,
  vectorsFrom,
  writeVectors,
  type OpenOptions,
  type VectorSource,
  type WriteOptions,
} from '../src/index.js';
import { npyBytes } from './npy-bytes.js';
import { fixture, FIXTURE_VALUES, readAll } from './read-all.js';
import { temporaryFolder } from './temporary-folder.js';

const VECTORS = vectorsFrom(FIXTURE_VALUES, { dimensions: 4 });

describe('openVectors', () => {
  test.skipIf(process.platform === 'win32')('refuses folders, pipes, devices and links to them at once', async () => {
    const folder = await temporaryFolder();
    expect(spawnSync('mkfifo', [join(folder, 'pipe.npy')]).status).toBe(0);
    await symlink('pipe.npy', join(folder, 'link.npy'));
    for (const [path, kind] of [
      [folder, 'a folder'],
      [join(folder, 'pipe.npy'), 'a named pipe'],
      [join(folder, 'link.npy'), 'a named pipe'],
      ['/dev/zero', 'a device'],
    ]) {
      const failure = openVectors(path);
      await expect(failure).rejects.toMatchObject({ name: 'FormatError', kind: 'not-a-file', path });
      await expect(failure).rejects.toThrow(`expected a regular file, got ${kind}`);
    }
  });

  test('reports a missing file with the reason of the system', async () => {
    await expect(openVectors('gone.npy')).rejects.toMatchObject({
      kind: 'inaccessible',
      message: 'gone.npy: cannot read the file (ENOENT)',
    });
  });

  test('names the known formats if neither the name nor the first bytes tell the format', async () => {
    const path = join(await temporaryFolder({ 'v.bin': new Uint8Array(100) }), 'v.bin');
    await expect(openVectors(path)).rejects.toMatchObject({ kind: 'unknown-format' });
    await expect(openVectors(path)).rejects.toThrow('.npy, .safetensors');
    await expect(openVectors(path, { format: 'npy' })).rejects.toMatchObject({ kind: 'foreign' });
  });

  test('recognizes .npy without its extension, and takes a given format before the extension', async () => {
    const folder = await temporaryFolder({
      'v.fvecs': await readFile(fixture('le-f4.npy')),
      v: await readFile(fixture('le-f4.npy')),
    });
    expect((await readAll(join(folder, 'v'))).values).toEqual(FIXTURE_VALUES);
    expect((await readAll(join(folder, 'v.fvecs'), { format: 'npy' })).values).toEqual(FIXTURE_VALUES);
  });

  test('a path with control characters is escaped in the message, and kept in the error', async () => {
    const path = 'a\u001b[31m\nb\u202e.npy';
    const failure = await openVectors(path).then(undefined, (error: unknown) => error as FormatError);
    expect(failure).toMatchObject({ path, message: 'a\\u001b[31m\\u000ab\\u202e.npy: cannot read the file (ENOENT)' });
    expect(JSON.parse(JSON.stringify(failure))).toEqual({
      kind: 'inaccessible',
      path,
      message: (failure as Error).message,
    });
  });

  test.each<[unknown, unknown, string]>([
    [1, undefined, 'path: expected a string, got 1'],
    ['a.npy', { formt: 'npy' }, "did you mean 'format'"],
    [
      'a.npy',
      { format: 'csv' },
      "format: expected one of npy, safetensors, fvecs, bvecs, ivecs, arrow, parquet, got 'csv'",
    ],
    ['a.npy', { tensor: 1 }, 'tensor: expected a string, got 1'],
    ['a.npy', { columns: 'id' }, "columns: expected an array of strings, got 'id'"],
    ['a.npy', { allowSingle: 'no' }, "allowSingle: expected a boolean, got 'no'"],
  ])('rejects wrong arguments: %s, %s', async (path, options, message) => {
    await expect(openVectors(path as string, options as OpenOptions)).rejects.toThrow(message);
  });

  test.each<[OpenOptions, string]>([
    [{ tensor: 'a' }, "no tensor 'a': npy files have no names of tensors"],
    [{ column: 'a' }, "no column 'a': npy files have no columns"],
    [{ columns: ['a', 'b'] }, "no column 'a': npy files have no columns"],
  ])('refuses names that the format cannot have: %j', async (options, message) => {
    await expect(openVectors(fixture('le-f4.npy'), options)).rejects.toThrow(message);
  });

  test('a closed file cannot be read, and closing again does nothing', async () => {
    const file = await openVectors(fixture('le-f4.npy'));
    await file.close();
    await file.close();
    await expect(file.batches().next()).rejects.toThrow('expected an open file, got the closed');
  });

  test('a file that becomes shorter while it is read is an error that names the offset', async () => {
    const path = join(
      await temporaryFolder({ 'v.npy': npyBytes({ shape: '(100, 1)', data: new Float32Array(100) }) }),
      'v.npy',
    );
    await using file = await openVectors(path);
    const batches = file.batches({ maxRows: 10 });
    expect((await batches.next()).value).toMatchObject({ rows: 10 });
    await truncate(path, 128 + 40 + 13);
    await expect(batches.next()).rejects.toMatchObject({ kind: 'changed', offset: 128 + 40 + 13 });
  });

  test('several iterations over one file do not disturb each other, and each starts again', async () => {
    await using file = await openVectors(fixture('le-f4.npy'));
    const [first, second] = [file.batches({ maxRows: 4 }), file.batches({ maxRows: 1 })];
    expect((await first.next()).value).toMatchObject({ start: 0, rows: 4 });
    expect((await second.next()).value).toMatchObject({ start: 0, rows: 1 });
    expect((await first.next()).value).toMatchObject({ start: 4, rows: 2 });
    expect((await second.next()).value).toMatchObject({ start: 1, rows: 1 });
  });

  test('a signal ends the iteration with its reason', async () => {
    await using file = await openVectors(fixture('le-f4.npy'));
    const controller = new AbortController();
    const batches = file.batches({ maxRows: 1, signal: controller.signal });
    await batches.next();
    controller.abort(new Error('enough'));
    await expect(batches.next()).rejects.toThrow('enough');
  });

  test.each<[unknown, string]>([
    [{ maxRows: 0 }, 'maxRows: expected an integer of at least 1, got 0'],
    [{ maxRows: 1.5 }, 'maxRows: expected an integer'],
    [{ signal: 1 }, 'signal: expected an AbortSignal, got 1'],
    [{ maxrows: 1 }, "did you mean 'maxRows'"],
  ])('batches() rejects wrong options: %s', async (options, message) => {
    await using file = await openVectors(fixture('le-f4.npy'));
    await expect(file.batches(options as never).next()).rejects.toThrow(message);
  });

  test('toFloat32() writes into an output of the right length, and returns the array of float32 itself', async () => {
    await using file = await openVectors(fixture('le-f4.npy'));
    for await (const batch of file.batches()) {
      expect(batch.toFloat32()).toBe(batch.raw);
      const output = new Float32Array(24);
      expect(batch.toFloat32(output)).toBe(output);
      expect(output).toEqual(FIXTURE_VALUES);
      expect(() => batch.toFloat32(new Float32Array(23))).toThrow(
        'output: expected a Float32Array of 24 elements, got 23',
      );
    }
  });
});

describe('writeVectors', () => {
  test('refuses an existing file, replaces it with overwrite, and leaves no other file', async () => {
    const folder = await temporaryFolder({ 'v.npy': 'old' });
    const path = join(folder, 'v.npy');
    await expect(writeVectors(path, VECTORS)).rejects.toMatchObject({ kind: 'exists' });
    expect(await readFile(path, 'utf8')).toBe('old');
    await writeVectors(path, VECTORS, { overwrite: true });
    expect((await readAll(path)).values).toEqual(FIXTURE_VALUES);
    expect(await readdir(folder)).toEqual(['v.npy']);
  });

  test.skipIf(process.platform === 'win32')('keeps a link and the mode of its file', async () => {
    const folder = await temporaryFolder({ 'real/v.npy': 'old' });
    const real = join(folder, 'real/v.npy');
    await chmod(real, 0o600);
    await symlink('real/v.npy', join(folder, 'link.npy'));
    await writeVectors(join(folder, 'link.npy'), VECTORS, { overwrite: true });
    expect((await stat(real)).mode & 0o777).toBe(0o600);
    expect((await readAll(real)).rows).toBe(6);
  });

  test('a source that fails half-way leaves the old file, and nothing else', async () => {
    const folder = await temporaryFolder({ 'v.npy': 'old' });
    const failing: VectorSource = {
      dimensions: 2,
      dtype: 'float32',
      async *batches() {
        yield { raw: new Float32Array(4) };
        throw new Error('the source failed');
      },
    };
    await expect(writeVectors(join(folder, 'v.npy'), failing, { overwrite: true })).rejects.toThrow(
      'the source failed',
    );
    expect(await readdir(folder)).toEqual(['v.npy']);
    expect(await readFile(join(folder, 'v.npy'), 'utf8')).toBe('old');
  });

  test('a signal stops it and leaves nothing', async () => {
    const folder = await temporaryFolder();
    const controller = new AbortController();
    let rows = 0;
    const endless: VectorSource = {
      dimensions: 2,
      dtype: 'float32',
      async *batches() {
        for (;;) yield { raw: new Float32Array(4) };
      },
    };
    const onProgress = (done: number) => {
      rows = done;
      if (done >= 10) controller.abort(new Error('stop'));
    };
    const writing = writeVectors(join(folder, 'v.npy'), endless, { signal: controller.signal, onProgress });
    await expect(writing).rejects.toThrow('stop');
    expect(rows).toBe(10);
    expect(await readdir(folder)).toEqual([]);
  });

  test('reads and replaces the same file', async () => {
    const path = join(await temporaryFolder({ 'v.npy': await readFile(fixture('le-f8.npy')) }), 'v.npy');
    await using source = await openVectors(path);
    await writeVectors(path, source, { dtype: 'float16', overwrite: true });
    expect(await readAll(path)).toMatchObject({ dtype: 'float16', values: FIXTURE_VALUES });
  });

  test('writes under the given temporary name first', async () => {
    const folder = await temporaryFolder();
    const seen: string[] = [];
    const source: VectorSource = {
      dimensions: 1,
      dtype: 'float32',
      async *batches() {
        seen.push(...(await readdir(folder)));
        yield { raw: new Float32Array(1) };
      },
    };
    await writeVectors(join(folder, 'v.npy'), source, { temporaryPath: join(folder, 'half') });
    expect(seen).toEqual(['half']);
    expect(await readdir(folder)).toEqual(['v.npy']);
    await writeFile(join(folder, 'half'), 'of another program');
    await rm(join(folder, 'v.npy'));
    await expect(writeVectors(join(folder, 'v.npy'), source, { temporaryPath: join(folder, 'half') })).rejects.toThrow(
      'EEXIST',
    );
    expect(await readdir(folder)).toEqual(['half']);
  });

  test('counts finite values that became infinite, and not those that were', async () => {
    const source = vectorsFrom(new Float64Array([1e300, 70_000, Infinity, NaN]), { dimensions: 2 });
    const folder = await temporaryFolder();
    const count = async (name: string, options: WriteOptions) =>
      (await writeVectors(join(folder, name), source, options)).overflowCount;
    expect(await count('a.npy', {})).toBe(0);
    expect(await count('b.npy', { dtype: 'float32' })).toBe(1);
    expect(await count('c.npy', { dtype: 'float16' })).toBe(2);
    expect(await count('d.safetensors', { dtype: 'bfloat16' })).toBe(1);
  });

  test('converts in several batches as in one', async () => {
    const values = Float64Array.from({ length: 3_000_000 }, (_, index) => index / 7);
    const path = join(await temporaryFolder(), 'v.npy');
    await writeVectors(path, vectorsFrom(values, { dimensions: 3 }), { dtype: 'float32' });
    const found = (await readAll(path)).values;
    expect(found.length).toBe(values.length);
    expect(values.findIndex((value, index) => Math.fround(value) !== found[index])).toBe(-1);
  });

  test.each<[string, unknown, unknown, string]>([
    ['v.npy', null, {}, 'source: expected vectors'],
    ['v.npy', { ...VECTORS, dimensions: 0 }, {}, 'source.dimensions: expected an integer'],
    ['v.npy', { ...VECTORS, dtype: 'float8' }, {}, 'source.dtype: expected one of'],
    ['v.txt', VECTORS, {}, 'format: expected one of npy, safetensors, fvecs, got the name'],
    ['v.npy', VECTORS, { format: 'parquet' }, "format: expected one of npy, safetensors, fvecs, got 'parquet'"],
    [
      'v.npy',
      VECTORS,
      { dtype: 'bfloat16' },
      "dtype: expected float32, float64, float16, int8 for npy, got 'bfloat16'",
    ],
    ['v.fvecs', VECTORS, { dtype: 'int8' }, "dtype: expected float32 for fvecs, got 'int8'"],
    [
      'v.npy',
      VECTORS,
      { dtype: 'int8' },
      'scale: expected a positive number for int8, such as int8Scale(values), got undefined',
    ],
    ['v.npy', VECTORS, { dtype: 'int8', scale: -1 }, 'scale: expected a positive number'],
    ['v.npy', VECTORS, { scale: 2 }, 'scale: expected no scale for float32'],
    ['v.safetensors', VECTORS, { tensor: '__metadata__' }, 'tensor: expected a name'],
    ['v.npy', VECTORS, { overwrite: 'yes' }, "overwrite: expected a boolean, got 'yes'"],
    ['v.npy', VECTORS, { overwritten: true }, "did you mean 'overwrite'"],
    [
      'v.npy',
      {
        ...VECTORS,
        batches: async function* () {
          yield { raw: new Float32Array(3) };
        },
      },
      {},
      'source: expected batches with raw float32 elements in whole rows of 4',
    ],
    [
      'v.npy',
      {
        ...VECTORS,
        batches: async function* () {
          yield { raw: new Float64Array(4) };
        },
      },
      {},
      'source: expected batches with raw float32',
    ],
    [
      'v.npy',
      {
        ...VECTORS,
        batches: async function* () {
          yield {};
        },
      },
      {},
      'source: expected batches with raw float32',
    ],
  ])('rejects wrong arguments: %s, %s, %s', async (name, source, options, message) => {
    const folder = await temporaryFolder();
    await expect(writeVectors(join(folder, name), source as VectorSource, options as WriteOptions)).rejects.toThrow(
      message,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test('a folder that does not exist is an error with the reason of the system', async () => {
    const path = join(await temporaryFolder(), 'gone', 'v.npy');
    await expect(writeVectors(path, VECTORS)).rejects.toMatchObject({ kind: 'inaccessible', path });
  });
});

describe('vectorsFrom', () => {
  test('takes Float16Array where Node.js has it', async () => {
    const { Float16Array } = globalThis as { Float16Array?: new (values: number[]) => Uint16Array };
    const half = Float16Array === undefined ? new Uint16Array([0x3c00, 0xc000]) : new Float16Array([1, -2]);
    const path = join(await temporaryFolder(), 'v.npy');
    await writeVectors(
      path,
      vectorsFrom(half, { dimensions: 2, ...(Float16Array === undefined && { dtype: 'float16' }) }),
    );
    expect(await readAll(path)).toMatchObject({ dtype: 'float16', values: new Float32Array([1, -2]) });
  });

  test.each<[unknown, unknown, string]>([
    [[1, 2], { dimensions: 2 }, 'values: expected one of Float32Array'],
    [new Uint16Array(2), { dimensions: 2 }, "dtype: expected 'float16' or 'bfloat16' for a Uint16Array, got undefined"],
    [new Float32Array(2), { dimensions: 2, dtype: 'int8' }, "dtype: expected 'float32' for a Float32Array, got 'int8'"],
    [new Float32Array(2), { dimensions: 0 }, 'dimensions: expected an integer'],
    [new Float32Array(3), { dimensions: 2 }, 'values: expected rows of 2 dimensions, got 3 elements'],
    [new Int8Array(2), { dimensions: 2, scale: 0 }, 'scale: expected a positive number, got 0'],
  ])('rejects wrong arguments: %s, %s', (values, options, message) => {
    expect(() => vectorsFrom(values as Float32Array, options as never)).toThrow(message);
  });
});
