import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCorpus } from '../src/corpus/read-corpus.js';
import { MAX_FILE_BYTES } from '../src/corpus/read-text.js';
import { UserError } from '../src/user-error.js';
import { temporaryFolder } from './temporary-folder.js';

const binary = new Uint8Array([1, 0, 2, 0]);

describe('readCorpus', () => {
  test('returns passages with file and line, and reports its progress', async () => {
    const folder = await temporaryFolder({ 'a.md': '# A\n\ntext', 'b.bin': binary, 'c.unknown': 'plain', 'd.txt': '' });
    const progress: [number, number][] = [];
    const corpus = await readCorpus(folder, { onProgress: (done, total) => void progress.push([done, total]) });
    expect(corpus.passages.map(({ file, line }) => [file, line])).toEqual([
      [join(folder, 'a.md'), 1],
      [join(folder, 'c.unknown'), 1],
    ]);
    expect(corpus.fileCount).toBe(2);
    expect(corpus.notices).toEqual([]);
    expect(progress.at(-1)).toEqual([4, 4]);
  });

  test('reports files that are too large', async () => {
    const folder = await temporaryFolder({ 'a.txt': 'text', 'big.txt': 'x'.repeat(MAX_FILE_BYTES + 1) });
    const { notices, passages } = await readCorpus(folder);
    expect(notices).toEqual([`skipped ${join(folder, 'big.txt')}: 4.0 MiB, the limit is 4.0 MiB`]);
    expect(passages).toHaveLength(1);
  });

  test.each([
    ['no files', {}, 'the folder contains no files'],
    ['only binary files', { 'a.bin': binary, 'b/c.bin': binary }, 'the folder contains only binary files'],
    ['only white space', { 'a.txt': '  \n', 'b.bin': binary }, 'no text to search (1 empty and 1 binary files)'],
  ])('rejects a folder with %s', async (_name, files, message) => {
    const folder = await temporaryFolder(files);
    await expect(readCorpus(folder)).rejects.toEqual(new UserError(`--dir ${folder}: ${message}`));
  });

  test('rejects a folder in which every text is too large', async () => {
    const folder = await temporaryFolder({ 'big.txt': 'x'.repeat(MAX_FILE_BYTES + 1) });
    await expect(readCorpus(folder)).rejects.toThrow(`no text to search (skipped ${join(folder, 'big.txt')}: 4.0 MiB`);
  });

  test('rejects a missing folder, and a file', async () => {
    const folder = await temporaryFolder({ 'a.txt': 'x' });
    const missing = join(folder, 'missing');
    await expect(readCorpus(missing)).rejects.toEqual(
      new UserError(`--dir ${missing}: cannot read the folder (ENOENT)`),
    );
    const file = join(folder, 'a.txt');
    await expect(readCorpus(file)).rejects.toEqual(new UserError(`--dir ${file}: expected a folder, got a file`));
  });
});
