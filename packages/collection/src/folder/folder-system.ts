import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';

/** What saving does to a folder; tests put something else in its place. */
export interface FolderSystem {
  makeFolder(path: string): Promise<void>;
  /** Makes a file that is not there yet, and makes its contents durable. */
  create(path: string, pieces: Iterable<string>, signal?: AbortSignal): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes names durable. */
  syncFolder(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  remove(path: string): Promise<void>;
}

export const nodeFolderSystem: FolderSystem = {
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true });
  },
  create: async (path, pieces, signal) => {
    const file = await open(path, 'wx');
    try {
      for (const piece of pieces) {
        signal?.throwIfAborted();
        await file.writeFile(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  syncFolder: async (path) => {
    // Windows opens no folders, and needs no such call.
    if (process.platform === 'win32') return;
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  list: readdir,
  remove: (path) => rm(path, { force: true }),
};
