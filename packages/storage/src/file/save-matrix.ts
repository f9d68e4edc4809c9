import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { VectorMatrix } from '@gearshift/contracts';
import { DTYPE_BYTES, elementsView, optionNames, readOptions, requireSignal } from '@gearshift/contracts/internal';
import { BlockChecksums } from './block-checksums.js';
import { asFileError } from './file-error.js';
import {
  alignUp,
  bytesPerRowOf,
  encodeHeader,
  HEADER_BYTES,
  PAGE_BYTES,
  RECORD_ALIGNMENT,
  SECTION,
  type FileHeader,
  type FileSection,
} from './file-header.js';
import type { FileSystem, OpenFile } from './file-system.js';
import { nodeFileSystem } from './node-file-system.js';
import { requirePath } from './require-path.js';

/** Rows are read and written in pieces of about so many bytes. */
const PIECE_BYTES = 2 ** 20;
/** The largest page of memory in use. The files of small matrices have no gap of this size: their rows begin on a small page. */
export const LARGE_PAGE_BYTES = 2 ** 16;
const LARGE_ROWS_BYTES = 2 ** 20;

export interface SaveOptions {
  readonly signal?: AbortSignal | undefined;
}

const SAVE_OPTIONS = optionNames<SaveOptions>({ signal: true });

/** A matrix of which the rows stay as they are while they are read: a pinned version, or one that the caller does not change. */
export type SavedMatrix = Pick<
  VectorMatrix,
  'rows' | 'dimensions' | 'dtype' | 'scale' | 'version' | 'values' | 'removed' | 'snapshot'
>;

/**
 * Writes a matrix beside the file, makes it durable, and lets it replace the file: a cut at any time leaves the old file or the
 * new one.
 *
 * @throws FileError; the signal's reason after an abort. In both cases nothing is left behind.
 */
export async function saveMatrix(
  matrix: SavedMatrix,
  path: string | URL,
  options?: SaveOptions,
  system: FileSystem = nodeFileSystem,
): Promise<void> {
  const given = requirePath('path', path);
  const { signal } = readOptions('options', options, SAVE_OPTIONS);
  throwIfAborted(requireSignal('signal', signal));
  try {
    const target = await system.resolve(given);
    const lock = await system.lock(target);
    try {
      const { file } = await replaceFile(matrix, target, lock.asidePath, signal, system);
      await file.close();
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw asFileError(given, error);
  }
}

/** Replaces a file that the caller has locked, and returns the new one, open. */
export async function replaceFile(
  matrix: SavedMatrix,
  target: string,
  asidePath: string,
  signal: AbortSignal | undefined,
  system: FileSystem,
): Promise<{ readonly file: OpenFile; readonly header: FileHeader }> {
  const file = await system.create(asidePath, target);
  try {
    const header = await writeMatrix(file, matrix, signal);
    await file.sync();
    throwIfAborted(signal);
    await system.rename(asidePath, target);
    await system.syncFolderOf(target);
    return { file, header };
  } catch (error) {
    await file.close();
    await system.remove(asidePath);
    throw error;
  }
}

async function writeMatrix(file: OpenFile, matrix: SavedMatrix, signal: AbortSignal | undefined): Promise<FileHeader> {
  const { rows, dimensions, dtype = 'float32', scale, version } = matrix;
  const rowsBytes = rows * bytesPerRowOf(matrix);
  const rowsOffset = alignUp(HEADER_BYTES, rowsBytes < LARGE_ROWS_BYTES ? PAGE_BYTES : LARGE_PAGE_BYTES);
  const blocks = await writeRows(file, rowsOffset, matrix, signal);
  const rowSection = {
    type: SECTION.rows,
    isRequired: true,
    offset: rowsOffset,
    byteLength: rowsBytes,
    checksum: undefined,
  };
  const sections: FileSection[] = [rowSection];
  let end = alignUp(rowsOffset + rowsBytes, RECORD_ALIGNMENT);
  const add = async (type: number, isRequired: boolean, bytes: Uint8Array) => {
    await file.write(bytes, end);
    sections.push({ type, isRequired, offset: end, byteLength: bytes.length, checksum: crc32(bytes) });
    end = alignUp(end + bytes.length, RECORD_ALIGNMENT);
  };
  if (matrix.removed !== undefined) await add(SECTION.removed, true, encodeRemoved(rows, matrix.removed.words));
  await add(SECTION.blocks, false, blocks.encode());
  const header = {
    dtype,
    scale,
    dimensions,
    rows,
    version,
    changesOffset: end,
    tag: randomInt(1, 2 ** 32),
    sections,
    rowSection,
  };
  await file.truncate(end);
  await file.write(encodeHeader(header), 0);
  return header;
}

async function writeRows(
  file: OpenFile,
  offset: number,
  matrix: SavedMatrix,
  signal: AbortSignal | undefined,
): Promise<BlockChecksums> {
  const checksums = new BlockChecksums();
  const { rows, dimensions, dtype = 'float32', values, snapshot } = matrix;
  const bytesPerRow = bytesPerRowOf(matrix);
  const pieceRows = Math.max(1, Math.floor(PIECE_BYTES / bytesPerRow));
  const pieceBytes = Math.min(pieceRows, rows) * bytesPerRow;
  const piece = elementsView(dtype, new ArrayBuffer(pieceBytes), 0, pieceBytes / DTYPE_BYTES[dtype]);
  for (let start = 0; start < rows; start += pieceRows) {
    throwIfAborted(signal);
    const end = Math.min(rows, start + pieceRows);
    piece.set(values.subarray(start * dimensions, end * dimensions));
    if (snapshot?.isIntact(start, end) === false) {
      for (let row = start; row < end; row++) {
        if (!snapshot.isIntact(row, row + 1)) snapshot.readElements(row, piece.subarray((row - start) * dimensions));
      }
    }
    const bytes = new Uint8Array(piece.buffer, 0, (end - start) * bytesPerRow);
    checksums.add(bytes);
    await file.write(bytes, offset + start * bytesPerRow);
  }
  return checksums;
}

function encodeRemoved(rows: number, words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(rows / 32) * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < words.length && i * 4 < bytes.length; i++) view.setUint32(i * 4, words[i], true);
  // Bits past the last row have no meaning.
  if (rows % 32 !== 0)
    view.setUint32(bytes.length - 4, view.getUint32(bytes.length - 4, true) & lastWordMask(rows), true);
  return bytes;
}

/** The bits of the last word of a bitmap that belong to rows, if not all of them do. */
function lastWordMask(rows: number): number {
  return 2 ** (rows % 32) - 1;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  // A signal of a polyfill may have no reason.
  throw signal.reason ?? new DOMException('the signal was aborted', 'AbortError');
}
