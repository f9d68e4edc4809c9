import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireWritableFile, writeFileAside } from '../src/files/write-file-aside.js';
import { temporaryFolder } from './temporary-folder.js';

describe('writeFileAside', () => {
  test('creates and replaces a file, and leaves no other', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a.json');
    for (const text of ['one', 'two']) {
      writeFileAside(path, text);
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
    expect(readdirSync(folder)).toEqual(['a.json']);
  });

  test.skipIf(process.platform === 'win32')('keeps a link and the mode of its file', async () => {
    const folder = await temporaryFolder({ 'real.json': 'old' });
    chmodSync(join(folder, 'real.json'), 0o600);
    symlinkSync('real.json', join(folder, 'link.json'));
    writeFileAside(join(folder, 'link.json'), 'new');
    expect(lstatSync(join(folder, 'link.json')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, 'real.json'), 'utf8')).toBe('new');
    expect(statSync(join(folder, 'real.json')).mode & 0o777).toBe(0o600);
  });

  test('removes what it wrote if the last step fails', async () => {
    const folder = await temporaryFolder();
    mkdirSync(join(folder, 'a.json', 'b'), { recursive: true });
    expect(() => writeFileAside(join(folder, 'a.json'), 'x')).toThrow();
    expect(readdirSync(folder)).toEqual(['a.json']);
  });
});

describe('requireWritableFile', () => {
  test('accepts a new name and an existing file, and changes neither', async () => {
    const folder = await temporaryFolder({ 'a.json': 'old' });
    requireWritableFile(join(folder, 'a.json'));
    requireWritableFile(join(folder, 'new.json'));
    expect(readdirSync(folder)).toEqual(['a.json']);
    expect(readFileSync(join(folder, 'a.json'), 'utf8')).toBe('old');
  });

  test('refuses a folder, a device and a missing folder', async () => {
    const folder = await temporaryFolder();
    expect(() => requireWritableFile(folder)).toThrow('expected a regular file, got a folder');
    expect(() => requireWritableFile(join(folder, 'gone', 'a.json'))).toThrow('ENOENT');
    if (process.platform === 'linux') {
      expect(() => requireWritableFile('/dev/null')).toThrow('expected a regular file, got a device');
    }
  });
});
