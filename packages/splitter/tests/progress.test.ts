import { err, ok, unwrap } from '@gearshift/contracts';
import { expect, it } from 'vitest';
import {
  processInChunks,
  resume,
  runRanges,
  type ItemOutput,
  type PartialRun,
  type RunProgress,
} from '../src/index.js';
import { expectError } from './expect-error.js';
import { VirtualTime } from './virtual-time.js';

const figures = ({ doneItems, totalItems, chunks, attempts }: RunProgress) => ({
  doneItems,
  totalItems,
  chunks,
  attempts,
});

it('reports progress after each finished chunk, with all items and all calls so far', async () => {
  const time = new VirtualTime();
  const seen: object[] = [];
  const onProgress = (progress: RunProgress) => void seen.push(figures(progress));
  const fallback = () => ok(null);
  const retry = { attempts: 1, delayMs: 10 };
  const options = { ...time.options(), maxChunkItems: 4, retry, fallback, onProgress };
  const run = runRanges(10, options, (start) => (start === 4 ? err('odd') : ok(null)));
  unwrap(await time.until(run));
  expect(seen).toEqual([
    { doneItems: 4, totalItems: 10, chunks: 1, attempts: 1 },
    { doneItems: 7, totalItems: 10, chunks: 2, attempts: 4 },
    { doneItems: 10, totalItems: 10, chunks: 3, attempts: 5 },
  ]);
});

it('reports progress in the order in which calls end, when several are under way', async () => {
  const time = new VirtualTime();
  const done: number[] = [];
  const options = { ...time.options(), maxChunkItems: 1, concurrency: 3 };
  const onProgress = ({ doneItems }: RunProgress) => void done.push(doneItems, time.nowMs - 1000);
  const run = runRanges(3, { ...options, onProgress }, async (start) => {
    await time.sleep(30 - 10 * start);
    return ok(null);
  });
  unwrap(await time.until(run));
  expect(done).toEqual([1, 10, 2, 20, 3, 30]);
});

it('counts the items and calls of the run that it resumes, and only its own chunks', async () => {
  const items = ['a', 'b', 'c', 'd', 'e', 'f'];
  const first = await processInChunks(items, { maxChunkItems: 2, onFault: 'collect' }, (chunk) =>
    chunk.includes('c') ? err('odd') : ok(chunk),
  );
  const { partial } = expectError(first);
  const seen: object[] = [];
  const options = { maxChunkItems: 1, onProgress: (progress: RunProgress) => seen.push(figures(progress)) };
  unwrap(await resume(partial, items, options, (chunk) => ok(chunk)));
  expect(seen).toEqual([
    { doneItems: 5, totalItems: 6, chunks: 1, attempts: 4 },
    { doneItems: 6, totalItems: 6, chunks: 2, attempts: 5 },
  ]);
});

it('does not report chunks that failed or were left out', async () => {
  const seen: object[] = [];
  const options = {
    maxChunkItems: 1,
    onFault: 'collect',
    onProgress: (at: RunProgress) => seen.push(figures(at)),
  } as const;
  expectError(await runRanges(3, options, (start) => (start === 1 ? err('odd') : ok(null))));
  expect(seen).toEqual([
    { doneItems: 1, totalItems: 3, chunks: 1, attempts: 1 },
    { doneItems: 2, totalItems: 3, chunks: 2, attempts: 3 },
  ]);
});

it('returns the state of the run at each chunk, from which the run can be resumed after a crash', async () => {
  const items = Array.from({ length: 20 }, (_, index) => index);
  const double = (chunk: number[]) => ok(chunk.map((item) => 2 * item));
  const operands = [{ id: 1, version: 2 }];
  const time = new VirtualTime();
  const states: string[] = [];
  const options = { ...time.options(), maxChunkItems: 3, concurrency: 3, operands };
  const run = processInChunks(
    items,
    { ...options, onProgress: ({ partial }) => states.push(JSON.stringify(partial())) },
    async (chunk) => {
      await time.sleep((chunk[0] * 7) % 5);
      return double(chunk);
    },
  );
  unwrap(await time.until(run));
  expect(states).toHaveLength(7);
  for (const [index, state] of states.entries()) {
    const partial = JSON.parse(state) as PartialRun<ItemOutput<number>>;
    expect(partial).toMatchObject({ total: 20, attemptCount: index + 1, operands });
    const sent: number[] = [];
    const resumed = await resume(partial, items, { operands }, (chunk) => (sent.push(...chunk), double(chunk)));
    expect(unwrap(resumed)).toEqual(items.map((item) => 2 * item));
    expect(sent).toEqual(items.filter((item) => partial.output[item] === null));
  }
});

it.each<[string, () => unknown]>([
  ['throws', () => { throw new Error('the display is gone'); }], // prettier-ignore
  ['rejects', () => Promise.reject(new Error('the display is gone'))],
])('ignores a progress callback that %s', async (_how, onProgress) => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const result = await runRanges(3, { maxChunkItems: 1, onProgress }, () => ok(null));
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off('unhandledRejection', note);
  expect(unwrap(result).chunks).toBe(3);
  expect(unhandled).toEqual([]);
});

it('ends the run when the progress callback aborts it', async () => {
  const controller = new AbortController();
  const options = { maxChunkItems: 1, signal: controller.signal, onProgress: () => controller.abort() };
  const error = expectError(await runRanges(3, options, () => ok(null)));
  expect(error).toMatchObject({ kind: 'aborted', partial: { done: [{ start: 0, end: 1 }] } });
});

it('rejects a progress callback that is not a function', async () => {
  await expect(runRanges(1, { onProgress: 5 as never }, () => ok(null))).rejects.toThrow(/onProgress/);
});
