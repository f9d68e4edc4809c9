import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { randomValues } from '@gearshift/testing';
import { afterEach, expect, test } from 'vitest';
import {
  createExecutor,
  type CompanionCounts,
  type Executor,
  type OwnedMatrix,
  type TopKOutput,
  type VectorMatrix,
} from '../src/index.js';

// Large enough to be searched with codes.
const ROWS = 9000;
const DIMENSIONS = 256;
const values = randomValues(ROWS * DIMENSIONS, 90);
const query = randomValues(DIMENSIONS, 91);
/** A search with codes: of all rows, unless a slow machine cut the request and left too few of them for codes. */
const CODED = { scanned: expect.any(Number), examined: expect.any(Number), rescored: expect.any(Number) };

let executor: Executor;
afterEach(() => executor.close());

const companionOf = (matrix: VectorMatrix) => executor.describe(matrix).companions[0];
const companions = () => executor.snapshot('top-k').devices.find(({ id }) => id === 'cpu')?.companions;

/** Rows by number are scored in float32, whatever there is of the matrix. */
async function compare(matrix: VectorMatrix): Promise<void> {
  const candidates = Uint32Array.from({ length: matrix.rows }, (_, i) => i);
  const expected = await executor.topK(query, matrix, { k: 10, candidates });
  const { search: _search, ...found } = await executor.topK(query, matrix, { k: 10 });
  expect(found).toEqual(expected);
}

/** Ranks until codes are there, with time between the requests to make them; every answer is the same. */
async function rankUntilReady(matrix: VectorMatrix): Promise<Set<string>> {
  // Before any ranking: one that a busy machine holds up may pay for the codes alone.
  const seen = new Set<string>([companionOf(matrix).status]);
  const { search: _none, ...expected } = await executor.topK(query, matrix, { k: 10 });
  for (let i = 0; i < 20_000 && !seen.has('ready'); i++) {
    seen.add(companionOf(matrix).status);
    const { search: _search, ...found } = await executor.topK(query, matrix, { k: 10 });
    expect(found).toEqual(expected);
    await setTimeout(3);
  }
  return seen;
}

test('a matrix gets codes by itself after many rankings, with the same answers before, during and after', async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  const matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
  expect(companionOf(matrix)).toMatchObject({ backend: 'cpu', status: 'earning', bytes: 0 });
  expect(companions()).toMatchObject({ bytes: 0, matrices: 0, budgetBytes: null, built: 0 });
  const seen = await rankUntilReady(matrix);
  expect([...seen]).toEqual(expect.arrayContaining(['earning', 'ready']));
  const { bytes } = companionOf(matrix);
  expect(bytes).toBeGreaterThan(ROWS * DIMENSIONS);
  expect(companions()).toMatchObject({ bytes, matrices: 1, building: 0, built: 1 });

  const { search } = executor.topKSync(query, matrix, { k: 10 });
  expect(search).toMatchObject(CODED);
  const ran = await executor.run({ operation: 'top-k', query, matrix, k: 10 });
  expect(ran.ok && ran.value.attempts[0].search).toMatchObject(CODED);
  expect(ran.ok && ran.value.output.search).toMatchObject(CODED);
  await compare(matrix);
  await matrix[Symbol.asyncDispose]();
  expect(companions()).toMatchObject({ bytes: 0, matrices: 0 });
});

test('a matrix of a file gets codes by itself', async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-companions-'));
  const path = join(folder, 'rows.gearshift');
  await using made = await executor.matrix(values, { dimensions: DIMENSIONS });
  await made.save(path);
  await using opened = await executor.open(path);
  expect(await rankUntilReady(opened)).toContain('ready');
  await compare(opened);
  rmSync(folder, { recursive: true });
});

interface Report {
  readonly output: TopKOutput;
  readonly companions: CompanionCounts;
  readonly status: string;
}

async function startWorker(matrix: OwnedMatrix): Promise<{ ask(): Promise<Report>; stop(): Promise<void> }> {
  const worker = new Worker(new URL('fixtures/shared-codes-worker.mjs', import.meta.url), {
    workerData: { matrix, query },
  });
  return {
    async ask() {
      worker.postMessage('rank');
      const [report] = (await once(worker, 'message')) as [Report];
      return report;
    },
    async stop() {
      worker.postMessage('stop');
      await once(worker, 'exit');
    },
  };
}

test('threads share the codes that one of them made', async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  await using matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
  await rankUntilReady(matrix);
  const worker = await startWorker(matrix);
  // The first ranking of a thread has no copy yet. It finds the one of the process.
  await worker.ask();
  const { output, companions: counts, status } = await worker.ask();
  expect(status).toBe('ready');
  expect(counts).toMatchObject({ matrices: 1, built: 0, bytes: companionOf(matrix).bytes });
  expect(output.search).toMatchObject(CODED);
  const { indices, scores } = await executor.topK(query, matrix, { k: 10 });
  expect(output).toMatchObject({ indices, scores });
  await worker.stop();
});

test('codes are made again after a change while another thread uses the matrix', async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  await using matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
  await rankUntilReady(matrix);
  const worker = await startWorker(matrix);
  await worker.ask();
  expect((await worker.ask()).status).toBe('ready');
  await matrix.update(3, query);
  await compare(matrix);
  // The second one is the state after a ranking that a busy machine held up: it pays for the codes alone.
  expect(['earning', 'waiting']).toContain(companionOf(matrix).status);
  expect(companions()).toMatchObject({ matrices: 0, built: 1 });
  expect(await rankUntilReady(matrix)).toContain('ready');
  expect(companions()).toMatchObject({ matrices: 1, built: 2 });
  await compare(matrix);
  expect((await executor.topK(query, matrix, { k: 1 })).indices[0]).toBe(3);
  expect((await worker.ask()).output.indices[0]).toBe(3);
  await worker.stop();
});

test('memory.companionBytes limits the codes that are made by themselves', async () => {
  executor = await createExecutor({ backends: ['cpu'], memory: { companionBytes: 1000 } });
  await using matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
  for (let i = 0; i < 20_000 && companionOf(matrix).status === 'earning'; i++)
    executor.topKSync(query, matrix, { k: 10 });
  expect(companionOf(matrix)).toMatchObject({ status: 'refused', bytes: 0 });
  expect(companionOf(matrix).reason).toContain(
    'do not fit beside 0 bytes of others into 1000 bytes (memory.companionBytes)',
  );
  expect(companions()).toMatchObject({ budgetBytes: 1000, building: 0, refused: { budget: 1, memory: 0 } });
  await using asked = await executor.matrix(values, { dimensions: DIMENSIONS, companion: 'codes' });
  expect(companionOf(asked).status).toBe('ready');
  expect(companions()?.bytes).toBe(companionOf(asked).bytes);
});

test('memory.companionBytes must be a count of bytes', async () => {
  executor = await createExecutor({ backends: ['cpu'], memory: { companionBytes: Infinity } });
  for (const [companionBytes, error] of [
    [-1, RangeError],
    [1.5, RangeError],
    [NaN, RangeError],
    ['1000', TypeError],
  ] as const) {
    const created = createExecutor({ backends: ['cpu'], memory: { companionBytes } as never });
    await expect(created).rejects.toThrow('memory.companionBytes: expected an integer of at least 0');
    await expect(created).rejects.toBeInstanceOf(error);
  }
});

test('describe(matrix) says why rankings of a matrix use no codes', async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  await using none = await executor.matrix(values, { dimensions: DIMENSIONS, companion: 'none' });
  await using few = await executor.matrix([[1, 2]]);
  expect(companionOf(none)).toMatchObject({ status: 'none', reason: `companion is 'none'` });
  expect(companionOf(few)).toMatchObject({
    status: 'none',
    reason: 'a scan of float32 rows of 2 dimensions takes no longer than a search with codes',
  });
  expect(executor.describe(few)).toMatchObject({ id: few.id, version: few.version });
  expect(() => executor.describe(3 as never)).toThrow(TypeError);
  expect(() => executor.describe({} as never)).toThrow(TypeError);
});
