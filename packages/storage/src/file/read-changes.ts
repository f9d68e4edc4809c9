import { crc32 } from 'node:zlib';
import { checksumOfGroup, decodeRecord, endOfRecord, RECORD, RECORD_BYTES, type ReadRecord } from './change-record.js';
import { FileError } from './file-error.js';
import { bytesPerRowOf, isVersion, MOST_ROWS, RECORD_ALIGNMENT, type FileHeader } from './file-header.js';
import { FileWindow, WINDOW_BYTES } from './file-window.js';
import type { OpenFile } from './file-system.js';

const PIECE_BYTES = 2 ** 20;

/** A committed change, and where its payload is. */
export interface FileChange extends ReadRecord {
  readonly payloadOffset: number;
}

export interface FileChanges {
  readonly changes: readonly FileChange[];
  readonly commits: number;
  /** Rows and version with all changes. */
  readonly rows: number;
  readonly version: number;
  /** The end of the last complete commit. What follows was never complete. */
  readonly end: number;
}

interface Group {
  readonly changes: readonly FileChange[];
  readonly end: number;
}

/**
 * Finds the changes up to the last complete commit.
 *
 * A group of records that is not complete ends the file: its writer was stopped, and no one has relied on it. But a writer
 * begins a group only when the one before it is durable. So a broken group with a record of a later one behind it was damaged
 * afterwards.
 *
 * @throws FileError of the kind `'damaged'` or `'unsupported'`
 */
export async function readChanges(
  file: OpenFile,
  header: FileHeader,
  byteLength: number,
  path: string,
): Promise<FileChanges> {
  const window = new FileWindow(file, byteLength);
  const groups: Group[] = [];
  let { rows, version } = header;
  let end = header.changesOffset;
  for (;;) {
    const group = await readGroup(window, end, header.tag);
    if (group === undefined) break;
    for (const change of group.changes) {
      checkChange(change, rows, version, header, path);
      if (change.type === RECORD.append) rows += change.count;
      version = change.version;
    }
    groups.push(group);
    end = group.end;
  }
  const nextGroup = await findGroupFrom(window, end, header.tag);
  if (nextGroup > end) throw damagedGroup(path, end);
  const last = groups.at(-1);
  if (last !== undefined && nextGroup < 0) {
    // It may not have become durable. Earlier ones did, and are checked when they are read.
    for (const change of last.changes) {
      if ((await checksumOf(file, change)) === change.payloadChecksum) continue;
      groups.pop();
      end = last.changes[0].groupOffset;
      break;
    }
  }
  const changes = groups.flatMap((group) => group.changes);
  const appended = changes.filter(({ type }) => type === RECORD.append);
  return {
    changes,
    commits: groups.length,
    rows: appended.reduce((sum, { count }) => sum + count, header.rows),
    version: changes.at(-1)?.version ?? header.version,
    end,
  };
}

/** The group that begins at an offset; undefined if it is not complete. */
async function readGroup(window: FileWindow, offset: number, tag: number): Promise<Group | undefined> {
  const changes: FileChange[] = [];
  let at = offset;
  for (;;) {
    const record = decodeRecord(await window.read(at, RECORD_BYTES), tag);
    if (record?.groupOffset !== offset) return undefined;
    const end = endOfRecord(at, record.payloadBytes);
    if (!(end <= window.byteLength)) return undefined;
    if (record.type === RECORD.commit) {
      const isComplete =
        changes.length > 0 &&
        record.count === changes.length &&
        record.payloadBytes === 0 &&
        record.groupChecksum === checksumOfGroup(changes.map(({ checksum }) => checksum));
      return isComplete ? { changes, end } : undefined;
    }
    changes.push({ ...record, payloadOffset: at + RECORD_BYTES });
    at = end;
  }
}

/** Where the last group of which a record follows begins; -1 if there is none. */
async function findGroupFrom(window: FileWindow, offset: number, tag: number): Promise<number> {
  let found = -1;
  for (let at = offset; ;) {
    const bytes = await window.read(at, WINDOW_BYTES);
    let i = 0;
    for (; i + RECORD_BYTES <= bytes.length; i += RECORD_ALIGNMENT) {
      const record = decodeRecord(bytes.subarray(i, i + RECORD_BYTES), tag);
      if (record !== undefined && record.groupOffset > found) found = record.groupOffset;
    }
    if (i === 0) return found;
    at += i;
  }
}

function checkChange(change: FileChange, rows: number, version: number, header: FileHeader, path: string): void {
  const { type, start, count, payloadBytes, payloadOffset } = change;
  const fail = (problem: string) => new FileError('damaged', path, problem, { offset: payloadOffset - RECORD_BYTES });
  if (!isVersion(change.version) || change.version <= version) {
    throw fail(`expected a change to a version after ${version}, got ${change.version}`);
  }
  const rowBytes = type === RECORD.remove ? 4 : bytesPerRowOf(header);
  if (count === 0 || payloadBytes !== count * rowBytes) {
    throw fail(`expected a payload of ${count} rows of ${rowBytes} bytes, got ${payloadBytes} bytes`);
  }
  if (type === RECORD.append) {
    if (start !== rows) throw fail(`expected an append behind row ${rows}, got one at ${start}`);
    if (rows + count > MOST_ROWS) throw fail(`expected at most ${MOST_ROWS} rows, got ${rows + count}`);
  } else if (type === RECORD.update) {
    if (start + count > rows) throw fail(`expected an update of ${rows} rows, got ${start} to ${start + count}`);
  } else if (type !== RECORD.remove) {
    const problem = `this version of the package does not know changes of the type ${type}`;
    throw new FileError('unsupported', path, problem, { offset: payloadOffset - RECORD_BYTES + 4 });
  }
}

async function checksumOf(file: OpenFile, { payloadOffset, payloadBytes }: FileChange): Promise<number> {
  const piece = new Uint8Array(Math.min(PIECE_BYTES, payloadBytes));
  let checksum = 0;
  for (let at = 0; at < payloadBytes; at += piece.length) {
    const length = Math.min(piece.length, payloadBytes - at);
    const read = await file.read(piece.subarray(0, length), payloadOffset + at);
    checksum = crc32(piece.subarray(0, read), checksum);
  }
  return checksum;
}

/** @throws FileError if the payload is not the one that was written */
export async function checkPayload(file: OpenFile, change: FileChange, path: string): Promise<void> {
  if ((await checksumOf(file, change)) !== change.payloadChecksum) throw damagedPayload(path, change);
}

export function damagedPayload(path: string, { payloadOffset }: FileChange): FileError {
  return new FileError('damaged', path, 'the checksum of a change is wrong', { offset: payloadOffset });
}

function damagedGroup(path: string, offset: number): FileError {
  return new FileError('damaged', path, 'a change is damaged, and later ones follow', { offset });
}
