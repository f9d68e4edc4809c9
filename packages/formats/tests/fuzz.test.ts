import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';
import { InputFile } from '../src/files/input-file.js';
import { formatOf, formatOfPath } from '../src/formats.js';
import { FORMAT_ERROR_KINDS, FormatError, openVectors, type OpenOptions, type VectorFormat } from '../src/index.js';
import { openInput } from '../src/open-vectors.js';
import { fixture } from './read-all.js';
import { temporaryFolder } from './temporary-folder.js';

// Mutations of valid files of every format: each is read, or is a FormatError; never another error, a hang, or memory beyond a bound.

const MUTATIONS = effort({ test: 8000, ci: 1_000_000, nightly: 10_000_000 });
const SEED = seedOr(12);
/** Every so often the bytes are a file on disk, and not only in memory. */
const CASES_PER_FILE = 100;
/** Far above what any of these small files needs, and far below what their lengths can ask for. */
const MAX_BUFFERED_BYTES = 2 ** 29;

let state = SEED >>> 0;
function below(bound: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * bound);
}
const oneOf = <T>(values: readonly T[]): T => values[below(values.length)];

interface Sample {
  readonly name: string;
  readonly format: VectorFormat;
  readonly bytes: Buffer;
}

const vecs = (elements: Uint8Array): Buffer => {
  const row = Buffer.concat([Buffer.from([4, 0, 0, 0]), elements]);
  return Buffer.concat([row, row, row]);
};
const SAMPLES: readonly Sample[] = [
  ...readdirSync(fixture('.'))
    .sort()
    .flatMap((name) => {
      const format = formatOfPath(name);
      return format === undefined ? [] : [{ name, format, bytes: readFileSync(fixture(name)) }];
    }),
  { name: 'v.fvecs', format: 'fvecs', bytes: vecs(new Uint8Array(16)) },
  { name: 'v.bvecs', format: 'bvecs', bytes: vecs(new Uint8Array(4)) },
  { name: 'v.ivecs', format: 'ivecs', bytes: vecs(new Uint8Array(16)) },
];

const LIES = [0, 1, -1, 2, 255, 256, 2 ** 15, 2 ** 16, 2 ** 24, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 32 - 1];
const LONG_LIES = [0n, -1n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n];
const BYTES = [0, 1, 0x7f, 0x80, 0xff, 0x0f, 0xf0, 0x20, 0x2c, 0x27, 0x22, 0x5b, 0x7b, 0x39];

/** Most of what can be wrong is at the beginning and at the end. */
function somewhere(length: number): number {
  if (length === 0) return 0;
  return oneOf([
    () => below(length),
    () => below(Math.min(length, 160)),
    () => length - 1 - below(Math.min(length, 700)),
  ])();
}

function mutate(bytes: Buffer): Buffer {
  const at = somewhere(bytes.length);
  const length = 1 + below(Math.max(1, Math.min(64, bytes.length - at)));
  switch (below(9)) {
    case 0:
    case 1:
      for (let i = 1 + below(4); i > 0; i--) bytes[somewhere(bytes.length)] ^= 1 << below(8);
      return bytes;
    case 2:
      bytes[at] = oneOf(BYTES);
      return bytes;
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
    case 6: {
      const other = oneOf(SAMPLES).bytes;
      const from = somewhere(other.length);
      bytes.set(other.subarray(from, from + Math.min(length, bytes.length - at)), at);
      return bytes;
    }
    case 7:
      if (bytes.length >= 4) bytes.writeInt32LE(oneOf(LIES) | 0, Math.min(at, bytes.length - 4));
      return bytes;
    default:
      if (bytes.length >= 8)
        bytes.writeBigInt64LE(BigInt.asIntN(64, oneOf(LONG_LIES)), Math.min(at & ~7, bytes.length - 8));
      return bytes;
  }
}

function inMemory(name: string, bytes: Buffer): InputFile {
  const read = async (target: Uint8Array, offset: number, length: number, position: number) => {
    const part = bytes.subarray(position, position + length);
    target.set(part, offset);
    return { bytesRead: part.length };
  };
  return new InputFile(name, { read, close: async () => {} }, bytes.length);
}

function optionsFor(format: VectorFormat): OpenOptions {
  if (format === 'arrow' || format === 'parquet') {
    return oneOf<OpenOptions>([
      {},
      { columns: ['id'] },
      { columns: ['id', 'number', 'tenant', 'flag', 'score'] },
      { column: 'vector' },
    ]);
  }
  return format === 'safetensors'
    ? { tensor: oneOf([undefined, 'a', 'b', 'embeddings']) }
    : { allowSingle: below(2) === 0 };
}

/** Reads everything and compares it with the bytes where they tell. Returns the number of rows. */
async function readEverything(bytes: Buffer, file: Awaited<ReturnType<typeof openInput>>): Promise<number> {
  let rows = 0;
  for await (const batch of file.batches({ maxRows: oneOf([undefined, 1, 4, 5]) })) {
    expect(batch.start).toBe(rows);
    expect(batch.raw.length).toBe(batch.rows * file.dimensions);
    expect(batch.toFloat32().length).toBe(batch.raw.length);
    for (const values of batch.columns.values()) expect(values.length).toBe(batch.rows);
    const raw = Buffer.from(batch.raw.buffer, batch.raw.byteOffset, batch.raw.byteLength);
    if (file.format === 'safetensors') expect(bytes.includes(raw)).toBe(true);
    if (file.format === 'npy' && !String(file.details['numpyDtype']).startsWith('>'))
      expect(bytes.includes(raw)).toBe(true);
    rows += batch.rows;
  }
  if (file.rows !== undefined) expect(rows).toBe(file.rows);
  return rows;
}

function expectFormatError(error: unknown, bytes: Buffer): void {
  if (!(error instanceof FormatError)) throw error;
  expect(FORMAT_ERROR_KINDS).toContain(error.kind);
  expect(error.kind).not.toBe('inaccessible');
  // eslint-disable-next-line no-control-regex -- there must be none
  expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u);
  expect(error.message.length).toBeLessThan(2000);
  if (error.offset === undefined) return;
  expect(
    Number.isInteger(error.offset) && error.offset >= 0 && error.offset <= bytes.length,
    `offset ${error.offset}`,
  ).toBe(true);
}

test(
  `${MUTATIONS} mutated files are read or cause a FormatError (seed ${SEED})`,
  { timeout: 6 * 3_600_000 },
  async () => {
    const folder = await temporaryFolder();
    const counts = { read: 0, refused: 0 };
    for (let i = 0; i < MUTATIONS; i++) {
      const { name, format, bytes: original } = oneOf(SAMPLES);
      const before = state;
      let bytes: Buffer = Buffer.from(original);
      for (let count = 1 + below(3); count > 0; count--) bytes = mutate(bytes);
      const options = { ...optionsFor(format), format };
      try {
        if (i % CASES_PER_FILE === 0) {
          const path = join(folder, name);
          await writeFile(path, bytes);
          await using file = await openVectors(path, options);
          await readEverything(bytes, file);
        } else {
          if (i % 10 === 1)
            await formatOf(format)
              .list(inMemory(name, bytes))
              .catch((error: unknown) => expectFormatError(error, bytes));
          await using file = await openInput(inMemory(name, bytes), options);
          await readEverything(bytes, file);
        }
        counts.read += 1;
      } catch (error) {
        try {
          expectFormatError(error, bytes);
        } catch (cause) {
          throw new Error(`case ${i} of ${name} (state ${before}): ${String(cause)}`, { cause });
        }
        counts.refused += 1;
      }
      if (i % 500 === 0) expect(process.memoryUsage().arrayBuffers).toBeLessThan(MAX_BUFFERED_BYTES);
    }
    // Both must occur often, or the mutations are too weak or too strong.
    expect(counts.read).toBeGreaterThan(MUTATIONS / 50);
    expect(counts.refused).toBeGreaterThan(MUTATIONS / 4);
    tellCount('R12', MUTATIONS);
  },
);
