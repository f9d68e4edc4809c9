import { crc32 } from 'node:zlib';
import { alignUp, getInteger, RECORD_ALIGNMENT, setInteger } from './file-header.js';

/*
 * Changes of the rows of a file: records behind its sections, in groups that a commit ends. docs/file-format.md describes every
 * byte.
 */

export const RECORD_BYTES = 64;
/** "GREC" */
const MAGIC = 0x4345_5247;

export const RECORD = { append: 1, update: 2, remove: 3, commit: 4 } as const;

/** The header of a record; its payload follows. */
export interface ChangeRecord {
  readonly type: number;
  /** Where the first record of the group begins. */
  readonly groupOffset: number;
  /** The version of the matrix with this change. */
  readonly version: number;
  /** The first row of an append or an update. */
  readonly start: number;
  /** Number of rows; in a commit the number of records before it. */
  readonly count: number;
  readonly payloadBytes: number;
  readonly payloadChecksum: number;
  /** In a commit: the checksum of the checksums of the records before it. */
  readonly groupChecksum: number;
}

/** A record that was read, with its own checksum. */
export interface ReadRecord extends ChangeRecord {
  readonly checksum: number;
}

export function encodeRecord(record: ChangeRecord, tag: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, record.type, true);
  setInteger(view, 8, record.groupOffset);
  setInteger(view, 16, record.version);
  setInteger(view, 24, record.start);
  setInteger(view, 32, record.count);
  setInteger(view, 40, record.payloadBytes);
  view.setUint32(48, record.payloadChecksum, true);
  view.setUint32(52, tag, true);
  view.setUint32(56, record.groupChecksum, true);
  view.setUint32(60, crc32(bytes.subarray(0, 60)), true);
  return bytes;
}

/** Undefined for anything but a complete record of this file. */
export function decodeRecord(bytes: Uint8Array, tag: number): ReadRecord | undefined {
  if (bytes.length < RECORD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(52, true) !== tag) return undefined;
  const checksum = view.getUint32(60, true);
  if (crc32(bytes.subarray(0, 60)) !== checksum) return undefined;
  return {
    type: view.getUint32(4, true),
    groupOffset: getInteger(view, 8),
    version: getInteger(view, 16),
    start: getInteger(view, 24),
    count: getInteger(view, 32),
    payloadBytes: getInteger(view, 40),
    payloadChecksum: view.getUint32(48, true),
    groupChecksum: view.getUint32(56, true),
    checksum,
  };
}

/** Where the next record begins. */
export function endOfRecord(offset: number, payloadBytes: number): number {
  return alignUp(offset + RECORD_BYTES + payloadBytes, RECORD_ALIGNMENT);
}

/** The checksum of a commit, from those of the records before it. */
export function checksumOfGroup(checksums: readonly number[]): number {
  return crc32(new Uint8Array(Uint32Array.from(checksums).buffer));
}
