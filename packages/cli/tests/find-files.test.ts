import type * as fileSystem from 'node:fs/promises';
import { link, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { findFiles } from '../src/corpus/find-files.js';
import { temporaryFolder } from './temporary-folder.js';

/** Paths that the file system deletes between listing and examination. */
const deletedAfterListing = new Set<string>();
/** Folders with this many sub-folders, which are not created: that would take minutes. */
const manyFolders = new Map<string, number>();

vi.mock('node:fs/promises', async (importActual) => {
  const actual = await importActual<typeof fileSystem>();
  const statOf = (call: typeof actual.stat) => async (path: string, options: { bigint: true }) => {
    const invented = /^invented(\d+)$/.exec(basename(path));
    if (invented === null) return await call(path, options);
    const ino = -BigInt(invented[1]);
    return { dev: -1n, ino, isFile: () => false, isSymbolicLink: () => false, isDirectory: () => true };
  };
  return {
    ...actual,
    stat: statOf(actual.stat),
    lstat: statOf(actual.lstat),
    readdir: async (path: string, ...rest: []) => {
      if (basename(path).startsWith('invented')) return [];
      const names = await actual.readdir(path, ...rest);
      for (const child of deletedAfterListing) {
        if (deletedAfterListing.delete(child)) await rm(child, { recursive: true, force: true });
      }
      const invented = Array.from({ length: manyFolders.get(path) ?? 0 }, (_value, index) => `invented${index}`);
      return [...names, ...invented];
    },
  };
});

async function found(folder: string): Promise<string[]> {
  const { files } = await findFiles(folder);
  return files.map((file) => relative(folder, file).replaceAll('\\', '/'));
}

describe('findFiles', () => {
  test('finds files in every folder, in a fixed order', async () => {
    const folder = await temporaryFolder({
      'b.md': 'b',
      'a/z.txt': 'z',
      'a/c/d.txt': 'd',
      'B.md': 'B',
      'e/f.txt': 'f',
    });
    expect(await found(folder)).toEqual(['B.md', 'b.md', 'a/z.txt', 'a/c/d.txt', 'e/f.txt']);
  });

  test('ignores hidden files and folders and node_modules', async () => {
    const folder = await temporaryFolder({
      '.git/config': 'x',
      '.env': 'x',
      'node_modules/p/README.md': 'x',
      'deep/node_modules/p/README.md': 'x',
      'seen.txt': 'x',
    });
    expect(await found(folder)).toEqual(['seen.txt']);
  });

  test('searches a hidden folder that is given as the argument', async () => {
    const folder = await temporaryFolder({ '.notes/a.txt': 'x' });
    expect(await found(join(folder, '.notes'))).toEqual(['a.txt']);
  });

  test('ends despite a loop of links, and reports files by their path in the tree', async () => {
    const folder = await temporaryFolder({ 'z/real.txt': 'x' });
    await symlink(folder, join(folder, 'z', 'loop'));
    await symlink(join(folder, 'z'), join(folder, 'a-link'));
    expect(await found(folder)).toEqual(['z/real.txt']);
  });

  test('follows a link out of the folder once', async () => {
    const outside = await temporaryFolder({ 'o.txt': 'x' });
    const folder = await temporaryFolder();
    await symlink(outside, join(folder, 'one'));
    await symlink(outside, join(folder, 'two'));
    expect(await found(folder)).toEqual(['one/o.txt']);
  });

  test('visits a file with two names once', async () => {
    const folder = await temporaryFolder({ 'a.txt': 'x' });
    await link(join(folder, 'a.txt'), join(folder, 'b.txt'));
    expect(await found(folder)).toEqual(['a.txt']);
  });

  test.skipIf(process.platform !== 'linux')(
    'reports a name that is not UTF-8 and finds the rest of its folder (needs Linux)',
    async () => {
      const folder = await temporaryFolder({ 'a.txt': 'x', 'sub/b.txt': 'x', 'z.txt': 'x' });
      const bad = (name: string): Buffer => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);
      await writeFile(bad('caf\u00e9.txt'), 'x');
      await mkdir(bad('d\u00e9p\u00f4t'));
      await symlink('a.txt', bad('li\u00e9'));
      const { files, unreadable } = await findFiles(folder);
      expect(files.map((file) => relative(folder, file))).toEqual(['a.txt', 'z.txt', 'sub/b.txt']);
      expect(unreadable).toHaveLength(3);
      expect(unreadable[0]).toEqual({
        path: join(folder, 'caf\ufffd.txt'),
        reason: 'the name is not UTF-8; rename it',
      });
    },
  );

  test('reports a file that is deleted after its folder was listed, and finds the rest', async () => {
    const folder = await temporaryFolder({ 'a.txt': 'x', 'gone.txt': 'x', 'gone/c.txt': 'x', 'z.txt': 'x' });
    deletedAfterListing.add(join(folder, 'gone.txt')).add(join(folder, 'gone'));
    const { files, unreadable } = await findFiles(folder);
    expect(files.map((file) => relative(folder, file))).toEqual(['a.txt', 'z.txt']);
    expect(unreadable).toEqual([
      { path: join(folder, 'gone'), reason: 'ENOENT' },
      { path: join(folder, 'gone.txt'), reason: 'ENOENT' },
    ]);
  });

  test('finds the files of a folder with more sub-folders than a call can have arguments', async () => {
    const folder = await temporaryFolder({ 'a.txt': 'x' });
    manyFolders.set(folder, 150_000);
    const { files, unreadable } = await findFiles(folder);
    expect(files).toEqual([join(folder, 'a.txt')]);
    expect(unreadable).toEqual([]);
  });

  test('reports a broken link and continues', async () => {
    const folder = await temporaryFolder({ 'a.txt': 'x' });
    await symlink(join(folder, 'gone'), join(folder, 'broken'));
    const { files, unreadable } = await findFiles(folder);
    expect(files).toHaveLength(1);
    expect(unreadable).toEqual([{ path: join(folder, 'broken'), reason: 'ENOENT' }]);
  });
});
