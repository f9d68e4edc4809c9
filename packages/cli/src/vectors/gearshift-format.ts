import { existsSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import {
  convertBatches,
  FormatError,
  VectorBatch,
  type ElementType,
  type FormatErrorKind,
  type RawValues,
} from '@gearshift/formats';
import { describeFile, saveRows, type FileDescription } from '@gearshift/storage';
import { createExecutor, FileError, type Dtype, type Elements, type FileErrorKind, type OwnedMatrix } from 'gearshift';
import type { FileFormat, OpenVectors } from './file-format.js';

const NAME = 'gearshift';
const DTYPES: readonly ElementType[] = ['float32', 'float16', 'bfloat16', 'int8'] satisfies Dtype[];
/** Bytes of a batch, unless `maxRows` asks for another size. */
const BATCH_BYTES = 4 * 2 ** 20;
/** The first bytes of a file. */
const MAGIC = Uint8Array.of(0x89, 0x47, 0x53, 0x48);

const KINDS: Readonly<Record<FileErrorKind, FormatErrorKind>> = {
  foreign: 'foreign',
  unsupported: 'unsupported',
  truncated: 'truncated',
  damaged: 'damaged',
  locked: 'inaccessible',
  'not-durable': 'inaccessible',
  system: 'inaccessible',
};

/** The files of `matrix.save()`. Removed rows are left out. */
export const GEARSHIFT_FORMAT: FileFormat = {
  name: NAME,
  hasCodes: true,
  matches: (path) => extname(path).toLowerCase() === '.gearshift',
  open: (path) => asFormatError(path, () => openFile(path)),
  list: (path) =>
    asFormatError(path, async () => {
      const { dtype, rows, dimensions } = await describeFile(path);
      return [{ name: undefined, type: dtype, shape: [rows, dimensions] }];
    }),
  write: (path, source, options) =>
    asFormatError(path, async () => {
      const { scale: given, overwrite = false, codes = false, temporaryPath, signal, onProgress } = options;
      const { dimensions } = source;
      const dtype = options.dtype ?? (DTYPES.includes(source.dtype) ? source.dtype : 'float32');
      if (!isDtype(dtype)) throw new RangeError(`dtype: expected ${DTYPES.join(', ')} for ${NAME}, got '${dtype}'`);
      if (!overwrite && existsSync(path)) throw new FormatError('exists', 'the file exists already', { path });
      const scale = dtype === 'int8' ? Math.fround(given ?? source.scale ?? 1) : undefined;
      let done = 0;
      let overflowCount = 0;
      const pieces = async function* () {
        for await (const batch of convertBatches(source, { dtype, scale }, signal)) {
          yield batch.elements as Elements;
          overflowCount += batch.overflowCount;
          done += batch.elements.length / dimensions;
          onProgress?.(done);
        }
      };
      const rows = await saveRows(path, { dimensions, dtype, scale, pieces: pieces() }, { temporaryPath, signal });
      if (codes) await addCodes(path, signal);
      const { size } = await stat(path);
      const written = { format: NAME, rows, dimensions, dtype, scale: scale ?? 1, sizeBytes: size, overflowCount };
      return codes ? { ...written, codeBytes: companionBytesOf(await describeFile(path)) } : written;
    }),
};

/** Writes a file anew, with codes if they save time. */
async function addCodes(path: string, signal: AbortSignal | undefined): Promise<void> {
  const executor = await createExecutor({ backends: ['cpu'] });
  try {
    const matrix = await executor.open(path);
    await matrix.save(path, { companion: 'codes', signal });
    await matrix[Symbol.asyncDispose]();
  } finally {
    await executor.close();
  }
}

function companionBytesOf({ sections }: FileDescription): number {
  return sections.find(({ name }) => name === 'companion')?.byteLength ?? 0;
}

/** Whether the first bytes of a file say that it has this format. */
export async function isGearshiftFile(path: string): Promise<boolean> {
  try {
    await using file = await open(path);
    const bytes = new Uint8Array(MAGIC.length);
    await file.read(bytes, 0, bytes.length, 0);
    return MAGIC.every((byte, i) => byte === bytes[i]);
  } catch {
    return false; // Whatever reads it next says why it cannot be read.
  }
}

async function openFile(path: string): Promise<OpenVectors> {
  const description = await describeFile(path);
  const { formatVersion, version, byteLength, changes, incompleteBytes, writer } = description;
  const companionBytes = companionBytesOf(description);
  const executor = await createExecutor({ backends: ['cpu'] });
  try {
    const matrix = await executor.open(path, { verify: true });
    const { dimensions, dtype = 'float32', scale = 1, liveRows } = matrix;
    const shape = { dimensions, dtype, scale };
    return {
      ...shape,
      format: NAME,
      rows: liveRows,
      sizeBytes: byteLength,
      details: {
        formatVersion,
        matrixVersion: version,
        removedRows: matrix.rows - liveRows,
        changes: changes.commits,
        ...(companionBytes > 0 && { companionBytes }),
        ...(incompleteBytes > 0 && { incompleteBytes }),
        ...(writer !== undefined && { writer }),
      },
      batches: (options) => batchesOf(matrix, shape, options?.maxRows),
      async [Symbol.asyncDispose]() {
        await matrix[Symbol.asyncDispose]();
        await executor.close();
      },
    };
  } catch (error) {
    await executor.close();
    throw error;
  }
}

async function* batchesOf(
  matrix: OwnedMatrix,
  shape: { readonly dimensions: number; readonly dtype: Dtype; readonly scale: number },
  maxRows: number | undefined,
): AsyncGenerator<VectorBatch, void> {
  const { dimensions } = shape;
  const { rows, removed, values } = matrix;
  const atMost = maxRows ?? Math.max(1, Math.floor(BATCH_BYTES / (dimensions * values.BYTES_PER_ELEMENT)));
  let written = 0;
  for (let start = 0; start < rows; start += atMost) {
    const end = Math.min(rows, start + atMost);
    let raw: RawValues = values.slice(start * dimensions, end * dimensions);
    if (removed !== undefined) {
      let live = 0;
      for (let row = start; row < end; row++) {
        if ((removed.words[row >>> 5] & (1 << (row & 31))) !== 0) continue;
        raw.copyWithin(live * dimensions, (row - start) * dimensions, (row - start + 1) * dimensions);
        live += 1;
      }
      raw = raw.subarray(0, live * dimensions);
    }
    if (raw.length > 0) yield new VectorBatch(shape, written, raw);
    written += raw.length / dimensions;
  }
}

function isDtype(dtype: ElementType): dtype is Dtype {
  return DTYPES.includes(dtype);
}

/** Errors of files as those that all formats have. */
async function asFormatError<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const { kind, offset, code, message } = error;
    const problem = message.slice(error.path.length + 2).replace(/^at byte \d+: /, '');
    const isFolder = code === 'EISDIR';
    const place = { path, format: NAME, offset };
    throw new FormatError(isFolder ? 'not-a-file' : KINDS[kind], problem, place, { cause: error });
  }
}
