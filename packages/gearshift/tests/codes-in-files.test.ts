import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { METRICS, unwrap } from '@gearshift/contracts';
import { describeFile, verifyFile } from '@gearshift/storage';
import { randomValues } from '@gearshift/testing';
import { afterAll, expect, test } from 'vitest';
import { createExecutor, RowSet, type Executor, type OwnedMatrix, type TopKOutput } from '../src/index.js';

// Large enough to be searched with codes.
const ROWS = 9000;
const DIMENSIONS = 256;
const values = randomValues(ROWS * DIMENSIONS, 80);
const queries = [randomValues(DIMENSIONS, 81), values.slice(5 * DIMENSIONS, 6 * DIMENSIONS)];

const folder = mkdtempSync(join(tmpdir(), 'gearshift-saved-codes-'));
let files = 0;
const newPath = () => join(folder, `${(files += 1)}.gearshift`);
const executors: Executor[] = [];
async function newExecutor(...options: Parameters<typeof createExecutor>): Promise<Executor> {
  const [given] = options;
  const executor = await createExecutor({ backends: ['cpu'], ...given });
  executors.push(executor);
  return executor;
}
afterAll(async () => {
  for (const executor of executors) await executor.close();
  rmSync(folder, { recursive: true });
});

const executor = await newExecutor();

/** A file with codes of {@link values}. */
async function savedFile(options: Parameters<Executor['matrix']>[1] = {}, by = executor): Promise<string> {
  const path = newPath();
  const matrix = await by.matrix(values, { dimensions: DIMENSIONS, ...options });
  await matrix.save(path, { companion: 'codes' });
  await matrix[Symbol.asyncDispose]();
  return path;
}

/** A search with codes: of all rows, unless a busy machine cut the request and left too few of them for codes. */
const CODED = { scanned: expect.any(Number), examined: expect.any(Number), rescored: expect.any(Number) };

/** Ranks until no busy machine cuts the request: then the search is one of the codes of so many rows. */
function expectScanned(rows: number, matrix: OwnedMatrix, by = executor): Promise<void> {
  const scanned = async () => (await by.topK(queries[0], matrix, { k: 10 })).search?.scanned;
  return expect.poll(scanned, { timeout: 50_000 }).toBe(rows);
}

const countsOf = (by: Executor) => by.snapshot('top-k').devices[0].companions;
const stateOf = (matrix: OwnedMatrix, by = executor) => by.describe(matrix).companions[0];

/** Rows by number are scored in float32, whatever there is of the matrix. Returns the search of the first ranking. */
async function compare(
  matrix: OwnedMatrix,
  by = executor,
  more: readonly Float32Array[] = [],
): Promise<TopKOutput['search']> {
  let first: TopKOutput['search'];
  const where = RowSet.fromPredicate(matrix.rows, (row) => row % 5 !== 0);
  const candidates = Uint32Array.from({ length: matrix.rows }, (_, i) => i);
  for (const query of [...queries, ...more]) {
    for (const metric of METRICS) {
      for (const options of [{ k: 10 }, { k: 100 }, { k: 10, where }]) {
        const { search, ...found } = await by.topK(query, matrix, { metric, ...options });
        expect(found).toEqual(await by.topK(query, matrix, { metric, ...options, candidates }));
        first ??= search;
      }
    }
  }
  return first;
}

test.each(['map', 'copy'] as const)(
  'an opened file is searched with its codes at once, and none are made (%s)',
  async (mode) => {
    const path = await savedFile();
    const own = await newExecutor({ memory: { companionBytes: 0 } });
    const matrix = await own.open(path, { mode });
    expect(stateOf(matrix, own)).toMatchObject({ status: 'ready' });
    const { search } = await own.topK(queries[0], matrix, { k: 10 });
    expect(search).toMatchObject(CODED);
    await expectScanned(ROWS, matrix, own);
    await compare(matrix, own);
    const counts = countsOf(own);
    expect(counts).toMatchObject({ bytes: 0, matrices: 1, built: 0, building: 0, refused: { budget: 0, memory: 0 } });
    expect(counts?.fileBytes).toBe(stateOf(matrix, own).bytes);
    expect(counts?.fileBytes).toBeGreaterThan(ROWS * DIMENSIONS);
    await matrix[Symbol.asyncDispose]();
    expect(countsOf(own)).toMatchObject({ fileBytes: 0, matrices: 0 });
  },
);

/** How many bytes of the rows of a mapped file this process has read, as the system counts its pages. */
function readRowBytes(path: string): number {
  const mappings = readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  // The rows are the first part of the file that is mapped.
  const mapping = mappings
    .filter((text) => text.includes(path))
    .sort((x, y) => offsetOf(x) - offsetOf(y))
    .at(0);
  return Number(/^Rss: +(\d+) kB/m.exec(mapping ?? '')?.[1]) * 1024;
}

function offsetOf(mapping: string): number {
  return Number.parseInt(mapping.split(' ')[2], 16);
}

test.runIf(process.platform === 'linux')('a search with the codes of a file reads few of its rows', async () => {
  const rows = 36_000;
  const path = newPath();
  const made = await executor.matrix(randomValues(rows * DIMENSIONS, 84), { dimensions: DIMENSIONS });
  await made.save(path, { companion: 'codes' });
  await made[Symbol.asyncDispose]();
  for (const companion of ['none', 'auto'] as const) {
    const matrix = await executor.open(path, { companion });
    expect(readRowBytes(path)).toBe(0);
    await executor.topK(queries[0], matrix, { k: 1 });
    const share = readRowBytes(path) / (rows * DIMENSIONS * 4);
    if (companion === 'none') expect(share).toBeGreaterThan(0.95);
    else expect(share).toBeLessThan(0.5);
    await matrix[Symbol.asyncDispose]();
  }
});

test('the first search may be synchronous, or that of a thread that received the matrix', async () => {
  const path = await savedFile();
  const first = await executor.open(path);
  expect(executor.topKSync(queries[0], first, { k: 10 }).search).toMatchObject(CODED);
  await expectScanned(ROWS, first);
  const second = await executor.open(path);
  const worker = new Worker(new URL('fixtures/shared-codes-worker.mjs', import.meta.url), {
    workerData: { matrix: second, query: queries[0] },
  });
  const answered = new Promise<{ output: TopKOutput; status: string; companions: { fileBytes: number } }>(
    (resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    },
  );
  worker.postMessage('rank');
  const { output, status, companions } = await answered;
  expect(output.search).toMatchObject(CODED);
  expect(status).toBe('ready');
  expect(companions.fileBytes).toBeGreaterThan(0);
  const { indices, scores } = await executor.topK(queries[0], first, { k: 10 });
  expect([output.indices, output.scores]).toEqual([indices, scores]);
  // The threads share the codes, also after the one that used them first has ended.
  expect((await executor.topK(queries[0], second, { k: 10 })).search).toMatchObject(CODED);
  await expectScanned(ROWS, second);
  await worker.terminate();
  expect(await compare(second)).toBeDefined();
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

test('rows that change after the save get codes of their own, in memory and when the file is opened again', async () => {
  const path = await savedFile();
  const wanted = queries[0].map((value) => value * 3);
  const writer = await executor.open(path, { writable: true });
  expect(await compare(writer)).toBeDefined();
  await Promise.all([
    writer.update(4000, wanted),
    writer.remove([5, 17]),
    writer.append([wanted, ...Array.from({ length: 40 }, (_, i) => values.subarray(i, i + DIMENSIONS))]),
  ]);
  expect(await compare(writer, executor, [wanted])).toMatchObject(CODED);
  await expectScanned(ROWS + 41 - 2, writer);
  expect((await executor.topK(wanted, writer, { k: 2 })).indices).toEqual(Uint32Array.of(4000, ROWS));
  await writer[Symbol.asyncDispose]();

  const opened = await executor.open(path);
  const { search, indices } = await executor.topK(wanted, opened, { k: 2 });
  expect(search).toBeDefined();
  expect(indices).toEqual(Uint32Array.of(4000, ROWS));
  expect(await compare(opened, executor, [wanted])).toBeDefined();
  const counts = countsOf(executor);
  expect(counts).toMatchObject({ bytes: 0, built: 0 });
  await opened[Symbol.asyncDispose]();
});

test('a file to which more rows were appended than its codes have room for is searched with codes in memory', async () => {
  const own = await newExecutor();
  const matrix = await own.open(await savedFile(), { writable: true });
  expect(await compare(matrix, own)).toBeDefined();
  await matrix.append(values);
  await matrix.append(values.subarray(0, 100 * DIMENSIONS));
  expect(await compare(matrix, own)).toBeDefined();
  expect(countsOf(own)).toMatchObject({ fileBytes: 0, built: 0 });
  expect(countsOf(own)?.bytes).toBeGreaterThan(2 * ROWS * DIMENSIONS);
  await matrix[Symbol.asyncDispose]();
});

test('codes are those of the version that is saved, although rows change and are searched meanwhile', async () => {
  const path = newPath();
  const matrix = await executor.matrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
  let isSaved = false;
  const saving = matrix.save(path).finally(() => (isSaved = true));
  let changes = 0;
  // On a busy machine a save may take no longer than a few changes. The first is always made during it.
  while (!isSaved || changes < 60) {
    // The best row becomes one of the worst, and the other way round.
    const row = (changes * 1237) % ROWS;
    await matrix.update(
      row,
      queries[changes % 2].map((value) => value * (changes % 3 === 0 ? -1 : 1)),
    );
    await executor.topK(queries[0], matrix, { k: 3 });
    changes += 1;
  }
  await saving;
  const opened = await executor.open(path, { verify: true });
  const { buffer, byteLength } = opened.values;
  expect(Buffer.compare(new Uint8Array(buffer, 0, byteLength), new Uint8Array(values.buffer))).toBe(0);
  expect(await compare(opened)).toBeDefined();
  // Every row that was changed is still found by what it was.
  for (let change = 0; change < 60; change++) {
    const row = (change * 1237) % ROWS;
    const query = values.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS);
    const { indices, search } = await executor.topK(query, opened, { k: 1 });
    expect([indices[0], search]).toMatchObject([row, CODED]);
  }
  await opened[Symbol.asyncDispose]();
  await matrix[Symbol.asyncDispose]();
});

test('files are searched with the norms of the level that searches, to the last bit', async () => {
  const path = await savedFile();
  const portable = unwrap(await createCpuBackend({ level: 'portable' }));
  const own = await newExecutor({ backends: [portable] });
  const plain = await own.open(path, { companion: 'none' });
  const matrix = await own.open(path);
  // Norms of this level are worked out in the background; the codes are those of the file.
  for (const isCoded of [false, true]) {
    if (isCoded) await expect.poll(() => stateOf(matrix, own).status, { timeout: 50_000 }).toBe('ready');
    for (const metric of METRICS) {
      const { search, ...found } = await own.topK(queries[0], matrix, { k: 20, metric });
      const { search: none, ...expected } = await own.topK(queries[0], plain, { k: 20, metric });
      expect(none).toBeUndefined();
      expect(found).toEqual(expected);
      if (isCoded) expect(search).toMatchObject(CODED);
    }
    if (isCoded) await expectScanned(ROWS, matrix, own);
  }
  expect(countsOf(own)).toMatchObject({ bytes: 0, built: 0 });
  await own.close();
  await portable.close();
});

test.each([
  ['float16', 512],
  ['bfloat16', 512],
] as const)('codes of %s rows come back too', async (dtype, dimensions) => {
  const path = newPath();
  const made = await executor.matrix(randomValues(9000 * dimensions, 82), { dimensions, dtype, companion: 'codes' });
  await made.save(path);
  const opened = await executor.open(path);
  const query = randomValues(dimensions, 83);
  for (const metric of METRICS) {
    const { search, ...found } = await executor.topK(query, opened, { k: 10, metric });
    const { search: _, ...expected } = await executor.topK(query, made, { k: 10, metric });
    expect(found).toEqual(expected);
    expect(search).toMatchObject(CODED);
  }
  await opened[Symbol.asyncDispose]();
  await made[Symbol.asyncDispose]();
});

test('codes are saved where there are some, made first if that is asked for, and left out if they would save no time', async () => {
  const path = newPath();
  const hasCodes = async () => (await describeFile(path)).sections.some(({ name }) => name === 'companion');
  const plain = await executor.matrix(values, { dimensions: DIMENSIONS });
  await plain.save(path);
  expect(await hasCodes()).toBe(false);
  await plain.save(path, { companion: 'codes' });
  expect(await hasCodes()).toBe(true);
  await verifyFile(path);
  // They were made for good.
  expect(stateOf(plain)).toMatchObject({ status: 'ready' });
  await plain.save(path, { companion: 'none' });
  expect(await hasCodes()).toBe(false);
  await plain.save(path);
  expect(await hasCodes()).toBe(true);
  await plain[Symbol.asyncDispose]();

  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  const adopted = await executor.matrix(shared, { dimensions: DIMENSIONS, adopt: true, companion: 'codes' });
  await adopted.save(path);
  expect(await hasCodes()).toBe(true);
  await adopted[Symbol.asyncDispose]();

  const small = await executor.matrix(values.subarray(0, 100 * DIMENSIONS), {
    dimensions: DIMENSIONS,
    companion: 'codes',
  });
  await small.save(path, { companion: 'codes' });
  expect(await hasCodes()).toBe(false);
  await small[Symbol.asyncDispose]();
});

test('a file that is opened can be saved to another with its codes, and compact() writes those that a matrix asks for', async () => {
  const path = await savedFile();
  const copy = newPath();
  const opened = await executor.open(path);
  await opened.save(copy);
  const again = await executor.open(copy, { writable: true, companion: 'codes' });
  expect((await executor.topK(queries[0], again, { k: 10 })).search).toBeDefined();
  await again.remove([1, 2, 3]);
  await again.compact();
  expect(await compare(again)).toBeDefined();
  await again[Symbol.asyncDispose]();
  const compacted = await executor.open(copy);
  expect(stateOf(compacted)).toMatchObject({ status: 'ready' });
  expect(await compare(compacted)).toMatchObject(CODED);
  await expectScanned(ROWS - 3, compacted);
  await compacted[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
});

/** Where the codes of a file begin, the bytes of their head, and a function that writes the file with other bytes. */
async function opensChanged(change: (section: Buffer, descriptionAt: number) => void): Promise<OwnedMatrix> {
  const path = await savedFile();
  const section = (await describeFile(path)).sections.find(({ name }) => name === 'companion');
  if (section === undefined) throw new Error('there are no codes');
  const bytes = readFileSync(path);
  const part = bytes.subarray(section.offset, section.offset + section.byteLength);
  const descriptionAt = 24 + 4 * part.readUInt32LE(4);
  change(part, descriptionAt);
  const end = descriptionAt + part.readUInt32LE(20);
  part.writeUInt32LE(crc32(part.subarray(0, end)), end);
  writeFileSync(path, bytes);
  return executor.open(path);
}

test.each([
  ['of another layout', 0],
  ['for other dimensions', 4],
  ['with another rotation', 8],
])('codes %s are left out', async (_, field) => {
  const matrix = await opensChanged((section, at) =>
    section.writeUInt32LE(section.readUInt32LE(at + field) + 1, at + field),
  );
  expect(stateOf(matrix)).toMatchObject({ status: 'earning', bytes: 0 });
  expect((await executor.topK(queries[0], matrix, { k: 10 })).search).toBeUndefined();
  expect(executor.topKSync(queries[0], matrix, { k: 10 }).search).toBeUndefined();
  await compare(matrix);
  await matrix[Symbol.asyncDispose]();
});

test.each([
  ['that are not numbers', () => 0xff],
  ['of zeros', () => 0],
  ['of random bytes', (i: number) => (Math.imul(i, 0x9e37_79b1) >>> 13) & 0xff],
])('forged codes %s lead to other answers at most', async (_, byteAt) => {
  const matrix = await opensChanged((section) => {
    for (let i = 65_536; i < section.length; i++) section[i] = byteAt(i);
  });
  for (const query of queries) {
    for (const metric of METRICS) {
      for (const k of [1, 10, 500]) {
        const { indices, scores, count } = await executor.topK(query, matrix, { k, metric });
        expect(count).toBe(k);
        expect(new Set(indices).size).toBe(k);
        expect(Math.max(...indices)).toBeLessThan(ROWS);
        expect(scores).toHaveLength(k);
      }
    }
    const together = Float32Array.from([...query, ...query, ...query, ...query, ...query]);
    await executor.topK(together, matrix, { queries: 5, k: 10 });
  }
  await matrix[Symbol.asyncDispose]();
});
