import { accessSync, constants, realpathSync, renameSync, rmSync, statSync, writeFileSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { requireRegularFile } from './open-regular-file.js';

/**
 * Checks that {@link writeFileAside} can write to `path`, and changes nothing.
 *
 * @throws UserError or an error of the file system if it cannot
 */
export function requireWritableFile(path: string): void {
  const status = existing(path);
  if (status !== undefined) {
    requireRegularFile(status);
    accessSync(path, constants.W_OK);
  }
  accessSync(dirname(destinationOf(path)), constants.W_OK);
}

/**
 * Writes a file in one step: first under another name in the same folder, then renamed. An interrupted run leaves the old file or the
 * new one, and never a part. Synchronous, so that no signal is handled between the steps.
 */
export function writeFileAside(path: string, text: string): void {
  const destination = destinationOf(path);
  const aside = asidePathOf(path);
  try {
    // `wx` does not follow a link of that name.
    writeFileSync(aside, text, { flag: 'wx', mode: modeOf(existing(path)) });
    renameSync(aside, destination);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

/** Where a file is written before it gets its name: in the folder of the file that a link leads to. */
export function asidePathOf(path: string): string {
  return `${destinationOf(path)}.${process.pid}.new`;
}

/** The path without symbolic links, because a rename would replace the link instead of the file it leads to. */
function destinationOf(path: string): string {
  return existing(path) === undefined ? path : realpathSync(path);
}

/** A file that only its owner may read stays so. */
function modeOf(status: Stats | undefined): number {
  return status === undefined ? 0o666 : status.mode & 0o777;
}

function existing(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
