import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isError } from '@gearshift/contracts/internal';
import { FormatError } from '../format-error.js';
import { reasonOf, requireRegularFile } from './input-file.js';

/** A file that is written under another name in the same folder, and gets its name when it is complete. */
export class OutputFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #temporaryPath: string;
  /** The path without symbolic links, because a rename would replace the link instead of the file it leads to. */
  readonly #destination: string;
  readonly #overwrite: boolean;
  #position = 0;

  private constructor(
    path: string,
    handle: FileHandle,
    temporaryPath: string,
    destination: string,
    overwrite: boolean,
  ) {
    this.path = path;
    this.#handle = handle;
    this.#temporaryPath = temporaryPath;
    this.#destination = destination;
    this.#overwrite = overwrite;
  }

  /** @throws FormatError */
  static async create(path: string, overwrite: boolean, temporaryPath?: string): Promise<OutputFile> {
    try {
      const existing = await statIfAny(path);
      if (existing !== undefined) {
        requireRegularFile(path, existing);
        if (!overwrite) throw existsAlready(path);
      }
      const destination = existing === undefined ? path : await realpath(path);
      const aside = temporaryPath ?? `${destination}.${randomBytes(6).toString('hex')}.new`;
      // `wx` does not follow a link of that name. A file that only its owner may read stays so.
      const handle = await open(aside, 'wx', existing === undefined ? 0o666 : existing.mode & 0o777);
      return new OutputFile(path, handle, aside, destination, overwrite);
    } catch (error) {
      throw problemOf(path, error);
    }
  }

  /** Bytes written so far, without those that replaced others. */
  get bytes(): number {
    return this.#position;
  }

  /** Appends bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.writeAt(this.#position, bytes);
    this.#position += bytes.length;
  }

  /** Replaces bytes that were written before. */
  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < bytes.length;) {
        const length = Math.min(bytes.length - written, 2 ** 30);
        written += (await this.#handle.write(bytes, written, length, position + written)).bytesWritten;
      }
    } catch (error) {
      throw problemOf(this.path, error);
    }
  }

  /** Gives the file its name. After a crash of the machine there is the old file or the complete new one. */
  async commit(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
      if (!this.#overwrite && (await statIfAny(this.#destination)) !== undefined) throw existsAlready(this.path);
      await rename(this.#temporaryPath, this.#destination);
      await syncFolder(dirname(this.#destination));
    } catch (error) {
      throw problemOf(this.path, error);
    }
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined); // closed already
    await rm(this.#temporaryPath, { force: true });
  }
}

function existsAlready(path: string): FormatError {
  return new FormatError('exists', 'the file exists already; pass overwrite: true to replace it', { path });
}

function problemOf(path: string, error: unknown): Error {
  if (isError(error, 'FormatError')) return error;
  return new FormatError('inaccessible', `cannot write the file (${reasonOf(error)})`, { path }, { cause: error });
}

async function statIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The rename itself must survive a crash. Windows cannot open a folder, and needs no sync of it. */
async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch {
    // Some file systems cannot either.
  } finally {
    await folder?.close();
  }
}
