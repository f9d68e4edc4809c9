import { stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openVectors, writeVectors } from '../src/index.js';
import { npyBytes } from './npy-bytes.js';
import { temporaryFolder } from './temporary-folder.js';

const MIB = 2 ** 20;
const DIMENSIONS = 1024;
/** The file has 1 GiB. */
const ROWS = 2 ** 17;
const MOST_BYTES = 400 * MIB;

/** A file of zeros that takes no space on most file systems. */
async function sparseVectors(rows: number): Promise<string> {
  const header = npyBytes({ descr: "'<f8'", shape: `(${rows}, ${DIMENSIONS})`, data: new Uint8Array(0) });
  const path = join(await temporaryFolder({ 'v.npy': header }), 'v.npy');
  await truncate(path, header.length + rows * DIMENSIONS * 8);
  return path;
}

test('reads 1 GiB in less than 400 MiB', { timeout: 300_000 }, async () => {
  const path = await sparseVectors(ROWS);
  const before = process.memoryUsage().rss;
  let most = 0;
  let rows = 0;
  await using file = await openVectors(path);
  for await (const batch of file.batches()) {
    rows += batch.rows;
    most = Math.max(most, process.memoryUsage().rss - before);
  }
  expect(rows).toBe(ROWS);
  expect(most).toBeLessThan(MOST_BYTES);
});

test('converts 512 MiB in less than 400 MiB', { timeout: 300_000 }, async () => {
  const path = await sparseVectors(ROWS / 2);
  const before = process.memoryUsage().rss;
  let most = 0;
  await using file = await openVectors(path);
  const onProgress = () => void (most = Math.max(most, process.memoryUsage().rss - before));
  const copy = `${path}.safetensors`;
  const { rows, sizeBytes } = await writeVectors(copy, file, { dtype: 'float16', onProgress });
  expect(rows).toBe(ROWS / 2);
  expect((await stat(copy)).size).toBe(sizeBytes);
  expect(most).toBeLessThan(MOST_BYTES);
});

test('a header that asks for more than the file has allocates nothing', async () => {
  const path = join(await temporaryFolder(), 'v.npy');
  await writeFile(path, npyBytes({ shape: `(${2 ** 33}, 4)`, data: new Float32Array(4) }));
  const before = process.memoryUsage().arrayBuffers;
  await expect(openVectors(path)).rejects.toMatchObject({ kind: 'truncated' });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB);
});
