import type { BigIntStats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../files/reason-of.js';

export interface FoundFiles {
  /** Paths that start with the given folder, sorted within each folder. */
  readonly files: readonly string[];
  /** Folders and links that could not be read, with the reason. The rest of the tree is still searched. */
  readonly unreadable: readonly Unreadable[];
}

export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

/** Left out like the names that the user excludes. */
const ALWAYS_EXCLUDED = ['node_modules'];

/**
 * Finds all regular files under `folder`, except hidden files and folders, `node_modules` and names in `exclude`.
 *
 * Follows symbolic links last, and visits each folder and file once. So loops of links end, and files inside the tree keep
 * their own path. An entry that cannot be examined costs only itself: it may have been deleted since its folder was listed.
 */
export async function findFiles(folder: string, exclude: readonly string[] = []): Promise<FoundFiles> {
  const excluded = new Set([...ALWAYS_EXCLUDED, ...exclude]);
  const files: string[] = [];
  const unreadable: Unreadable[] = [];
  const visited = new Set<string>();
  const folders: string[] = [];
  // The given folder may be a link, so it is followed like one.
  const links = [folder];

  const add = (path: string, status: BigIntStats): void => {
    const identity = `${status.dev}:${status.ino}`;
    if (visited.has(identity)) return;
    visited.add(identity);
    if (status.isFile()) files.push(path);
    if (status.isDirectory()) folders.push(path);
  };

  const addEntries = async (path: string): Promise<void> => {
    const subfolders: [path: string, status: BigIntStats][] = [];
    // Without file types: where the file system does not store them, readdir() would fail as a whole if one entry is gone.
    for (const name of (await readdir(path)).sort(byCodeUnits)) {
      if (name.startsWith('.') || excluded.has(name)) continue;
      const child = join(path, name);
      try {
        const status = await lstat(child, { bigint: true });
        if (status.isFile()) add(child, status);
        else if (status.isSymbolicLink()) links.push(child);
        else if (status.isDirectory()) subfolders.push([child, status]);
      } catch (error) {
        unreadable.push({ path: child, reason: reasonForEntry(name, error) });
      }
    }
    // The first is taken first. One by one, because a call with 130,000 arguments overflows the stack.
    for (const [child, status] of subfolders.reverse()) add(child, status);
  };

  // Links that are found on the way are appended.
  for (const link of links) {
    try {
      add(link, await stat(link, { bigint: true }));
    } catch (error) {
      unreadable.push({ path: link, reason: reasonOf(error) });
    }
    for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
      try {
        await addEntries(path);
      } catch (error) {
        unreadable.push({ path, reason: reasonOf(error) });
      }
    }
  }
  return { files, unreadable };
}

/** A listed name that does not exist contains bytes that are not UTF-8, or was deleted since. */
function reasonForEntry(name: string, error: unknown): string {
  const reason = reasonOf(error);
  return reason === 'ENOENT' && name.includes('\ufffd') ? 'the name is not UTF-8; rename it' : reason;
}

/** For the same order in every locale. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : 1;
}
