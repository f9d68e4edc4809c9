import { runInNewContext } from 'node:vm';
import { err, ok } from '@gearshift/contracts';
import { describe, expect, test } from 'vitest';
import {
  createChunkSizer,
  createHostMemorySource,
  createMemoryBudget,
  createSharedLedger,
  planChunks,
  processInChunks,
  resume,
  runRanges,
  stageWrites,
} from '../src/index.js';

const done = () => ok(undefined);
const partial = { output: null, total: 2, done: [], remaining: [{ start: 0, end: 2 }], attempts: [], operands: [] };
const read = () => ({ freeBytes: 1, totalBytes: 1, readAtMs: 0 });

describe('a misspelt option of', () => {
  test.each<[string, () => unknown, string]>([
    [
      'processInChunks',
      () => processInChunks([1], { maxChunkSize: 1 } as never, (chunk) => ok(chunk)),
      'maxChunkItems',
    ],
    ['runRanges', () => runRanges(1, { timeoutMs: 1, chunkTimeout: 1 } as never, done), "'timeoutMs'"],
    ['retry', () => runRanges(1, { retry: { attempt: 1 } } as never, done), 'attempts'],
    ['resume', () => resume(partial as never, { onFalt: 'stop' } as never, done), 'onFault'],
    ['planChunks', () => planChunks(1, { bytesPerItems: 1 } as never), 'bytesPerItem'],
    ['createMemoryBudget', () => createMemoryBudget(read, { cap: 1 } as never), 'capBytes'],
    ['createHostMemorySource', () => createHostMemorySource({ clok: () => 0 } as never), 'clock'],
    ['createChunkSizer', () => createChunkSizer({ ceiling: 1 } as never), 'ceilingMs'],
  ])('%s is a TypeError that names the nearest one', async (_, call, nearest) => {
    const attempt = async () => call();
    await expect(attempt()).rejects.toThrow(TypeError);
    await expect(attempt()).rejects.toThrow('is not an option; did you mean');
    await expect(attempt()).rejects.toThrow(nearest);
  });
});

test('inherited options are a TypeError, and those of a polluted Object.prototype are not read', async () => {
  const inherited = Object.create({ maxChunkItems: 1 }) as object;
  await expect(processInChunks([1], inherited, (chunk) => ok(chunk))).rejects.toThrow('expected a plain object');
  await expect(runRanges(1, { retry: inherited }, done)).rejects.toThrow('retry: expected a plain object');
  const pollution = {
    maxChunkItems: 1,
    concurrency: 0,
    onFault: 'collect',
    retry: 5,
    attempts: -1,
    capBytes: 1,
    ledger: 1,
  };
  const prototype = Object.prototype as Record<string, unknown>;
  Object.assign(prototype, pollution);
  try {
    const calls: number[] = [];
    const result = await runRanges(4, {}, (start, end) => (calls.push(end - start), ok(undefined)));
    expect(result.ok && calls).toEqual([4]);
    const failed = await runRanges(1, { retry: { retryIf: () => false } }, () => err(new Error('no')));
    expect(failed.ok).toBe(false);
    expect(createMemoryBudget(() => ({ freeBytes: 1000, totalBytes: 1000, readAtMs: 0 })).capacityBytes()).toBe(800);
  } finally {
    for (const name of Object.keys(pollution)) Reflect.deleteProperty(prototype, name);
  }
});

test('accepts arrays, ledgers and errors of another realm', async () => {
  const realm = runInNewContext('({ Float32Array, SharedArrayBuffer, Error, items: [1, 2], options: {} })') as {
    Float32Array: Float32ArrayConstructor;
    SharedArrayBuffer: SharedArrayBufferConstructor;
    Error: ErrorConstructor;
    items: number[];
    options: object;
  };
  const output = new realm.Float32Array(2);
  const staged = stageWrites(output, 1, (_start, _end, array) => ok(array.fill(7)));
  expect((await runRanges(2, realm.options, staged)).ok).toBe(true);
  expect([...output]).toEqual([7, 7]);
  expect(await processInChunks(realm.items, realm.options, (chunk) => ok(chunk))).toEqual(ok([1, 2]));
  const ledger = new realm.SharedArrayBuffer(createSharedLedger().byteLength);
  expect(createMemoryBudget(read, { ledger }).reservedBytes()).toBe(0);
  const failed = await runRanges(1, {}, () => err(new realm.Error('of another realm')));
  expect(failed).toMatchObject({ ok: false, error: { cause: { name: 'Error', message: 'of another realm' } } });
});
