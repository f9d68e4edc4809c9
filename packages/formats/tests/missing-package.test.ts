import { spawnSync } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { fixture } from './read-all.js';
import { temporaryFolder } from './temporary-folder.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = `
import { openVectors } from '@gearshift/formats';
const results = [];
for (const path of process.argv.slice(2)) {
  try {
    const file = await openVectors(path);
    for await (const batch of file.batches()) results.push(batch.rows);
    await file.close();
  } catch ({ name, kind, message }) {
    results.push([name, kind, message]);
  }
}
console.log(JSON.stringify(results));
`;

test('without fzstd, only ZSTD on a Node.js that lacks it is an error, which says how to fix it', async () => {
  // The built package where fzstd cannot be found.
  const folder = await temporaryFolder();
  const modules = join(folder, 'node_modules/@gearshift');
  await mkdir(join(modules, 'formats'), { recursive: true });
  await cp(join(PACKAGE, 'dist'), join(modules, 'formats/dist'), { recursive: true });
  await cp(join(PACKAGE, 'package.json'), join(modules, 'formats/package.json'));
  await symlink(join(PACKAGE, '../contracts'), join(modules, 'contracts'));
  await writeFile(join(folder, 'program.mjs'), PROGRAM);

  const paths = ['snappy.parquet', 'lz4.arrow', 'zstd.parquet', 'zstd.arrow'].map(fixture);
  const { stdout, stderr } = spawnSync(process.execPath, ['program.mjs', ...paths], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  const results = JSON.parse(stdout) as unknown[];
  if ('zstdDecompressSync' in zlib) {
    expect(results).toEqual([4, 2, 4, 2, 4, 2, 4, 2]);
    return;
  }
  const remedy = 'Zstandard needs Node.js 22.15 or later, or a package; to fix it: npm install fzstd';
  expect(results).toEqual([
    ...[4, 2, 4, 2],
    ['FormatError', 'missing-package', expect.stringContaining(remedy)],
    ['FormatError', 'missing-package', expect.stringContaining(remedy)],
  ]);
});
