import { err, ok, type Result } from '@gearshift/contracts';
import { expectTypeOf, test } from 'vitest';
import {
  createMemoryBudget,
  processInChunks,
  resume,
  runRanges,
  type ChunkError,
  type RunSummary,
  type ItemOutput,
  type Reservation,
} from '../src/index.js';

type MyError = { readonly kind: 'mine' };

test('processInChunks() keeps the types of results and errors', () => {
  const run = processInChunks(['a'], {}, async (chunk): Promise<Result<number[], MyError>> => {
    expectTypeOf(chunk).toEqualTypeOf<string[]>();
    return chunk.length > 0 ? ok([1]) : err({ kind: 'mine' });
  });
  expectTypeOf(run).resolves.toEqualTypeOf<Result<number[], ChunkError<MyError, ItemOutput<number>>>>();
});

test('runRanges() needs no results from its function', () => {
  const run = runRanges(5, {}, async (start, end, signal) => {
    expectTypeOf(start).toBeNumber();
    expectTypeOf(end).toBeNumber();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    return ok(undefined);
  });
  expectTypeOf(run).resolves.toExtend<Result<RunSummary, ChunkError>>();
});

test('resume() keeps the types of the run that it continues', async () => {
  const ranges = await runRanges(5, {}, () => ok(null));
  if (!ranges.ok) expectTypeOf(resume(ranges.error.partial, {}, () => ok(null))).resolves.toHaveProperty('ok');
  const items = await processInChunks(['a'], {}, () => ok([1]));
  if (!items.ok) {
    const resumed = resume(items.error.partial, ['a'], {}, () => ok([1]));
    expectTypeOf(resumed).resolves.toExtend<Result<number[], unknown>>();
    // @ts-expect-error the items are needed again
    void resume(items.error.partial, {}, () => ok([1]));
  }
});

test('reserve() returns a reservation or a refusal', () => {
  const reserved = createMemoryBudget(() => ({ freeBytes: 1, totalBytes: 1, readAtMs: 0 })).reserve(1);
  expectTypeOf(reserved).toExtend<Result<Reservation, { kind: 'overloaded' }>>();
});
