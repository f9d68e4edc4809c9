import { constants, type Stats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { isError } from '@gearshift/contracts/internal';
import { escapeName } from '../escape-name.js';
import { FormatError, type FormatErrorKind } from '../format-error.js';

/** The part of a FileHandle that is needed. */
export interface OpenFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/** A regular file that is open for reading, and the errors that it causes. */
export class InputFile {
  readonly path: string;
  /** Size when it was opened. No read goes beyond it, so that no length in the file makes a buffer that the file cannot fill. */
  readonly sizeBytes: number;
  /** For errors; set as soon as the format is known. */
  format: string | undefined;
  readonly #handle: OpenFile;
  #isClosed = false;

  /** Use {@link InputFile.open}; tests pass bytes in memory. */
  constructor(path: string, handle: OpenFile, sizeBytes: number) {
    this.path = path;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  /**
   * Any other kind of file is refused before it is opened: opening a named pipe waits for its writer, and reading a device may never end.
   *
   * @throws FormatError
   */
  static async open(path: string): Promise<InputFile> {
    let handle: FileHandle | undefined;
    try {
      requireRegularFile(path, await stat(path));
      // Without O_NONBLOCK, a pipe that replaced the file after the check would still block. Windows has no such flag.
      handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const status = await handle.stat();
      requireRegularFile(path, status);
      return new InputFile(path, handle, status.size);
    } catch (error) {
      await handle?.close();
      if (isError(error, 'FormatError')) throw error;
      throw new FormatError('inaccessible', `cannot read the file (${reasonOf(error)})`, { path }, { cause: error });
    }
  }

  /**
   * Reads exactly these bytes into a buffer of its own, at its start.
   *
   * @throws FormatError if the file ends before
   */
  async read(position: number, length: number, what = 'the file'): Promise<Uint8Array> {
    this.requireOpen();
    if (!this.has(position, length))
      throw this.error('truncated', `truncated: the file ends in ${what}`, this.sizeBytes);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const bytesRead = await this.#readOnce(bytes, filled, position + filled);
      if (bytesRead === 0) {
        throw this.error('changed', 'truncated: the file became shorter while it was read', position + filled);
      }
      filled += bytesRead;
    }
    return bytes;
  }

  /** Whether the file has these bytes. False for a length or a position that no file has, such as NaN. */
  has(position: number, length: number): boolean {
    return position >= 0 && length >= 0 && position + length <= this.sizeBytes;
  }

  error(kind: FormatErrorKind, problem: string, offset?: number, cause?: unknown): FormatError {
    const place = { path: this.path, format: this.format, offset };
    return new FormatError(kind, problem, place, cause === undefined ? undefined : { cause });
  }

  requireOpen(): void {
    if (this.#isClosed) throw new TypeError(`file: expected an open file, got the closed ${escapeName(this.path)}`);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#handle.close();
  }

  async #readOnce(bytes: Uint8Array, offset: number, position: number): Promise<number> {
    // A single read must stay below 2 GiB.
    const length = Math.min(bytes.length - offset, 2 ** 30);
    try {
      return (await this.#handle.read(bytes, offset, length, position)).bytesRead;
    } catch (error) {
      throw this.error('inaccessible', `cannot read the file (${reasonOf(error)})`, position, error);
    }
  }
}

/** The error code of the system (`ENOENT`, `EACCES`), or the message if there is none. */
export function reasonOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  // Other packages have numbers as codes.
  return escapeName(typeof code === 'string' ? code : String(message ?? error));
}

/** @throws FormatError that names the kind of the file, if it is not a regular file */
export function requireRegularFile(path: string, status: Stats): void {
  if (status.isFile()) return;
  throw new FormatError('not-a-file', `expected a regular file, got ${describeFileKind(status)}`, { path });
}

function describeFileKind(status: Stats): string {
  if (status.isDirectory()) return 'a folder';
  if (status.isFIFO()) return 'a named pipe; save its data to a file first';
  if (status.isSocket()) return 'a socket';
  if (status.isBlockDevice() || status.isCharacterDevice()) return 'a device';
  return 'a special file';
}
