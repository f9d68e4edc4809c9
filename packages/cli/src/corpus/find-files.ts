import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

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

const SKIPPED_FOLDERS = new Set(['node_modules']);

/**
 * Finds all regular files under `folder`, except hidden files and folders and `node_modules`.
 *
 * Follows symbolic links last, and visits each folder and file once. So loops of links end, and files inside the tree keep
 * their own path.
 */
export async function findFiles(folder: string): Promise<FoundFiles> {
  const files: string[] = [];
  const unreadable: Unreadable[] = [];
  const visited = new Set<string>();
  const pending = [folder];
  const links: string[] = [];

  for (let path = pending.pop() ?? links.shift(); path !== undefined; path = pending.pop() ?? links.shift()) {
    try {
      const status = await stat(path, { bigint: true });
      const identity = `${status.dev}:${status.ino}`;
      if (visited.has(identity)) continue;
      visited.add(identity);
      if (status.isFile()) files.push(path);
      if (!status.isDirectory()) continue;
      const folders: string[] = [];
      for (const entry of (await readdir(path, { withFileTypes: true })).sort(byName)) {
        if (entry.name.startsWith('.')) continue;
        const child = join(path, entry.name);
        if (entry.isSymbolicLink()) {
          if (!SKIPPED_FOLDERS.has(entry.name)) links.push(child);
        } else if (entry.isDirectory()) {
          if (!SKIPPED_FOLDERS.has(entry.name)) folders.push(child);
        } else if (entry.isFile()) {
          const { dev, ino } = await stat(child, { bigint: true });
          if (visited.has(`${dev}:${ino}`)) continue;
          visited.add(`${dev}:${ino}`);
          files.push(child);
        }
      }
      pending.push(...folders.reverse());
    } catch (error) {
      unreadable.push({ path, reason: reasonOf(error) });
    }
  }
  return { files, unreadable };
}

/** Compares code units, for the same order in every locale. */
function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** The error code of the system (`ENOENT`, `EACCES`), or the message if there is none. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message : String(error);
}
