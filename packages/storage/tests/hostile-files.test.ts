import { crc32 } from 'node:zlib';
import type { CompanionSource } from '@gearshift/contracts';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { expect, it } from 'vitest';
import { describeFile } from '../src/file/describe-file.js';
import { openMatrix } from '../src/file/open-matrix.js';
import { saveMatrix } from '../src/file/save-matrix.js';
import { FileError, StoredMatrix } from '../src/index.js';
import { mappingNative } from './fixtures/mapping-native.js';
import { MemoryFileSystem } from './fixtures/memory-file-system.js';
import { randomBelow } from './fixtures/random.js';

const FILES = effort({ test: 6000, ci: 100_000, nightly: 1_000_000 });
const SEED = seedOr(20_261_129);
const PATH = '/vectors.gearshift';
/** Numbers at which an unchecked length or offset goes wrong. */
const NUMBERS = [
  0n,
  1n,
  15n,
  16n,
  63n,
  64n,
  4095n,
  4096n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const RECORD_BYTES = 64;

/** Files with every kind of section and record. */
async function samples(): Promise<Uint8Array[]> {
  const files: Uint8Array[] = [];
  for (const dimensions of [1, 3, 200]) {
    const system = new MemoryFileSystem();
    const first = StoredMatrix.create(40, { dimensions }, (values) => values.fill(1));
    await first.remove([0, 39]);
    await saveMatrix(first.pin(), PATH, undefined, system);
    files.push(system.contentsOf(PATH).slice());
    const matrix = await openMatrix(PATH, { writable: true }, system);
    const row = new Float32Array(dimensions).fill(2);
    await Promise.all([matrix.append(row), matrix.update(1, row), matrix.remove([2, 40])]);
    await matrix.append(new Float32Array(dimensions * 3));
    await matrix.update({ start: 3, rows: new Float32Array(dimensions * 2) });
    await matrix.remove(5);
    files.push(system.contentsOf(PATH).slice());
  }
  const system = new MemoryFileSystem();
  const coded = StoredMatrix.create(40, { dimensions: 3 }, (values) => values.fill(1));
  await saveMatrix(coded.pin(), PATH, undefined, system, async () => COMPANION);
  const writer = await openMatrix(PATH, { writable: true }, system);
  await Promise.all([writer.append(new Float32Array(3)), writer.update(7, new Float32Array(3))]);
  files.push(system.contentsOf(PATH).slice());
  return files;
}

const COMPANION: CompanionSource = {
  description: new Uint8Array(8),
  bytesPerRow: [4, 12],
  read: (_, start, target) => (target.fill(start), true),
};
const COMPANION_HEAD_BYTES = 24 + 2 * 4 + 8 + 4;

/** Where the section of a companion begins in a file that is intact. */
function companionOf(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer);
  for (let at = 64; at < 64 + 32 * view.getUint32(52, true); at += 32) {
    if (view.getUint32(at, true) === 5) return Number(view.getBigUint64(at + 8, true));
  }
  return undefined;
}

/** Where records begin in a file that is intact. */
function recordsOf(file: Uint8Array): number[] {
  const view = new DataView(file.buffer);
  const offsets: number[] = [];
  for (let at = Number(view.getBigUint64(40, true)); at + RECORD_BYTES <= file.length;) {
    offsets.push(at);
    at += RECORD_BYTES + Math.ceil(Number(view.getBigUint64(at + 40, true)) / 16) * 16;
  }
  return offsets;
}

/** Damages a copy of a file, and repairs checksums half of the time, so that the checks behind them are reached too. */
function mutate(file: Uint8Array, below: (bound: number) => number): Uint8Array {
  let bytes = file.slice();
  const records = recordsOf(file);
  const companion = companionOf(file);
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const view = new DataView(bytes.buffer);
    // The header's fields, its sections, a record or the head of the companion, or anything.
    const place = below(4);
    const record = records.length > 0 ? records[below(records.length)] : 0;
    const inside = companion !== undefined && below(2) === 0 ? companion : record;
    const start = place === 1 ? 64 : place === 2 ? inside : 0;
    const at = place === 3 ? below(bytes.length) : Math.min(start + below(place === 1 ? 96 : 64), bytes.length - 1);
    switch (below(5)) {
      case 0:
        bytes[at] ^= 1 << below(8);
        break;
      case 1:
        if (at + 8 <= bytes.length) view.setBigUint64(at & ~3, NUMBERS[below(NUMBERS.length)], true);
        break;
      case 2:
        if (at + 4 <= bytes.length) view.setUint32(at & ~3, below(70), true);
        break;
      case 3: {
        const length = below(200);
        bytes.copyWithin(below(bytes.length), at, at + length);
        break;
      }
      default:
        if (below(4) === 0) bytes = bytes.slice(0, below(bytes.length + 1));
    }
    if (bytes.length === 0) return bytes;
  }
  if (below(2) === 0) repair(bytes, records, companion);
  return bytes;
}

function repair(bytes: Uint8Array, records: readonly number[], companion: number | undefined): void {
  const view = new DataView(bytes.buffer);
  if (companion !== undefined && companion + COMPANION_HEAD_BYTES <= bytes.length) {
    const head = bytes.subarray(companion, companion + COMPANION_HEAD_BYTES);
    view.setUint32(companion + head.length - 4, crc32(head.subarray(0, -4)), true);
  }
  if (bytes.length >= 4096) view.setUint32(4092, crc32(bytes.subarray(0, 4092)), true);
  let checksums: number[] = [];
  for (const at of records) {
    if (at + RECORD_BYTES > bytes.length) return;
    const length = Number(view.getBigUint64(at + 40, true));
    if (at + RECORD_BYTES + length <= bytes.length) {
      view.setUint32(at + 48, crc32(bytes.subarray(at + RECORD_BYTES, at + RECORD_BYTES + length)), true);
    }
    const isCommit = view.getUint32(at + 4, true) === 4;
    if (isCommit) view.setUint32(at + 56, crc32(new Uint8Array(Uint32Array.from(checksums).buffer)), true);
    view.setUint32(at + 60, crc32(bytes.subarray(at, at + 60)), true);
    checksums = isCommit ? [] : [...checksums, view.getUint32(at + 60, true)];
  }
}

it(`gives a matrix or a FileError for each of ${FILES} damaged files (seed ${SEED})`, async () => {
  const below = randomBelow(SEED);
  const files = await samples();
  const kinds = new Map<string, number>();
  const count = (kind: string) => kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  for (let i = 0; i < FILES; i++) {
    const bytes = mutate(files[below(files.length)], below);
    const system = new MemoryFileSystem({ [PATH]: bytes });
    const writable = below(4) === 0;
    // With native code the companion is read, which has changes of its own.
    const native = writable ? undefined : mappingNative();
    const options = { writable, verify: below(2) === 0, mode: 'copy', native } as const;
    try {
      const description = await describeFile(PATH, {}, system);
      await using matrix = await openMatrix(PATH, options, system);
      // An intact file may be described as it is opened, and every row can be read.
      if (matrix.rows !== description.rows || matrix.values.length !== matrix.rows * matrix.dimensions) {
        throw new Error(`expected ${description.rows} rows, got ${matrix.rows}`);
      }
      if (matrix.rows > 0) matrix.row(matrix.rows - 1);
      if (matrix.liveRows < 0 || matrix.liveRows > matrix.rows) throw new Error(`${matrix.liveRows} live rows`);
      const { companion } = matrix.stored;
      if (companion !== undefined) {
        const room = companion.memory.byteLength - companion.rows * 4;
        if (companion.offsets.some((offset) => offset > room)) throw new Error(`parts at ${companion.offsets.join()}`);
        if (companion.rows > matrix.rows) throw new Error(`a companion of ${companion.rows} rows`);
        count('opened with a companion');
      }
      if (options.writable) await matrix.append(new Float32Array(matrix.dimensions));
      count('opened');
    } catch (error) {
      if (!(error instanceof FileError)) throw new Error(`file ${i}: ${String(error)}`, { cause: error });
      count(error.kind);
    }
  }
  tellCount('R12', FILES);
  expect([...kinds.keys()].sort()).toEqual([
    'damaged',
    'foreign',
    'opened',
    'opened with a companion',
    'truncated',
    'unsupported',
  ]);
  for (const [kind, files] of kinds) expect(files, kind).toBeGreaterThan(FILES / 1000);
}, 3_600_000);
