import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Elements } from '@gearshift/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMatrix, StoredMatrix } from '../src/index.js';
import { failureOf } from './fixtures/failure-of.js';
import { mappingNative } from './fixtures/mapping-native.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gearshift-storage-'));
  path = join(folder, 'vectors.gearshift');
});
afterEach(() => rmSync(folder, { recursive: true }));

const FLAT = new Float32Array([1, 0, 0, 1, 3, 4]);

function create(values = FLAT, dimensions = 2): StoredMatrix {
  return StoredMatrix.create(values.length / dimensions, { dimensions }, (memory) => memory.set(values));
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Elements) =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

/** Values that differ in every row. */
function counting(rows: number, dimensions: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: rows * dimensions }, (_, i) => i % 65_521);
}

describe('save', () => {
  it('keeps rows, removed rows and the version', async () => {
    const matrix = create();
    await matrix.update(0, [9, 9]);
    await matrix.remove([1]);
    await matrix.save(path);
    const opened = await openMatrix(path, { verify: true });
    expect([...opened.values]).toEqual([9, 9, 0, 1, 3, 4]);
    expect([opened.version, opened.rows, opened.liveRows]).toEqual([3, 3, 2]);
    expect(opened.removed?.words).toEqual(new Uint32Array([0b10]));
    expect(opened.id).not.toBe(matrix.id);
  });

  it.each([
    [0, 3],
    [1, 1],
    [33, 7],
    [1000, 300],
    [700, 768],
    [3, 300_000],
  ])('keeps %i rows of %i dimensions, NaN and infinities included', async (rows, dimensions) => {
    const values = counting(rows, dimensions);
    values.set([NaN, -Infinity, -0].slice(0, values.length));
    await create(values, dimensions).save(path);
    const opened = await openMatrix(path, { verify: true });
    expect([opened.rows, opened.dimensions]).toEqual([rows, dimensions]);
    expect(bytesOf(opened.values).equals(bytesOf(values))).toBe(true);
  });

  it('writes the pinned version although rows change meanwhile', async () => {
    const rows = 3000;
    const values = counting(rows, 512);
    const matrix = create(values, 512);
    const saved = matrix.save(path);
    for (let i = 0; i < 50; i++) {
      await matrix.update(rows - 1 - i * 7, new Float32Array(512).fill(-i));
      if (i % 10 === 0) await matrix.append(new Float32Array(512));
      if (i % 10 === 5) await matrix.remove(i);
      await new Promise(setImmediate);
    }
    await saved;
    const opened = await openMatrix(path, { verify: true });
    expect([opened.version, opened.rows, opened.removed]).toEqual([1, rows, undefined]);
    expect(bytesOf(opened.values).equals(bytesOf(values))).toBe(true);
  });

  it('replaces a file that readers have open, which keep theirs', async () => {
    await create().save(path);
    const before = await openMatrix(path, {});
    await create(new Float32Array([5, 5]), 2).save(path);
    expect(before.rows).toBe(3);
    expect((await openMatrix(path, {})).rows).toBe(1);
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });

  it('keeps the permissions and the symbolic link of the file that it replaces', async () => {
    await create().save(path);
    chmodSync(path, 0o640);
    const link = join(folder, 'link');
    symlinkSync(path, link);
    await create(new Float32Array([5, 5]), 2).save(link);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect((await openMatrix(path, {})).rows).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(['link', 'vectors.gearshift']);
  });

  it('ends with the reason of the signal, leaves the old file, and nothing beside it', async () => {
    await create().save(path);
    const before = readFileSync(path);
    const abort = new AbortController();
    const saved = failureOf(create(counting(20_000, 256), 256).save(path, { signal: abort.signal }));
    setImmediate(() => abort.abort(new Error('enough')));
    expect(await saved).toEqual(new Error('enough'));
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  });

  it('rejects with a FileError for a folder that does not exist', async () => {
    const missing = join(folder, 'none', 'x');
    expect(await failureOf(create().save(missing))).toMatchObject({
      name: 'FileError',
      kind: 'system',
      code: 'ENOENT',
      path: missing,
      message: `${missing}: expected a path in a folder that exists, and ${join(folder, 'none')} does not`,
    });
  });

  it('rejects after the matrix was disposed', async () => {
    const matrix = create();
    await matrix[Symbol.asyncDispose]();
    await expect(matrix.save(path)).rejects.toThrow(new TypeError('matrix is disposed'));
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('open', () => {
  it('maps the rows where native code can, and says so', async () => {
    await create(counting(500, 1000), 1000).save(path);
    const native = mappingNative();
    const mapped = await openMatrix(path, { native });
    // On the largest page in use.
    expect(native.mapped).toEqual([[65_536, 2_000_000]]);
    expect(mapped.file).toEqual({ path, mode: 'map', writable: false, version: 1, error: undefined });
    expect(bytesOf(mapped.values).equals(bytesOf(counting(500, 1000)))).toBe(true);
    await mapped[Symbol.asyncDispose]();
    expect(native.dropped).toBeGreaterThan(0);
  });

  it('maps whole pages and reads the rest where appended rows follow', async () => {
    const values = counting(500, 1000);
    await create(values, 1000).save(path);
    {
      await using writer = await openMatrix(path, { writable: true });
      await writer.append(new Float32Array(3000).fill(7));
      await writer.update(499, new Float32Array(1000).fill(8));
    }
    const native = mappingNative();
    const opened = await openMatrix(path, { native });
    expect(native.mapped).toEqual([[65_536, 30 * 65_536]]);
    expect(opened.file?.mode).toBe('map');
    const expected = new Float32Array(503_000).fill(7);
    expected.set(values);
    expected.fill(8, 499_000, 500_000);
    expect(bytesOf(opened.values).equals(bytesOf(expected))).toBe(true);
  });

  it.each([
    ['it is asked to', { mode: 'copy', native: mappingNative() }],
    ['there is no native code', {}],
    ['the system refuses', { native: mappingNative(true), mode: 'map' }],
  ] as const)('reads the rows into memory if %s', async (_, options) => {
    await create().save(path);
    const opened = await openMatrix(path, options);
    expect(opened.file?.mode).toBe('copy');
    expect(opened.values).toEqual(FLAT);
    if ('native' in options) expect(options.native.mapped).toEqual([]);
  });

  it('refuses every change unless it is opened for writing', async () => {
    await create().save(path);
    const before = readFileSync(path);
    const opened = await openMatrix(path, {});
    for (const change of [
      () => opened.append([[1, 1]]),
      () => opened.update(0, [1, 1]),
      () => opened.remove(0),
      () => opened.compact(),
    ]) {
      const error = await failureOf(change());
      expect(error).toBeInstanceOf(TypeError);
      expect(String(error)).toContain('open it with { writable: true }');
    }
    expect([opened.version, opened.rows, opened.liveRows]).toEqual([1, 3, 3]);
    expect(readFileSync(path).equals(before)).toBe(true);
    const attached = StoredMatrix.attach(structuredClone(opened), {});
    await expect(attached.update(0, [1, 1])).rejects.toThrow('open it with { writable: true }');
  });

  it('finds changed rows with verify, and names the block', async () => {
    await create(counting(500, 1000), 1000).save(path);
    const bytes = readFileSync(path);
    bytes[65_536 + 1_500_000] ^= 1;
    writeFileSync(path, bytes);
    expect((await openMatrix(path, {})).rows).toBe(500);
    expect(await failureOf(openMatrix(path, { verify: true }))).toMatchObject({
      kind: 'damaged',
      offset: 65_536 + 2 ** 20,
      message: `${path}: at byte ${65_536 + 2 ** 20}: the checksum of block 1 of the rows is wrong`,
    });
  });

  it('rejects folders', async () => {
    expect(await failureOf(openMatrix(folder, {}))).toMatchObject({ kind: 'foreign', path: folder });
  });
});

describe('the header', () => {
  /** Changes the header and repairs its checksum, as a hostile or a newer program would. */
  async function openChanged(change: (view: DataView) => void, values = FLAT, dimensions = 2): Promise<unknown> {
    const matrix = create(values, dimensions);
    await matrix.remove(0);
    await matrix.save(path);
    const bytes = readFileSync(path);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    change(view);
    view.setUint32(4092, crc32(bytes.subarray(0, 4092)), true);
    writeFileSync(path, bytes);
    return failureOf(openMatrix(path, {}));
  }

  it.each<[string, (view: DataView) => void, string, number, RegExp]>([
    ['a future version', (v) => v.setUint32(8, 2, true), 'unsupported', 8, /up to 1, got 2; a newer version of this/],
    ['another byte order', (v) => v.setUint32(12, 0x0102_0304), 'unsupported', 12, /little-endian/],
    ['a wrong mark of the byte order', (v) => v.setUint32(12, 7, true), 'damaged', 12, /byte order/],
    [
      'a type that does not fit the rows',
      (v) => v.setUint32(16, 2, true),
      'damaged',
      80,
      /section 1 of 12 bytes, got 24/,
    ],
    ['an unknown element type', (v) => v.setUint32(16, 77, true), 'unsupported', 16, /known type of elements, got 77/],
    ['int8 without a scale', (v) => v.setUint32(16, 4, true), 'damaged', 56, /expected a positive scale, got 0/],
    ['no dimensions', (v) => v.setUint32(20, 0, true), 'damaged', 20, /dimension/],
    ['too many dimensions', (v) => v.setUint32(20, 2 ** 32 - 1, true), 'damaged', 80, /section 1 of/],
    ['too many rows', (v) => v.setBigUint64(24, 2n ** 40n, true), 'damaged', 24, /at most 4294967294 rows/],
    ['more rows than there are', (v) => v.setBigUint64(24, 4n, true), 'damaged', 80, /section 1 of 32 bytes, got 24/],
    ['version 0', (v) => v.setBigUint64(32, 0n, true), 'damaged', 32, /version/],
    ['a version with the sequence 0', (v) => v.setBigUint64(32, 2n ** 31n, true), 'damaged', 32, /version/],
    ['a version past 2^53', (v) => v.setBigUint64(32, 2n ** 63n, true), 'damaged', 32, /version/],
    ['changes at an odd place', (v) => v.setBigUint64(40, 4161n, true), 'damaged', 40, /multiple of 16/],
    ['changes in the header', (v) => v.setBigUint64(40, 16n, true), 'damaged', 40, /offset of changes/],
    ['changes past the end', (v) => v.setBigUint64(40, 2n ** 50n, true), 'truncated', 4160, /cut short/],
    ['too many sections', (v) => v.setUint32(52, 2 ** 31, true), 'damaged', 52, /sections/],
    ['no sections', (v) => v.setUint32(52, 0, true), 'damaged', 52, /expected a section of rows/],
    ['a section in the header', (v) => v.setBigUint64(72, 8n, true), 'damaged', 72, /between bytes 4096/],
    ['a section past the end', (v) => v.setBigUint64(72, 2n ** 40n, true), 'damaged', 72, /between bytes 4096/],
    ['rows that are not on a page', (v) => v.setBigUint64(72, 4100n, true), 'damaged', 64, /multiple of 4096/],
    ['two sections of rows', (v) => v.setUint32(96, 1, true), 'damaged', 96, /one section 1, got two/],
    ['a required section that is unknown', (v) => v.setUint32(96, 99, true), 'unsupported', 96, /section 99/],
    ['removed rows that are too short', (v) => v.setBigUint64(112, 2n, true), 'damaged', 112, /section 2 of 4 bytes/],
    ['a wrong checksum of the removed rows', (v) => v.setUint32(120, 1, true), 'damaged', 4128, /section 2/],
  ])('is refused with %s', async (_, change, kind, offset, message) => {
    const error = await openChanged(change);
    expect(error).toMatchObject({ name: 'FileError', kind, offset, path });
    expect(String(error)).toMatch(message);
  });

  it('skips an unknown section that is optional', async () => {
    expect(await openChanged((view) => view.setUint32(128, 99, true))).toBeUndefined();
  });

  it('is protected by a checksum', async () => {
    await create().save(path);
    const bytes = readFileSync(path);
    bytes[20] ^= 2;
    writeFileSync(path, bytes);
    expect(await failureOf(openMatrix(path, {}))).toMatchObject({ kind: 'damaged', offset: 4092 });
  });

  it.each([
    [0, 'foreign', 0],
    [5, 'foreign', 5],
    [8, 'truncated', 8],
    [4095, 'truncated', 4095],
    [4096, 'truncated', 4096],
    [4140, 'truncated', 4140],
  ])('is refused in a file of %i bytes', async (length, kind, offset) => {
    await create().save(path);
    writeFileSync(path, readFileSync(path).subarray(0, length));
    expect(await failureOf(openMatrix(path, {}))).toMatchObject({ name: 'FileError', kind, offset });
  });
});
