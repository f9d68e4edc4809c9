import { decodeDelta } from './delta.js';
import { decodeHybrid } from './hybrid.js';
import type { ParquetLeaf } from './parquet-footer.js';

/** Values of a page that are not null. Bytes are views of the page. */
export type PageValues = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | readonly Uint8Array[];

export const ENCODINGS = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  delta: 5,
  deltaLength: 6,
  deltaBytes: 7,
  dictionary: 8,
  byteStreamSplit: 9,
} as const;

/** Bytes of one page after its prefixes are filled in. */
const MAX_EXPANDED_BYTES = 2 ** 28;

/**
 * Decodes `count` values. A FIXED_LEN_BYTE_ARRAY becomes one array with all bytes; a BOOLEAN becomes 0 or 1.
 *
 * @throws Error if the bytes are damaged or have fewer values
 */
export function decodeValues(
  leaf: ParquetLeaf,
  encoding: number,
  bytes: Uint8Array,
  count: number,
  dictionary: PageValues | undefined,
): PageValues {
  switch (encoding) {
    case ENCODINGS.plain:
      return decodePlain(leaf, bytes, count);
    case ENCODINGS.plainDictionary:
    case ENCODINGS.dictionary:
      if (dictionary === undefined) throw new Error('values of a dictionary that is not there');
      return pick(leaf, dictionary, decodeIndices(bytes, count));
    case ENCODINGS.rle: {
      if (leaf.type !== 'BOOLEAN') throw new Error(`runs of ${leaf.type}`);
      const output = new Uint8Array(count);
      decodeHybrid(bytes, 4, bytes.length, 1, output);
      return output;
    }
    case ENCODINGS.delta: {
      const { values } = decodeDelta(bytes, 0, count);
      if (leaf.type === 'INT64') return values;
      if (leaf.type === 'INT32') return Int32Array.from(values, (value) => Number(BigInt.asIntN(32, value)));
      throw new Error(`packed differences of ${leaf.type}`);
    }
    case ENCODINGS.deltaLength:
    case ENCODINGS.deltaBytes:
      if (leaf.type !== 'BYTE_ARRAY') throw new Error(`prefixes of ${leaf.type}`);
      return encoding === ENCODINGS.deltaLength ? decodeDeltaLength(bytes, 0, count) : decodeDeltaBytes(bytes, count);
    case ENCODINGS.byteStreamSplit:
      return decodeSplit(leaf, bytes, count);
    default:
      throw new Error(`the unknown encoding ${encoding}`);
  }
}

/** Bytes of a value, or undefined if values differ in length. */
function widthOfType({ type, typeLength }: ParquetLeaf): number | undefined {
  if (type === 'INT32' || type === 'FLOAT') return 4;
  if (type === 'INT64' || type === 'DOUBLE') return 8;
  return type === 'FIXED_LEN_BYTE_ARRAY' && typeLength > 0 ? typeLength : undefined;
}

function decodePlain(leaf: ParquetLeaf, bytes: Uint8Array, count: number): PageValues {
  const width = widthOfType(leaf);
  if (width !== undefined) {
    if (count * width > bytes.length) throw new Error(`${count} values in ${bytes.length} bytes`);
    const own = new Uint8Array(count * width);
    own.set(bytes.subarray(0, own.length));
    return viewOf(leaf, own);
  }
  if (leaf.type === 'BOOLEAN') {
    if (count > bytes.length * 8) throw new Error(`${count} values in ${bytes.length} bytes`);
    return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3] >> (i & 7)) & 1);
  }
  if (leaf.type !== 'BYTE_ARRAY') throw new Error(`values of ${leaf.type}`);
  if (count > bytes.length / 4) throw new Error(`${count} values in ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: Uint8Array[] = [];
  for (let position = 0; values.length < count;) {
    const end = position + 4 + view.getUint32(position, true);
    if (end > bytes.length) throw new Error('a value beyond the end');
    values.push(bytes.subarray(position + 4, end));
    position = end;
  }
  return values;
}

/** The array of the type over bytes that start a buffer of their own. */
function viewOf({ type }: ParquetLeaf, bytes: Uint8Array): PageValues {
  const { buffer, byteOffset, byteLength } = bytes;
  if (type === 'FLOAT') return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (type === 'DOUBLE') return new Float64Array(buffer, byteOffset, byteLength / 8);
  if (type === 'INT32') return new Int32Array(buffer, byteOffset, byteLength / 4);
  return type === 'INT64' ? new BigInt64Array(buffer, byteOffset, byteLength / 8) : bytes;
}

function decodeIndices(bytes: Uint8Array, count: number): Uint32Array {
  const indices = new Uint32Array(count);
  if (count === 0) return indices;
  if (bytes.length === 0) throw new Error('indices without their width');
  decodeHybrid(bytes, 1, bytes.length, bytes[0], indices);
  return indices;
}

function pick(leaf: ParquetLeaf, dictionary: PageValues, indices: Uint32Array): PageValues {
  const width = leaf.type === 'FIXED_LEN_BYTE_ARRAY' ? leaf.typeLength : 1;
  const entries = dictionary.length / width;
  for (let i = 0; i < indices.length; i++) {
    if (indices[i] >= entries) throw new Error(`entry ${indices[i]} of a dictionary of ${entries}`);
  }
  if (Array.isArray(dictionary)) return Array.from(indices, (index) => (dictionary as readonly Uint8Array[])[index]);
  const from = dictionary as Float32Array;
  const output = new (dictionary.constructor as Float32ArrayConstructor)(indices.length * width);
  for (let i = 0; i < indices.length; i++) {
    for (let part = 0; part < width; part++) output[i * width + part] = from[indices[i] * width + part];
  }
  return output;
}

function decodeDeltaLength(bytes: Uint8Array, start: number, count: number): readonly Uint8Array[] {
  const { values: lengths, end } = decodeDelta(bytes, start, count);
  let position = end;
  return Array.from(lengths, (length) => {
    const from = position;
    position += Number(length);
    if (length < 0n || position > bytes.length) throw new Error('a value beyond the end');
    return bytes.subarray(from, position);
  });
}

function decodeDeltaBytes(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const { values: prefixes, end } = decodeDelta(bytes, 0, count);
  const suffixes = decodeDeltaLength(bytes, end, count);
  let total = 0;
  let last: Uint8Array = new Uint8Array(0);
  return suffixes.map((suffix, i) => {
    const prefix = Number(prefixes[i]);
    if (prefix < 0 || prefix > last.length) throw new Error('a prefix that the value before does not have');
    total += prefix + suffix.length;
    // A few bytes may repeat a long prefix many times.
    if (total > MAX_EXPANDED_BYTES) throw new Error(`a page with more than ${MAX_EXPANDED_BYTES} bytes of text`);
    if (prefix === 0) return (last = suffix);
    const value = new Uint8Array(prefix + suffix.length);
    value.set(last.subarray(0, prefix));
    value.set(suffix, prefix);
    return (last = value);
  });
}

/** The first bytes of all values, then the second ones, and so on. */
function decodeSplit(leaf: ParquetLeaf, bytes: Uint8Array, count: number): PageValues {
  const width = widthOfType(leaf);
  if (width === undefined) throw new Error(`split bytes of ${leaf.type}`);
  if (count * width > bytes.length) throw new Error(`${count} values in ${bytes.length} bytes`);
  const joined = new Uint8Array(count * width);
  for (let part = 0; part < width; part++) {
    for (let i = 0; i < count; i++) joined[i * width + part] = bytes[part * count + i];
  }
  return viewOf(leaf, joined);
}
