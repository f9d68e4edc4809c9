import { decompress, type Codec } from '../compression/decompress.js';
import type { InputFile } from '../files/input-file.js';
import { decodeHybrid, widthOf } from './hybrid.js';
import { attempt, type ColumnChunk, type ParquetLeaf } from './parquet-footer.js';
import { decodeValues, ENCODINGS, type PageValues } from './parquet-values.js';
import { ThriftReader } from './thrift.js';

/** The levels and the values of a page. Levels are undefined where they can only be 0. */
export interface ParquetPage {
  /** With nulls. */
  readonly count: number;
  readonly definitions: Uint8Array | undefined;
  readonly repetitions: Uint8Array | undefined;
  /** Without nulls. */
  readonly values: PageValues;
  /** Position in the file, for errors. */
  readonly offset: number;
}

/** By their number in the format. */
const CODECS: readonly (Codec | undefined)[] = [
  'none',
  'snappy',
  'gzip',
  undefined,
  'brotli',
  undefined,
  'zstd',
  'lz4-block',
];

/** Pages of writers have about 1 MiB. */
const MAX_PAGE_VALUES = 2 ** 24;
/** Read at once: the header, and the data of small pages. */
const READ_BYTES = 2 ** 16;
const MAX_HEADER_BYTES = 2 ** 20;
const PAGE_TYPES = { data: 0, dictionary: 2, dataV2: 3 } as const;

interface PageHeader {
  type: number;
  uncompressedBytes: number;
  compressedBytes: number;
  count: number;
  encoding: number;
  levelEncodings: number[];
  nulls: number;
  definitionBytes: number;
  repetitionBytes: number;
  isCompressed: boolean;
}

/** The data pages of a column chunk, one at a time. @throws FormatError */
export async function* readPages(
  file: InputFile,
  leaf: ParquetLeaf,
  chunk: ColumnChunk,
): AsyncGenerator<ParquetPage, void> {
  const codec = CODECS[chunk.codec];
  if (codec === undefined) {
    throw file.error(
      'unsupported',
      `the compression ${chunk.codec}, expected none, Snappy, GZIP, Brotli, ZSTD or LZ4_RAW`,
      chunk.start,
    );
  }
  let dictionary: PageValues | undefined;
  let values = 0;
  for (let position = chunk.start; values < chunk.values;) {
    const { header, dataStart, data } = await readPage(file, position, chunk.end);
    const offset = position;
    position = dataStart + header.compressedBytes;
    if (header.type === PAGE_TYPES.dictionary) {
      const bytes = decompress(file, codec, data, header.uncompressedBytes, offset);
      dictionary = decode(file, offset, () => decodeValues(leaf, ENCODINGS.plain, bytes, header.count, undefined));
    } else if (header.type === PAGE_TYPES.data || header.type === PAGE_TYPES.dataV2) {
      requireCount(file, header.count, chunk.values - values, offset);
      values += header.count;
      const parts = header.type === PAGE_TYPES.data ? partsOfV1 : partsOfV2;
      const found = parts(file, leaf, header, data, codec, offset);
      const present = found.definitions === undefined ? header.count : countOf(found.definitions, leaf.maxDefinition);
      yield {
        ...{ count: header.count, offset, definitions: found.definitions, repetitions: found.repetitions },
        values: decode(file, offset, () => decodeValues(leaf, header.encoding, found.bytes, present, dictionary)),
      };
    }
  }
}

async function readPage(file: InputFile, position: number, end: number) {
  if (position >= end) throw file.error('damaged', 'a column with fewer values than its row group says', position);
  for (let bytes = READ_BYTES; ; bytes = MAX_HEADER_BYTES) {
    const first = await file.read(position, Math.min(bytes, end - position), 'a page');
    const header = emptyHeader();
    const reader = new ThriftReader(first);
    const problem = attempt(() => readHeader(reader, header));
    // The header may be longer, with its statistics.
    if (problem !== undefined && bytes < MAX_HEADER_BYTES && first.length === bytes) continue;
    if (problem !== undefined) throw file.error('damaged', `the header of a page is damaged (${problem})`, position);
    const dataStart = position + reader.position;
    const { compressedBytes, uncompressedBytes } = header;
    if (!(compressedBytes >= 0 && uncompressedBytes >= 0 && dataStart + compressedBytes <= end)) {
      throw file.error('damaged', `a page of ${compressedBytes} bytes beyond the end of its column`, position);
    }
    const inFirst = first.subarray(reader.position, reader.position + compressedBytes);
    const data = inFirst.length === compressedBytes ? inFirst : await file.read(dataStart, compressedBytes, 'a page');
    return { header, dataStart, data };
  }
}

function emptyHeader(): PageHeader {
  return {
    ...{ type: -1, uncompressedBytes: -1, compressedBytes: -1, count: -1, encoding: -1, levelEncodings: [] },
    ...{ nulls: 0, definitionBytes: 0, repetitionBytes: 0, isCompressed: true },
  };
}

function readHeader(reader: ThriftReader, header: PageHeader): void {
  const count = (): void => void (header.count = reader.int());
  const encoding = (): void => void (header.encoding = reader.int());
  const levels = (): void => void header.levelEncodings.push(reader.int());
  reader.struct({
    1: () => void (header.type = reader.int()),
    2: () => void (header.uncompressedBytes = reader.int()),
    3: () => void (header.compressedBytes = reader.int()),
    5: () => reader.struct({ 1: count, 2: encoding, 3: levels, 4: levels }),
    7: () => reader.struct({ 1: count, 2: encoding }),
    8: () =>
      reader.struct({
        1: count,
        2: () => void (header.nulls = reader.int()),
        4: encoding,
        5: () => void (header.definitionBytes = reader.int()),
        6: () => void (header.repetitionBytes = reader.int()),
        7: (_, type) => void (header.isCompressed = reader.boolean(type)),
      }),
  });
}

function requireCount(file: InputFile, count: number, left: number, offset: number): void {
  if (count > MAX_PAGE_VALUES) {
    throw file.error(
      'too-large',
      `a page of ${count} values, expected at most ${MAX_PAGE_VALUES}; write smaller pages`,
      offset,
    );
  }
  if (!(count >= 0 && count <= left))
    throw file.error('damaged', `a page of ${count} values, expected at most ${left}`, offset);
}

interface PageParts {
  readonly definitions: Uint8Array | undefined;
  readonly repetitions: Uint8Array | undefined;
  readonly bytes: Uint8Array;
}

/** Version 1: levels with their lengths and values, compressed together. */
function partsOfV1(
  file: InputFile,
  { maxDefinition, maxRepetition }: ParquetLeaf,
  { count, uncompressedBytes, levelEncodings }: PageHeader,
  data: Uint8Array,
  codec: Codec,
  offset: number,
): PageParts {
  const page = decompress(file, codec, data, uncompressedBytes, offset);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  let position = 0;
  const levels = (maximum: number, encoding: number): Uint8Array | undefined => {
    if (maximum === 0) return undefined;
    if (encoding !== ENCODINGS.rle) throw new Error(`levels in the encoding ${encoding}`);
    const start = position + 4;
    const end = start + view.getUint32(position, true);
    if (end > page.length) throw new Error('levels beyond the end of their page');
    position = end;
    const output = new Uint8Array(count);
    decodeHybrid(page, start, end, widthOf(maximum), output);
    return output;
  };
  return decode(file, offset, () => {
    const repetitions = levels(maxRepetition, levelEncodings[1]);
    const definitions = levels(maxDefinition, levelEncodings[0]);
    return { repetitions, definitions, bytes: page.subarray(position) };
  });
}

/** Version 2: levels that are not compressed, then values. */
function partsOfV2(
  file: InputFile,
  { maxDefinition, maxRepetition }: ParquetLeaf,
  { count, uncompressedBytes, definitionBytes, repetitionBytes, isCompressed }: PageHeader,
  data: Uint8Array,
  codec: Codec,
  offset: number,
): PageParts {
  const levelBytes = definitionBytes + repetitionBytes;
  if (!(definitionBytes >= 0 && repetitionBytes >= 0 && levelBytes <= data.length && levelBytes <= uncompressedBytes)) {
    throw file.error('damaged', `a page with ${levelBytes} bytes of levels, but only ${data.length} bytes`, offset);
  }
  const levels = (maximum: number, start: number, bytes: number): Uint8Array | undefined => {
    if (maximum === 0) return undefined;
    const output = new Uint8Array(count);
    decodeHybrid(data, start, start + bytes, widthOf(maximum), output);
    return output;
  };
  const rest = data.subarray(levelBytes);
  const length = uncompressedBytes - levelBytes;
  return decode(file, offset, () => ({
    repetitions: levels(maxRepetition, 0, repetitionBytes),
    definitions: levels(maxDefinition, repetitionBytes, definitionBytes),
    // No values may be no bytes, which is not valid compressed data.
    bytes: isCompressed && length > 0 ? decompress(file, codec, rest, length, offset) : rest,
  }));
}

function countOf(levels: Uint8Array, wanted: number): number {
  let count = 0;
  for (let i = 0; i < levels.length; i++) if (levels[i] === wanted) count += 1;
  return count;
}

function decode<T>(file: InputFile, offset: number, run: () => T): T {
  let result: { readonly value: T } | undefined;
  const problem = attempt(() => void (result = { value: run() }));
  if (result === undefined) throw file.error('damaged', `a page cannot be decoded (${problem ?? ''})`, offset);
  return result.value;
}
