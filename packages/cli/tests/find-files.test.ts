import { link, symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findFiles } from '../src/corpus/find-files.js';
import { temporaryFolder } from './temporary-folder.js';

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

  test('reports a broken link and continues', async () => {
    const folder = await temporaryFolder({ 'a.txt': 'x' });
    await symlink(join(folder, 'gone'), join(folder, 'broken'));
    const { files, unreadable } = await findFiles(folder);
    expect(files).toHaveLength(1);
    expect(unreadable).toEqual([{ path: join(folder, 'broken'), reason: 'ENOENT' }]);
  });
});
