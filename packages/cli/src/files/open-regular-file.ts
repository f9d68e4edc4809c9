import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { UserError } from '../user-error.js';

/**
 * Opens a regular file for reading. Any other kind is refused before it is opened: opening a named pipe waits for its writer, and
 * reading a device may never end.
 *
 * @throws UserError if the path leads to something else than a regular file
 * @throws the error of the file system if the file cannot be opened
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  requireRegularFile(await stat(path));
  // Without O_NONBLOCK, a pipe that replaced the file after the check would still block. Windows has no such flag.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    requireRegularFile(await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws UserError that names the kind of the file, if it is not a regular file */
export function requireRegularFile(status: Stats): void {
  if (!status.isFile()) throw new UserError(`expected a regular file, got ${describeFileKind(status)}`);
}

function describeFileKind(status: Stats): string {
  if (status.isDirectory()) return 'a folder';
  if (status.isFIFO()) return 'a named pipe; save its data to a file first';
  if (status.isSocket()) return 'a socket';
  if (status.isBlockDevice() || status.isCharacterDevice()) return 'a device';
  return 'a special file';
}
