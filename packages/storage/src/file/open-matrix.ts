import { crc32 } from 'node:zlib';
import { COMPANIONS, type NativeRows, type StoredRows } from '@gearshift/contracts';
import {
  expected,
  optionNames,
  readOptions,
  requireExpectedUses,
  requireOneOf,
  requireSignal,
} from '@gearshift/contracts/internal';
import { FLAGS, initControl, sequenceOf } from '../control.js';
import { createMemory, growTo } from '../shared-memory.js';
import { StoredMatrix, type StoredMatrixOptions } from '../stored-matrix.js';
import { ChangeLog } from './change-log.js';
import { loadCompanion } from './companion-section.js';
import { RECORD } from './change-record.js';
import { asFileError, FileError } from './file-error.js';
import { bytesPerRowOf, findSection, readHeader, SECTION, type FileHeader, type FileSection } from './file-header.js';
import type { FileLock, FileSystem, OpenFile } from './file-system.js';
import type { MatrixFile } from './matrix-file.js';
import { nodeFileSystem } from './node-file-system.js';
import { requirePath } from './require-path.js';
import { damagedPayload, readChanges, type FileChange, type FileChanges } from './read-changes.js';
import { LARGE_PAGE_BYTES } from './page-bytes.js';
import { throwIfAborted } from './save-matrix.js';
import { checkSection, verifyContents } from './verify-contents.js';

const PIECE_BYTES = 8 * 2 ** 20;

export interface OpenMatrixOptions extends Omit<StoredMatrixOptions, 'dimensions' | 'dtype' | 'scale'> {
  /** Default false: the matrix refuses changes. */
  readonly writable?: boolean | undefined;
  /** Default `'map'`, which falls back to `'copy'`. */
  readonly mode?: MatrixFile['mode'] | undefined;
  /** Read the whole file and compare every checksum. Default false. */
  readonly verify?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS = optionNames<OpenMatrixOptions>({
  writable: true,
  mode: true,
  verify: true,
  signal: true,
  expectedUses: true,
  companion: true,
  native: true,
  companionOf: true,
  onDispose: true,
});
const MODES = ['map', 'copy'] as const;

/**
 * Opens a file that {@link StoredMatrix.save} made, with the changes that were committed since.
 *
 * @throws FileError; the signal's reason after an abort
 */
export async function openMatrix(
  from: string | URL,
  options?: OpenMatrixOptions,
  system: FileSystem = nodeFileSystem,
): Promise<StoredMatrix> {
  const path = requirePath('path', from);
  const given = checked(options);
  throwIfAborted(given.signal);
  let lock: FileLock | undefined;
  let file: OpenFile | undefined;
  try {
    const target = await system.resolve(path);
    if (given.writable === true) lock = await system.lock(target);
    file = await system.open(target, given.writable === true ? 'write' : 'read');
    const byteLength = await file.byteLength();
    const header = await readHeader(file, path, byteLength);
    if (given.verify === true) await verifyContents(file, header, path, given.signal);
    const changes = await readChanges(file, header, byteLength, path);
    const { memory, mode } = await load(file, header, changes, path, given);
    const { dimensions, dtype, scale } = header;
    const fields = { ...given, dimensions, dtype, scale };
    if (lock === undefined) {
      await file.close();
      file = undefined;
      const { version } = changes;
      return StoredMatrix.fromMemory(memory, fields, {
        info: Object.freeze({ path, mode, writable: false, version, error: undefined }),
      });
    }
    if (changes.end < byteLength) {
      await file.truncate(changes.end);
      await file.sync();
    }
    const { version, end } = changes;
    const log = new ChangeLog({ path, target, lock, file, system, mode, tag: header.tag, version, end });
    return StoredMatrix.fromMemory(memory, fields, { info: log, log });
  } catch (error) {
    await file?.close();
    await lock?.release();
    throw asFileError(path, error);
  }
}

function checked(options: OpenMatrixOptions | undefined): OpenMatrixOptions {
  const given = readOptions('options', options, OPTIONS);
  requireBoolean('writable', given.writable);
  requireBoolean('verify', given.verify);
  requireOneOf('mode', MODES, given.mode);
  requireOneOf('companion', COMPANIONS, given.companion);
  requireExpectedUses('expectedUses', given.expectedUses);
  requireSignal('signal', given.signal);
  return given;
}

function requireBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw new TypeError(expected(name, 'a boolean', value));
}

/** Makes the memory of the matrix with all changes. */
async function load(
  file: OpenFile,
  header: FileHeader,
  changes: FileChanges,
  path: string,
  { native, mode: wanted = 'map', signal, writable = false, companion: kind = 'auto' }: OpenMatrixOptions,
): Promise<{ readonly memory: StoredRows; readonly mode: MatrixFile['mode'] }> {
  const { rowSection } = header;
  const rowMemory = allocate(bytesPerRowOf(header), changes.rows, wanted === 'copy' ? native : undefined, path);
  const mapped = wanted === 'map' && native !== undefined ? map(rowMemory, file, rowSection, native) : 0;
  // Of no use without native code. Changed rows get theirs anew, for which there is to be room.
  const companion =
    native !== undefined && (kind === 'auto' || kind === 'codes')
      ? await loadCompanion(
          file,
          header,
          writable ? 2 * changes.rows : changes.rows,
          native,
          mapped > 0 ? 'map' : 'copy',
          () => throwIfAborted(signal),
        )
      : undefined;
  const memory = companion === undefined ? rowMemory : { ...rowMemory, companion };
  await readInto(memory.rows, mapped, rowSection.byteLength - mapped, file, rowSection.offset + mapped, path, signal);
  const removed = new RemovedRows(memory, changes.rows);
  const removedSection = findSection(header, SECTION.removed);
  if (removedSection !== undefined) removed.addWords(await readRemoved(file, removedSection, header.rows, path));
  for (const change of changes.changes) {
    throwIfAborted(signal);
    if (change.type === RECORD.remove) removed.addRows(await readRemovedRows(file, change, path), change, path);
    else await readRows(memory, file, change, path, signal);
    if (companion !== undefined && change.type !== RECORD.remove) stamp(memory, change);
  }
  const flags =
    (native === undefined ? 0 : FLAGS.native) |
    (writable ? FLAGS.owned : FLAGS.readOnly) |
    (mapped > 0 ? FLAGS.mapped : 0);
  const newest = { version: changes.version, rows: changes.rows, removedRows: removed.count };
  initControl(memory.control, newest, flags, companion?.version);
  return { memory, mode: mapped > 0 ? 'map' : 'copy' };
}

function allocate(bytesPerRow: number, rows: number, native: NativeRows | undefined, path: string): StoredRows {
  try {
    return createMemory(bytesPerRow, rows, native);
  } catch (cause) {
    const problem = `there is no memory for ${rows} rows of ${bytesPerRow} bytes`;
    throw new FileError('system', path, problem, { code: 'ENOMEM', cause });
  }
}

/** Notes that a change of the file made these rows others than those that its companion is of. */
function stamp({ stamps }: StoredRows, { start, count, version }: FileChange): void {
  growTo(stamps, (start + count) * 4);
  new Int32Array(stamps, start * 4, count).fill(sequenceOf(version));
}

/**
 * Maps the rows of the file over the memory, as many as it can: a page in which appended rows follow is not mapped. Only memory
 * that grows begins on a page of its own.
 *
 * @returns the number of bytes that are mapped
 */
function map({ rows }: StoredRows, file: OpenFile, { byteLength, offset }: FileSection, native: NativeRows): number {
  const end = byteLength === rows.byteLength ? byteLength : byteLength - (byteLength % LARGE_PAGE_BYTES);
  if (!rows.growable || end === 0) return 0;
  return native.mapFile(new Uint8Array(rows, 0, end), file.descriptor, offset) === 0 ? end : 0;
}

async function readInto(
  memory: SharedArrayBuffer,
  start: number,
  byteLength: number,
  file: OpenFile,
  offset: number,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let done = 0; done < byteLength; done += PIECE_BYTES) {
    throwIfAborted(signal);
    const piece = new Uint8Array(memory, start + done, Math.min(PIECE_BYTES, byteLength - done));
    const read = await file.read(piece, offset + done);
    if (read < piece.length) throw shrunkError(path, offset + done + read);
  }
}

async function readRows(
  memory: StoredRows,
  file: OpenFile,
  change: FileChange,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { start, payloadBytes, payloadOffset, payloadChecksum } = change;
  const at = start * memory.bytesPerRow;
  await readInto(memory.rows, at, payloadBytes, file, payloadOffset, path, signal);
  if (crc32(new Uint8Array(memory.rows, at, payloadBytes)) !== payloadChecksum) throw damagedPayload(path, change);
}

async function readRemovedRows(file: OpenFile, change: FileChange, path: string): Promise<Uint32Array> {
  const rows = new Uint32Array(change.count);
  const bytes = new Uint8Array(rows.buffer);
  await file.read(bytes, change.payloadOffset);
  if (crc32(bytes) !== change.payloadChecksum) throw damagedPayload(path, change);
  return rows;
}

async function readRemoved(file: OpenFile, section: FileSection, rows: number, path: string): Promise<Uint32Array> {
  const bytes = new Uint8Array(section.byteLength);
  await checkSection(file, section, bytes, path);
  const words = new Uint32Array(bytes.buffer);
  for (let row = rows; row < words.length * 32; row++) {
    if ((words[row >>> 5] & (1 << (row & 31))) === 0) continue;
    const problem = `expected only rows up to ${rows - 1} among the removed ones, got ${row}`;
    throw new FileError('damaged', path, problem, { offset: section.offset + (row >>> 3) });
  }
  return words;
}

function shrunkError(path: string, offset: number): FileError {
  return new FileError('truncated', path, 'the file became shorter while it was read', { offset });
}

/** The bitmap of removed rows of a matrix that is being loaded. */
class RemovedRows {
  count = 0;
  readonly #memory: StoredRows;
  readonly #rows: number;
  #words: Uint32Array = new Uint32Array(0);

  constructor(memory: StoredRows, rows: number) {
    this.#memory = memory;
    this.#rows = rows;
  }

  addWords(words: Uint32Array): void {
    this.#open().set(words);
    for (const word of words) this.count += bitsOf(word);
  }

  addRows(rows: Uint32Array, change: FileChange, path: string): void {
    const words = this.#open();
    for (const row of rows) {
      if (row >= this.#rows) {
        const problem = `expected only rows up to ${this.#rows - 1} to be removed, got ${row}`;
        throw new FileError('damaged', path, problem, { offset: change.payloadOffset });
      }
      const bit = 1 << (row & 31);
      if ((words[row >>> 5] & bit) !== 0) continue;
      words[row >>> 5] |= bit;
      this.count += 1;
    }
  }

  #open(): Uint32Array {
    if (this.#words.length > 0) return this.#words;
    const byteLength = Math.ceil(this.#rows / 32) * 4;
    growTo(this.#memory.removed, byteLength);
    return (this.#words = new Uint32Array(this.#memory.removed, 0, byteLength / 4));
  }
}

function bitsOf(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
