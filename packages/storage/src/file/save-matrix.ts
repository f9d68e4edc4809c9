import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { CompanionSource, VectorMatrix } from '@gearshift/contracts';
import { elementsView, optionNames, readOptions, requireOneOf, requireSignal } from '@gearshift/contracts/internal';
import { BlockChecksums } from './block-checksums.js';
import { writeCompanion } from './companion-section.js';
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
import { LARGE_PAGE_BYTES } from './page-bytes.js';
import { requirePath } from './require-path.js';

/** Rows are read and written in pieces of about so many bytes. */
const PIECE_BYTES = 2 ** 20;
/** The files of smaller matrices have no gap of a large page: their rows begin on a small one. */
const LARGE_ROWS_BYTES = 2 ** 20;

export interface SaveOptions {
  /**
   * Whether the file gets codes, with which later searches need not make them: `'codes'` makes them first if there are none, unless
   * they would save no time; `'none'` writes none. Default: `'codes'` for a matrix with that companion; for others the codes that there
   * are at the moment.
   */
  readonly companion?: 'codes' | 'none' | undefined;
  readonly signal?: AbortSignal | undefined;
}

const SAVE_OPTIONS = optionNames<SaveOptions>({ companion: true, signal: true });
const SAVED_COMPANIONS = ['codes', 'none'] as const;

/** Gives the companion of a matrix that stays as it is until the file is written; see `Backend.companionSource`. */
export type CompanionProvider = (
  matrix: VectorMatrix,
  make: boolean,
  signal: AbortSignal | undefined,
) => Promise<CompanionSource | undefined>;

/** A matrix of which the rows stay as they are while they are read: a pinned version, or one that the caller does not change. */
export type SavedMatrix = Pick<
  VectorMatrix,
  'rows' | 'dimensions' | 'dtype' | 'scale' | 'version' | 'values' | 'removed' | 'snapshot'
>;

/** A version of a matrix with what its file gets beside the rows. */
export interface SavedVersion {
  readonly matrix: SavedMatrix;
  readonly companion: CompanionSource | undefined;
}

/** What {@link replaceFile} writes. */
export interface FileContents extends Pick<VectorMatrix, 'dimensions' | 'dtype' | 'scale' | 'version' | 'removed'> {
  /** Undefined if it is not known before the end. */
  readonly rows: number | undefined;
  /** All rows in order. A piece is written before the next one is asked for. */
  readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  readonly companion: CompanionSource | undefined;
}

/**
 * Writes a matrix beside the file, makes it durable, and lets it replace the file: a cut at any time leaves the old file or the
 * new one.
 *
 * @param companionOf without it, the file gets no companion
 * @throws FileError; the signal's reason after an abort. In both cases nothing is left behind.
 */
export async function saveMatrix(
  matrix: SavedMatrix,
  path: string | URL,
  options?: SaveOptions,
  system: FileSystem = nodeFileSystem,
  companionOf?: (make: boolean, signal: AbortSignal | undefined) => Promise<CompanionSource | undefined>,
): Promise<void> {
  const target = requirePath('path', path);
  const given = readOptions('options', options, SAVE_OPTIONS);
  const signal = requireSignal('signal', given.signal);
  const wanted = requireOneOf('companion', SAVED_COMPANIONS, given.companion);
  throwIfAborted(signal);
  const companion = wanted === 'none' ? undefined : await companionOf?.(wanted === 'codes', signal);
  await saveContents(contentsOf({ matrix, companion }), target, undefined, signal, system);
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

export function contentsOf({ matrix, companion }: SavedVersion): FileContents {
  const { rows, dimensions, dtype, scale, version, removed } = matrix;
  return { rows, dimensions, dtype, scale, version, removed, pieces: piecesOf(matrix), companion };
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
  const checksums = blocks.encode();
  await add(SECTION.blocks, false, checksums);
  if (contents.companion !== undefined) {
    const checkAbort = () => throwIfAborted(signal);
    const section = await writeCompanion(file, contents.companion, rows, end, crc32(checksums), checkAbort);
    if (section !== undefined) {
      sections.push(section);
      end = section.offset + section.byteLength;
    }
  }
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
