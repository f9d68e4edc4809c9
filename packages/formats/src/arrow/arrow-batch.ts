import { decompress, type Codec } from '../compression/decompress.js';
import type { InputFile } from '../files/input-file.js';
import type { ArrowMessage } from './arrow-messages.js';
import type { ArrowField } from './arrow-schema.js';
import type { FlatTable } from './flat-table.js';

/** A column of one batch: where its buffers are. */
export interface ArrowColumn {
  readonly field: ArrowField;
  /** Number of values. */
  readonly length: number;
  readonly nullCount: number;
  readonly buffers: readonly ArrowBuffer[];
  readonly children: readonly ArrowColumn[];
}

/** A buffer of a column. Reads are checked against its length. */
export interface ArrowBuffer {
  readonly length: number;
  read(position: number, bytes: number): Promise<Uint8Array>;
}

/** Of BodyCompression in Message.fbs. */
const CODECS: readonly Codec[] = ['lz4-frame', 'zstd'];

/** Finds the columns of a record batch. */
export function readArrowBatch(
  file: InputFile,
  message: ArrowMessage,
  batch: FlatTable,
  fields: readonly ArrowField[],
): { readonly rows: number; readonly columns: readonly ArrowColumn[] } {
  const { offset } = message;
  const rows = batch.int64(0, 0);
  if (rows < 0) throw file.error('damaged', `a batch of ${rows} rows`, offset);
  const nodes = batch.pairs(1);
  const regions = batch.pairs(2);
  const variadicCounts = batch.int64s(4);
  const compression = batch.table(3);
  const codec = compression === undefined ? undefined : CODECS[compression.int8(0, 0)];
  if (compression !== undefined && codec === undefined) {
    throw file.error('unsupported', 'an unknown compression, expected LZ4 or Zstandard', offset);
  }
  let [nextNode, nextBuffer, nextVariadic] = [0, 0, 0];

  const columnOf = (field: ArrowField): ArrowColumn => {
    if (nextNode >= nodes.length) throw file.error('damaged', 'a batch with fewer columns than its schema', offset);
    const [length, nullCount] = nodes.at(nextNode++);
    if (length < 0) throw file.error('damaged', `a column of ${length} values`, offset);
    const variadic = field.layout.kind === 'view' ? (variadicCounts[nextVariadic++] ?? 0) : 0;
    const count = field.ownBuffers + variadic;
    if (!(variadic >= 0 && nextBuffer + count <= regions.length)) {
      throw file.error('damaged', 'a batch with fewer buffers than its columns need', offset);
    }
    const first = nextBuffer;
    nextBuffer += count;
    const buffers = Array.from({ length: count }, (_, index) =>
      bufferOf(file, message, regions.at(first + index), codec),
    );
    return { field, length, nullCount, buffers, children: field.children.map(columnOf) };
  };
  const columns = fields.map(columnOf);
  for (const column of columns) {
    if (column.length !== rows)
      throw file.error('damaged', `a column of ${column.length} values in a batch of ${rows} rows`, offset);
  }
  return { rows, columns };
}

function bufferOf(
  file: InputFile,
  { offset, bodyStart, bodyBytes }: ArrowMessage,
  [start, length]: readonly [number, number],
  codec: Codec | undefined,
): ArrowBuffer {
  if (!(start >= 0 && length >= 0 && start + length <= bodyBytes)) {
    throw file.error('damaged', `a buffer of ${length} bytes at ${start} in a body of ${bodyBytes}`, offset);
  }
  const position = bodyStart + start;
  const plain: ArrowBuffer = {
    length,
    read(from, bytes) {
      requireInside(file, from, bytes, length, position);
      return file.read(position + from, bytes, 'a buffer');
    },
  };
  return codec === undefined || length === 0 ? plain : compressedBuffer(file, plain, position, codec);
}

/** A buffer that is decompressed at the first read. It begins with the length of the result, or -1 if it is not compressed. */
function compressedBuffer(file: InputFile, stored: ArrowBuffer, position: number, codec: Codec): ArrowBuffer {
  const PREFIX = 8;
  let whole: Promise<Uint8Array> | undefined;
  const load = async (): Promise<Uint8Array> => {
    const bytes = await stored.read(0, stored.length);
    if (bytes.length < PREFIX) throw file.error('damaged', 'a compressed buffer without its length', position);
    const length = Number(new DataView(bytes.buffer).getBigInt64(0, true));
    if (length === -1) return bytes.subarray(PREFIX);
    if (length < 0) throw file.error('damaged', `a compressed buffer of ${length} bytes`, position);
    return length === 0 ? new Uint8Array(0) : decompress(file, codec, bytes.subarray(PREFIX), length, position);
  };
  return {
    // Known only when it is decompressed; reads are checked then.
    length: Infinity,
    async read(from, bytes) {
      const all = await (whole ??= load());
      requireInside(file, from, bytes, all.length, position);
      return Uint8Array.from(all.subarray(from, from + bytes));
    },
  };
}

function requireInside(file: InputFile, from: number, bytes: number, length: number, position: number): void {
  if (from >= 0 && bytes >= 0 && from + bytes <= length) return;
  throw file.error('damaged', `a column needs bytes ${from} to ${from + bytes} of a buffer of ${length}`, position);
}
