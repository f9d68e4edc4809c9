import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, FileError } from './file-error.js';
import { lockFile } from './file-lock.js';
import type { FileSystem, OpenFile } from './file-system.js';

/** The files of the host. */
export const nodeFileSystem: FileSystem = {
  async resolve(path) {
    const absolute = resolve(path);
    try {
      return await realpath(absolute);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    const folder = dirname(absolute);
    try {
      return join(await realpath(folder), basename(absolute));
    } catch (cause) {
      const code = codeOf(cause);
      if (code !== 'ENOENT') throw cause;
      throw new FileError('system', path, `expected a path in a folder that exists, and ${folder} does not`, {
        code,
        cause,
      });
    }
  },

  async open(path, access) {
    // Opening a pipe would wait for a process at its other end.
    if (!(await stat(path)).isFile()) throw new FileError('foreign', path, 'expected a regular file');
    return openFile(await open(path, access === 'read' ? 'r' : 'r+'));
  },

  async create(path, like) {
    const handle = await open(path, 'wx');
    const existing = await stat(like).catch(() => undefined);
    try {
      if (existing !== undefined) await handle.chmod(existing.mode & 0o777);
    } catch {
      // Some file systems have no permissions.
    }
    return openFile(handle);
  },

  rename,

  async remove(path) {
    await rm(path, { force: true });
  },

  async syncFolderOf(path) {
    // Windows has no handles of folders; its file system keeps names by itself.
    if (process.platform === 'win32') return;
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },

  lock: lockFile,
};

function openFile(handle: FileHandle): OpenFile {
  return {
    descriptor: handle.fd,

    async byteLength() {
      return (await handle.stat()).size;
    },

    async read(target, offset) {
      let done = 0;
      while (done < target.length) {
        const { bytesRead } = await handle.read(target, done, target.length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },

    async write(bytes, offset) {
      let done = 0;
      while (done < bytes.length) {
        done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
      }
    },

    async truncate(byteLength) {
      await handle.truncate(byteLength);
    },

    async sync() {
      await handle.datasync();
    },

    async close() {
      await handle.close();
    },
  };
}
