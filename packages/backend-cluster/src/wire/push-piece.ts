import { createHash } from 'node:crypto';

/*
 * A piece of a shard is little-endian: 0 magic u32 | 4 index u32 | 8 load f64 | 16 SHA-256 of load, index and contents, 32 bytes | 48 contents
 */
export const PIECE_HEADER_BYTES = 48;
const MAGIC = 0x3150_5347;
const DIGEST_BYTES = 32;

export interface PushPiece {
  /** Of the order that it belongs to. */
  readonly load: number;
  readonly index: number;
  /** May be a view of the message. */
  readonly contents: Uint8Array;
}

export function encodePiece({ load, index, contents }: PushPiece): Uint8Array {
  const bytes = new Uint8Array(PIECE_HEADER_BYTES + contents.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, index, true);
  view.setFloat64(8, load, true);
  bytes.set(contents, PIECE_HEADER_BYTES);
  bytes.set(digestOf(bytes), 16);
  return bytes;
}

/** @returns or what is wrong with the bytes */
export function decodePiece(bytes: Uint8Array): PushPiece | string {
  if (bytes.byteLength <= PIECE_HEADER_BYTES) return `${bytes.byteLength} bytes are no piece`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return 'another magic number than that of a piece';
  const load = view.getFloat64(8, true);
  if (!Number.isSafeInteger(load)) return 'a load that is no integer';
  const digest = digestOf(bytes);
  if (digest.some((byte, i) => byte !== bytes[16 + i])) return 'the digest does not fit the contents';
  return { load, index: view.getUint32(4, true), contents: bytes.subarray(PIECE_HEADER_BYTES) };
}

/** Everything except for the digest itself. */
function digestOf(bytes: Uint8Array): Uint8Array {
  const hash = createHash('sha256');
  hash.update(bytes.subarray(0, 16));
  hash.update(bytes.subarray(16 + DIGEST_BYTES));
  return hash.digest();
}
