import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { leftOutTests } from '../src/left-out-tests.mjs';
import { groupFiles, readSources } from '../src/package-sources.mjs';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gearshift-sources-'));
  write('src/index.ts', '');
  write('src/a.ts', 'a');
  write('src/deep/b.ts', 'b');
  write('tests/a.test.ts', `import { a } from '../src/a.js';`);
  write('tests/helper.ts', '');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

it('readPackageSources returns all sources except the index, and the tests that vitest runs', () => {
  const { files, tests } = readSources(folder);
  expect(files.map(({ file }) => file)).toEqual(['src/a.ts', 'src/deep/b.ts']);
  expect(tests).toEqual(['tests/a.test.ts']);
});

it('the hash of a source depends on its text, and that of the package on every source, test and helper', () => {
  const before = readSources(folder);
  expect(readSources(folder)).toEqual(before);
  write('tests/helper.ts', 'changed');
  const withHelper = readSources(folder);
  expect(withHelper.testsHash).not.toBe(before.testsHash);
  expect(withHelper.packageHash).not.toBe(before.packageHash);
  expect(withHelper.files).toEqual(before.files);
  write('src/a.ts', 'changed');
  const withSource = readSources(folder);
  expect(withSource.testsHash).toBe(withHelper.testsHash);
  expect(withSource.packageHash).not.toBe(withHelper.packageHash);
  expect(withSource.files.map(({ hash }, index) => hash === before.files[index].hash)).toEqual([false, true]);
});

it('groups contain files in order up to a number of lines, and a longer file alone', () => {
  const files = [3, 3, 4, 12, 1].map((lines) => ({ text: 'x\n'.repeat(lines - 1) }));
  const lines = groupFiles(files, 10).map((group) => group.map(({ text }) => text.split('\n').length));
  expect(lines).toEqual([[3, 3, 4], [12], [1]]);
  expect(groupFiles([], 10)).toEqual([]);
});

it('tests that start worker threads are skipped, even if a helper starts them', () => {
  write('tests/crew.ts', `import { Worker } from 'node:worker_threads';\nnew Worker(url);`);
  write('tests/team.ts', `export { crew } from './crew.js';`);
  write('tests/b.test.ts', `import { a } from '../src/a.js';\nimport { crew } from './team.js';`);
  expect(leftOutTests(folder, ['tests/a.test.ts', 'tests/b.test.ts'])).toEqual([
    { file: 'tests/b.test.ts', why: expect.stringContaining('worker threads') },
  ]);
});

it('tests that explore interleavings, and tests without a source, are skipped', () => {
  write('tests/b.test.ts', `import { explore } from '@gearshift/schedule-explorer';\nimport { a } from '../src/a.js';`);
  write('tests/c.test.ts', `import { readFileSync } from 'node:fs';`);
  expect(leftOutTests(folder, ['tests/a.test.ts', 'tests/b.test.ts', 'tests/c.test.ts'])).toEqual([
    { file: 'tests/b.test.ts', why: expect.stringContaining('interleaving') },
    { file: 'tests/c.test.ts', why: 'imports none of the sources' },
  ]);
});
