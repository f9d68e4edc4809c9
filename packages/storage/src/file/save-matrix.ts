import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { VectorMatrix } from '@gearshift/contracts';
import { elementsView, optionNames, readOptions, requireSignal } from '@gearshift/contracts/internal';
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

/** What {@link replaceFile} writes. */
export interface FileContents extends Pick<VectorMatrix, 'dimensions' | 'dtype' | 'scale' | 'version' | 'removed'> {
  /** Undefined if it is not known before the end. */
  readonly rows: number | undefined;
  /** All rows in order. A piece is written before the next one is asked for. */
  readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

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
  requireSignal('signal', signal);
  await saveContents(contentsOf(matrix), given, undefined, signal, system);
}

/** Writes contents to a file that is locked meanwhile. */
export async function saveContents(
  contents: FileContents,
  path: string,
  temporaryPath: string | undefined,
  signal: AbortSignal | undefined,
  system: FileSystem,
): Promise<FileHeader> {
  throwIfAborted(signal);
  try {
    const target = await system.resolve(path);
    const lock = await system.lock(target);
    try {
      const { file, header } = await replaceFile(contents, target, temporaryPath ?? lock.asidePath, signal, system);
      await file.close();
      return header;
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw asFileError(path, error);
  }
}

export function contentsOf(matrix: SavedMatrix): FileContents {
  const { rows, dimensions, dtype, scale, version, removed } = matrix;
  return { rows, dimensions, dtype, scale, version, removed, pieces: piecesOf(matrix) };
}

/** Replaces a file that the caller has locked, and returns the new one, open. */
export async function replaceFile(
  contents: FileContents,
  target: string,
  asidePath: string,
  signal: AbortSignal | undefined,
  system: FileSystem,
): Promise<{ readonly file: OpenFile; readonly header: FileHeader }> {
  const file = await system.create(asidePath, target);
  try {
    const header = await writeContents(file, contents, signal);
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

async function writeContents(
  file: OpenFile,
  contents: FileContents,
  signal: AbortSignal | undefined,
): Promise<FileHeader> {
  const { dimensions, dtype = 'float32', scale, version, removed } = contents;
  const bytesPerRow = bytesPerRowOf(contents);
  const isSmall = contents.rows !== undefined && contents.rows * bytesPerRow < LARGE_ROWS_BYTES;
  const rowsOffset = alignUp(HEADER_BYTES, isSmall ? PAGE_BYTES : LARGE_PAGE_BYTES);
  const blocks = new BlockChecksums();
  let rowsBytes = 0;
  for await (const piece of contents.pieces) {
    throwIfAborted(signal);
    blocks.add(piece);
    await file.write(piece, rowsOffset + rowsBytes);
    rowsBytes += piece.length;
  }
  const rows = rowsBytes / bytesPerRow;
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
  if (removed !== undefined) await add(SECTION.removed, true, encodeRemoved(rows, removed.words));
  await add(SECTION.blocks, false, blocks.encode());
  const tag = randomInt(1, 2 ** 32);
  const header = { dtype, scale, dimensions, rows, version, changesOffset: end, tag, sections, rowSection };
  await file.truncate(end);
  await file.write(encodeHeader(header), 0);
  return header;
}

/** The rows of a matrix, in one piece of memory that is used again. */
function* piecesOf(matrix: SavedMatrix): Generator<Uint8Array> {
  const { rows, dimensions, dtype = 'float32', values, snapshot } = matrix;
  const bytesPerRow = bytesPerRowOf(matrix);
  const pieceRows = Math.max(1, Math.floor(PIECE_BYTES / bytesPerRow));
  const piece = elementsView(
    dtype,
    new ArrayBuffer(Math.min(pieceRows, rows) * bytesPerRow),
    0,
    Math.min(pieceRows, rows) * dimensions,
  );
  for (let start = 0; start < rows; start += pieceRows) {
    const end = Math.min(rows, start + pieceRows);
    piece.set(values.subarray(start * dimensions, end * dimensions));
    if (snapshot?.isIntact(start, end) === false) {
      for (let row = start; row < end; row++) {
        if (!snapshot.isIntact(row, row + 1)) snapshot.readElements(row, piece.subarray((row - start) * dimensions));
      }
    }
    yield new Uint8Array(piece.buffer, 0, (end - start) * bytesPerRow);
  }
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
