import { crc32 } from 'node:zlib';
import type { CompanionSource, VectorMatrix } from '@gearshift/contracts';
import { describeThrown } from '@gearshift/contracts/internal';
import type { Version } from '../version.js';
import { checksumOfGroup, encodeRecord, endOfRecord, RECORD, RECORD_BYTES } from './change-record.js';
import { codeOf, FileError } from './file-error.js';
import type { FileLock, FileSystem, OpenFile } from './file-system.js';
import type { MatrixFile } from './matrix-file.js';
import { contentsOf, replaceFile } from './save-matrix.js';

/** Pieces of a group that are shorter are written together. */
const JOINED_BYTES = 2 ** 16;

/** A change of the rows in memory that is to become durable. */
export interface RowChange {
  readonly type: number;
  /** The version of the matrix with this change. */
  readonly version: number;
  readonly start: number;
  readonly count: number;
  /** Belongs to the log from now on. */
  readonly payload: Uint8Array;
}

/** A version with which the file is to be written anew. */
interface Rewriting extends Version<VectorMatrix> {
  readonly companionOf: () => Promise<CompanionSource | undefined>;
}

interface Entry {
  readonly change: RowChange | Rewriting;
  resolve(): void;
  reject(error: unknown): void;
}

export interface ChangeLogStart {
  readonly path: string;
  /** The path without symbolic links, and its lock. */
  readonly target: string;
  readonly lock: FileLock;
  readonly file: OpenFile;
  readonly system: FileSystem;
  readonly mode: MatrixFile['mode'];
  readonly tag: number;
  readonly version: number;
  /** The end of the last commit. */
  readonly end: number;
}

/**
 * Writes the changes of a matrix behind the committed bytes of its file, which never change. Changes that arrive while others
 * are being written become one group with one commit. After a failure nothing more is written: what the file contains is
 * then decided by what the next opening finds.
 */
export class ChangeLog implements MatrixFile {
  readonly path: string;
  readonly writable = true;
  #mode: MatrixFile['mode'];
  readonly #target: string;
  readonly #lock: FileLock;
  readonly #system: FileSystem;
  #file: OpenFile;
  #tag: number;
  #end: number;
  #version: number;
  #error: FileError | undefined;
  #waiting: Entry[] = [];
  #working: Promise<void> | undefined;

  constructor({ path, target, lock, file, system, mode, tag, version, end }: ChangeLogStart) {
    this.path = path;
    this.#mode = mode;
    this.#target = target;
    this.#lock = lock;
    this.#file = file;
    this.#system = system;
    this.#tag = tag;
    this.#version = version;
    this.#end = end;
  }

  get mode(): MatrixFile['mode'] {
    return this.#mode;
  }

  get version(): number {
    return this.#version;
  }

  get error(): FileError | undefined {
    return this.#error;
  }

  /** @throws FileError when an earlier change could not be written */
  requireWorking(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Resolves when the change is durable. */
  add(change: RowChange): Promise<void> {
    return this.#enter(change);
  }

  /** Writes the file anew with a pinned version, releases the version, and resolves when it is durable. */
  async rewrite(version: Version<VectorMatrix>, companionOf: Rewriting['companionOf']): Promise<void> {
    try {
      await this.#enter({ ...version, companionOf });
    } finally {
      version.release();
    }
  }

  /** Waits for changes under way. */
  async close(): Promise<void> {
    await this.#working;
    try {
      await this.#file.close();
    } finally {
      await this.#lock.release();
    }
  }

  #enter(change: Entry['change']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    // Changes that the caller makes before it awaits one are written together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        this.requireWorking();
        const [{ change }] = group;
        if (isRewriting(change)) await this.#replace(change);
        else await this.#write(group.map((entry) => entry.change as RowChange));
        for (const entry of group) entry.resolve();
      } catch (error) {
        this.#error ??= this.#failure(error);
        for (const entry of group) entry.reject(this.#error);
      }
    }
    this.#working = undefined;
  }

  /** All changes up to the next rewriting, or that one. */
  #takeGroup(): Entry[] {
    const next = this.#waiting.findIndex(({ change }) => isRewriting(change));
    return this.#waiting.splice(0, next < 0 ? this.#waiting.length : Math.max(1, next));
  }

  async #write(changes: readonly RowChange[]): Promise<void> {
    const groupOffset = this.#end;
    const pieces = new JoinedPieces(this.#file, groupOffset);
    const checksums: number[] = [];
    const put = async (fields: RowChange, groupChecksum: number) => {
      const { payload, ...record } = fields;
      const header = encodeRecord(
        { ...record, groupOffset, payloadBytes: payload.length, payloadChecksum: crc32(payload), groupChecksum },
        this.#tag,
      );
      checksums.push(new DataView(header.buffer).getUint32(RECORD_BYTES - 4, true));
      const end = endOfRecord(pieces.end, payload.length);
      await pieces.add(header);
      await pieces.add(payload);
      await pieces.add(new Uint8Array(end - pieces.end));
    };
    for (const change of changes) await put(change, 0);
    const version = changes[changes.length - 1].version;
    const commit = { type: RECORD.commit, version, start: 0, count: changes.length, payload: new Uint8Array(0) };
    await put(commit, checksumOfGroup(checksums));
    await pieces.flush();
    await this.#file.sync();
    this.#end = pieces.end;
    this.#version = version;
  }

  async #replace({ operand: matrix, companionOf }: Rewriting): Promise<void> {
    const old = this.#file;
    // The file is complete without one.
    const companion = await companionOf().catch(() => undefined);
    const { file, header } = await replaceFile(
      contentsOf({ matrix, companion }),
      this.#target,
      this.#lock.asidePath,
      undefined,
      this.#system,
    );
    this.#file = file;
    this.#tag = header.tag;
    this.#end = header.changesOffset;
    this.#version = matrix.version;
    // The rows were moved together in memory.
    this.#mode = 'copy';
    await old.close();
  }

  #failure(cause: unknown): FileError {
    const reason = describeThrown(cause);
    const code = codeOf(cause);
    return new FileError(
      'not-durable',
      this.path,
      `the file has version ${this.#version} of the matrix; later changes are in memory only, because they could not be ` +
        `written (${reason}). To go on, dispose the matrix and open the file again`,
      { cause, ...(code === undefined ? {} : { code }) },
    );
  }
}

function isRewriting(change: Entry['change']): change is Rewriting {
  return 'operand' in change;
}

/** Writes pieces one behind the other, short ones together. */
class JoinedPieces {
  readonly #file: OpenFile;
  #pieces: Uint8Array[] = [];
  #joinedBytes = 0;
  #written: number;

  constructor(file: OpenFile, offset: number) {
    this.#file = file;
    this.#written = offset;
  }

  /** Where the next piece goes. */
  get end(): number {
    return this.#written + this.#joinedBytes;
  }

  async add(piece: Uint8Array): Promise<void> {
    if (this.#joinedBytes + piece.length > JOINED_BYTES) await this.flush();
    this.#pieces.push(piece);
    this.#joinedBytes += piece.length;
  }

  async flush(): Promise<void> {
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    const bytes = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, this.#joinedBytes);
    await this.#file.write(bytes, this.#written);
    this.#written += bytes.length;
    this.#pieces = [];
    this.#joinedBytes = 0;
  }
}
