import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { CompanionSource } from '@gearshift/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeFile, FileError, openMatrix, saveMatrix, StoredMatrix, verifyFile } from '../src/index.js';
import { failureOf } from './fixtures/failure-of.js';
import { mappingNative } from './fixtures/mapping-native.js';

const PAGE = 65_536;
const ROWS = 9000;
const DIMENSIONS = 40;
const BYTES_PER_ROW = [64, 4, 12];
const DESCRIPTION = Uint8Array.of(7, 6, 5, 4, 3, 2, 1, 0);
/** Where the section has its fields: see docs/file-format.md. */
const DESCRIPTION_AT = 24 + 4 * BYTES_PER_ROW.length;
const HEAD_BYTES = DESCRIPTION_AT + DESCRIPTION.length + 4;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gearshift-companions-'));
  path = join(folder, 'vectors.gearshift');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Bytes that differ in every part and row. */
function bytesOfPart(part: number, start: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (part * 101 + start * 7 + i) % 251);
}

/** @param reads after so many the companion is gone */
function source(reads = Infinity): CompanionSource & { makes: boolean[] } {
  let left = reads;
  return {
    makes: [],
    description: DESCRIPTION,
    bytesPerRow: BYTES_PER_ROW,
    read(part, start, target) {
      if (left-- <= 0) return false;
      target.set(bytesOfPart(part, start, target.length));
      return true;
    },
  };
}

function create(companionOf?: (make: boolean) => CompanionSource | undefined): StoredMatrix {
  const values = Float32Array.from({ length: ROWS * DIMENSIONS }, (_, i) => i);
  const options = { dimensions: DIMENSIONS, companionOf: async (_: unknown, make: boolean) => companionOf?.(make) };
  return StoredMatrix.create(ROWS, options, (memory) => memory.set(values));
}

const openWith = (options: Parameters<typeof openMatrix>[1] = {}) =>
  openMatrix(path, { native: mappingNative(), ...options });

async function sectionOf(type = 5) {
  return (await describeFile(path)).sections.find((section) => section.type === type);
}

/** What a piece of one MiB of a part has, from its first row on. */
function partBytes(part: number): Uint8Array {
  const pieceRows = Math.floor(2 ** 20 / BYTES_PER_ROW[part]);
  const bytes = new Uint8Array(ROWS * BYTES_PER_ROW[part]);
  for (let start = 0; start < ROWS; start += pieceRows) {
    const rows = Math.min(pieceRows, ROWS - start);
    bytes.set(bytesOfPart(part, start, rows * BYTES_PER_ROW[part]), start * BYTES_PER_ROW[part]);
  }
  return bytes;
}

describe('a companion in a file', () => {
  it.each(['map', 'copy'] as const)('comes back with the bytes that it had (mode %s)', async (mode) => {
    await create(() => source()).save(path);
    const native = mappingNative();
    await using opened = await openMatrix(path, { native, mode, verify: true });
    const companion = opened.stored.companion;
    if (companion === undefined) throw new Error('there is no companion');
    expect([...companion.description]).toEqual([...DESCRIPTION]);
    expect(companion).toMatchObject({ rows: ROWS, version: 1, capacity: ROWS });
    for (const [part, offset] of companion.offsets.entries()) {
      expect(offset % PAGE).toBe(0);
      const expected = partBytes(part);
      expect(Buffer.compare(new Uint8Array(companion.memory, offset, expected.length), expected)).toBe(0);
    }
    const section = await sectionOf();
    expect(section).toMatchObject({ name: 'companion', isRequired: false });
    expect((section?.offset ?? 1) % PAGE).toBe(0);
    const mapped = native.mapped.filter(([offset]) => offset >= (section?.offset ?? Infinity));
    expect(mapped.length).toBe(mode === 'map' ? BYTES_PER_ROW.length : 0);
    expect([...opened.row(5)]).toEqual([...create().row(5)]);
  });

  it('has room to grow if the file is opened for writing', async () => {
    await create(() => source()).save(path);
    await using opened = await openMatrix(path, { native: mappingNative(), writable: true });
    expect(opened.stored.companion?.capacity).toBe(2 * ROWS);
  });

  it.each([
    ['without native code', { native: undefined }],
    ["for a matrix with the companion 'none'", { companion: 'none' }],
    ['for a matrix with a companion for GPUs', { companion: 'int8' }],
  ] as const)('is not read %s', async (_, options) => {
    await create(() => source()).save(path);
    await using opened = await openWith(options);
    expect(opened.stored.companion).toBeUndefined();
  });

  it('is made first if that is asked for, and left out if that is', async () => {
    const makes: boolean[] = [];
    const matrix = create((make) => (makes.push(make), source()));
    await matrix.save(path);
    await matrix.save(path, { companion: 'codes' });
    expect(makes).toEqual([false, true]);
    await matrix.save(path, { companion: 'none' });
    expect(makes.length).toBe(2);
    expect(await sectionOf()).toBeUndefined();
    const wrong = { companion: 'int8' as 'none' };
    await expect(matrix.save(path, wrong)).rejects.toThrow(/companion: expected one of codes, none, got 'int8'/);
  });

  it.each([0, 1, 2])('is left out when it has gone after %i pieces, and the file is complete', async (reads) => {
    await create(() => source(reads)).save(path);
    expect(await sectionOf()).toBeUndefined();
    await verifyFile(path);
    const { byteLength, changes } = await describeFile(path);
    await create().save(join(folder, 'without'));
    expect(byteLength).toBe((await describeFile(join(folder, 'without'))).byteLength);
    expect(changes.commits).toBe(0);
  });

  it('is written to a file that is written anew, for the rows as they are then', async () => {
    const seen: number[] = [];
    await create().save(path);
    await using opened = await openMatrix(path, {
      writable: true,
      companionOf: async (matrix) => (seen.push(matrix.version), source()),
    });
    await opened.remove(1);
    // The change after it is made in the new file, although it does not wait.
    const compacted = opened.compact();
    const appended = opened.append(new Float32Array(DIMENSIONS));
    await compacted;
    await appended;
    expect(seen).toEqual([3]);
    expect((await sectionOf())?.byteLength).toBe(PAGE + 9 * PAGE + PAGE + 2 * PAGE);
    await using again = await openWith();
    expect(again.stored.companion).toMatchObject({ rows: ROWS - 1, version: 3 });
    expect(again.snapshot?.rowsChangedSince(3)).toEqual([{ start: ROWS - 1, end: ROWS }]);
  });

  it('leaves the file complete if it cannot be made', async () => {
    await create().save(path);
    await using opened = await openMatrix(path, {
      writable: true,
      companionOf: () => Promise.reject(new Error('no device')),
    });
    await opened.compact();
    expect(await sectionOf()).toBeUndefined();
    await verifyFile(path);
  });

  it('names the rows that were changed in the file since', async () => {
    await create(() => source()).save(path);
    const writer = await openMatrix(path, { writable: true });
    await writer.update({ start: 20, rows: new Float32Array(2 * DIMENSIONS) });
    await writer.remove(3);
    await writer.append(new Float32Array(3 * DIMENSIONS));
    await writer[Symbol.asyncDispose]();
    await using opened = await openWith();
    const { companion } = opened.stored;
    expect(companion).toMatchObject({ rows: ROWS, version: 1 });
    expect(opened.snapshot?.rowsChangedSince(1)).toEqual([
      { start: 20, end: 22 },
      { start: ROWS, end: ROWS + 3 },
    ]);
    expect(opened.snapshot?.rowsChangedSince(opened.version)).toEqual([]);
  });
});

describe('a companion that a reader cannot use', () => {
  /** Changes the head of the section. */
  async function openChanged(change: (view: DataView, bytes: Buffer) => void, repairs = true): Promise<unknown> {
    await create(() => source()).save(path);
    const section = await sectionOf();
    const bytes = readFileSync(path);
    const at = bytes.byteOffset + (section?.offset ?? NaN);
    const view = new DataView(bytes.buffer, at, HEAD_BYTES);
    change(view, bytes);
    const head = new Uint8Array(bytes.buffer, at, HEAD_BYTES);
    if (repairs) view.setUint32(HEAD_BYTES - 4, crc32(head.subarray(0, -4)), true);
    writeFileSync(path, bytes);
    await using opened = await openWith();
    expect(opened.rows).toBe(ROWS);
    return opened.stored.companion;
  }

  it.each<[string, (view: DataView) => void]>([
    ['another layout', (v) => v.setUint32(0, 2, true)],
    ['no parts', (v) => v.setUint32(4, 0, true)],
    ['very many parts', (v) => v.setUint32(4, 2 ** 32 - 1, true)],
    ['fewer rows', (v) => v.setBigUint64(8, BigInt(ROWS - 1), true)],
    ['more rows than there are numbers', (v) => v.setBigUint64(8, 2n ** 64n - 1n, true)],
    ['the checksum of other rows', (v) => v.setUint32(16, v.getUint32(16, true) ^ 1, true)],
    ['a description as long as the file', (v) => v.setUint32(20, 2 ** 31, true)],
    ['a longer description', (v) => v.setUint32(20, DESCRIPTION.length + 1, true)],
    ['rows of no bytes', (v) => v.setUint32(24, 0, true)],
    ['rows of more bytes', (v) => v.setUint32(24, 2 ** 32 - 1, true)],
  ])('is left out with %s', async (_, change) => {
    expect(await openChanged(() => {})).toBeDefined();
    expect(await openChanged(change)).toBeUndefined();
  });

  it('is left out with any other byte in its head', async () => {
    await create(() => source()).save(path);
    const section = await sectionOf();
    const intact = readFileSync(path);
    for (let i = 0; i < HEAD_BYTES; i++) {
      const bytes = Buffer.from(intact);
      bytes[(section?.offset ?? NaN) + i] ^= 1 << (i % 8);
      writeFileSync(path, bytes);
      await using opened = await openWith();
      expect(opened.stored.companion, `byte ${i}`).toBeUndefined();
      expect(opened.rows).toBe(ROWS);
    }
  });

  it('is left out when another program has written the rows anew and kept it', async () => {
    expect(
      await openChanged((_, bytes) => {
        const header = new DataView(bytes.buffer, bytes.byteOffset);
        // The first section is the rows, the second the checksums of blocks.
        const [rowsAt, blocksAt] = [72, 104].map((at) => Number(header.getBigUint64(at, true)));
        const rows = bytes.subarray(rowsAt, rowsAt + ROWS * DIMENSIONS * 4);
        rows[0] ^= 1;
        const blocks = bytes.subarray(blocksAt, blocksAt + Number(header.getBigUint64(112, true)));
        blocks.writeUInt32LE(crc32(rows.subarray(0, 2 ** 20)), 0);
        header.setUint32(120, crc32(blocks), true);
        header.setUint32(4092, crc32(bytes.subarray(0, 4092)), true);
      }),
    ).toBeUndefined();
    await verifyFile(path);
  });

  it('is found with verify when any of its parts has changed, and named', async () => {
    await create(() => source()).save(path);
    const section = await sectionOf();
    const intact = readFileSync(path);
    for (const at of [0, 30, PAGE, PAGE + ROWS * 64 - 1, 10 * PAGE + 5, (section?.byteLength ?? 1) - 1]) {
      const bytes = Buffer.from(intact);
      bytes[(section?.offset ?? NaN) + at] ^= 4;
      writeFileSync(path, bytes);
      const failure = await failureOf(openWith({ verify: true }));
      expect(failure, `byte ${at}`).toMatchObject({ kind: 'damaged', offset: section?.offset });
      expect(String(failure)).toMatch(/the checksum of section 5 is wrong/);
    }
  });

  it('makes the file too short wherever it is cut', async () => {
    await create(() => source()).save(path);
    const section = await sectionOf();
    const intact = readFileSync(path);
    const [offset, byteLength] = [section?.offset ?? NaN, section?.byteLength ?? NaN];
    for (const at of [-1, 0, 1, 24, HEAD_BYTES, PAGE, PAGE + 100, 10 * PAGE, byteLength - 1]) {
      writeFileSync(path, intact);
      truncateSync(path, offset + at);
      const failure = await failureOf(openWith());
      expect(failure, `${at} bytes`).toBeInstanceOf(FileError);
      expect(failure, `${at} bytes`).toMatchObject({ kind: 'truncated' });
    }
  });
});

it('writes no companion for rows of which no backend knows', async () => {
  await saveMatrix(create().pin(), path, { companion: 'codes' });
  expect(await sectionOf()).toBeUndefined();
});
