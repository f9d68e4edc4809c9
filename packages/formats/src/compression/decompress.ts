import zlib from 'node:zlib';
import { reasonOf, type InputFile } from '../files/input-file.js';
import { decompressLz4Block, decompressLz4Frame } from './lz4.js';
import { decompressSnappy } from './snappy.js';
import { canDecompressZstd, decompressZstd, ZSTD_REMEDY } from './zstd.js';

/** Compressions of Arrow and Parquet. */
export type Codec = 'none' | 'snappy' | 'gzip' | 'brotli' | 'zstd' | 'lz4-frame' | 'lz4-block';

/** Decompressed at once, in memory. */
const MAX_BYTES = 2 ** 29;

/**
 * Decompresses bytes from a file.
 *
 * @param length of the result, as the file says: checked against what the compressed bytes can hold before anything is allocated
 * @param offset of the compressed bytes, for errors
 * @throws FormatError
 */
export function decompress(
  file: InputFile,
  codec: Codec,
  input: Uint8Array,
  length: number,
  offset: number,
): Uint8Array {
  if (codec === 'zstd' && !canDecompressZstd()) throw file.error('missing-package', ZSTD_REMEDY);
  if (length > MAX_BYTES) {
    const problem = `${length} bytes that must be decompressed at once, expected at most ${MAX_BYTES}; write smaller batches or pages`;
    throw file.error('too-large', problem, offset);
  }
  try {
    return decompressWith(codec, input, length);
  } catch (cause) {
    throw file.error('damaged', `the ${codec} data cannot be decompressed (${reasonOf(cause)})`, offset, cause);
  }
}

function decompressWith(codec: Codec, input: Uint8Array, length: number): Uint8Array {
  switch (codec) {
    case 'none':
      return requireLength(input, length);
    case 'snappy':
      return decompressSnappy(input, length);
    case 'gzip':
      return requireLength(zlib.gunzipSync(input, { maxOutputLength: Math.max(1, length) }), length);
    case 'brotli':
      return requireLength(zlib.brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }), length);
    case 'zstd':
      return decompressZstd(input, length);
    case 'lz4-frame':
      return decompressLz4Frame(input, length);
    case 'lz4-block':
      return decompressLz4Block(input, length);
  }
}

function requireLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new Error(`${bytes.length} bytes, expected ${length}`);
  return bytes;
}
