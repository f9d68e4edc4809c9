import { crc32 } from 'node:zlib';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { expect, it } from 'vitest';
import { describeFile } from '../src/file/describe-file.js';
import { openMatrix } from '../src/file/open-matrix.js';
import { saveMatrix } from '../src/file/save-matrix.js';
import { FileError, StoredMatrix } from '../src/index.js';
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
  return files;
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
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const view = new DataView(bytes.buffer);
    // The header's fields, its sections, a record, or anything.
    const place = below(4);
    const start =
      place === 0 ? 0 : place === 1 ? 64 : place === 2 && records.length > 0 ? records[below(records.length)] : 0;
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
  if (below(2) === 0) repair(bytes, records);
  return bytes;
}

function repair(bytes: Uint8Array, records: readonly number[]): void {
  const view = new DataView(bytes.buffer);
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
    const options = { writable: below(4) === 0, verify: below(2) === 0 };
    try {
      const description = await describeFile(PATH, {}, system);
      await using matrix = await openMatrix(PATH, options, system);
      // An intact file may be described as it is opened, and every row can be read.
      if (matrix.rows !== description.rows || matrix.values.length !== matrix.rows * matrix.dimensions) {
        throw new Error(`expected ${description.rows} rows, got ${matrix.rows}`);
      }
      if (matrix.rows > 0) matrix.row(matrix.rows - 1);
      if (matrix.liveRows < 0 || matrix.liveRows > matrix.rows) throw new Error(`${matrix.liveRows} live rows`);
      if (options.writable) await matrix.append(new Float32Array(matrix.dimensions));
      count('opened');
    } catch (error) {
      if (!(error instanceof FileError)) throw new Error(`file ${i}: ${String(error)}`, { cause: error });
      count(error.kind);
    }
  }
  tellCount('R12', FILES);
  expect([...kinds.keys()].sort()).toEqual(['damaged', 'foreign', 'opened', 'truncated', 'unsupported']);
  for (const [kind, files] of kinds) expect(files, kind).toBeGreaterThan(FILES / 1000);
}, 3_600_000);
