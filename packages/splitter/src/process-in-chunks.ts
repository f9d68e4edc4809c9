import type { Result } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { requireFunction } from './require-limit.js';
import type { ChunkError } from './errors/chunk-error.js';
import { runOnLanes } from './engine/run-on-lanes.js';
import type { ChunkCall } from './engine/chunk-work.js';
import { itemWork, type ItemOutput } from './engine/item-work.js';
import { readChunkOptions } from './engine/read-chunk-options.js';
import { checkLanes, checkRunOptions, functionsOf } from './engine/check-run-options.js';
import type { ChunkOptions } from './engine/chunk-options.js';

/**
 * Turns some of the items into as many results, in order.
 *
 * `signal` is aborted when the call is given up; what it returns after that is ignored.
 */
export type ItemFunction<T, R, E = unknown> = (
  chunk: T[],
  signal: AbortSignal,
) => PromiseLike<Result<readonly R[], E>> | Result<readonly R[], E>;

export type ItemOptions<T, R, E = unknown> = ChunkOptions<ItemFunction<T, R, E>>;

/**
 * Turns every item into a result, in chunks that fit the budget, in ascending order, one at a time or as many as
 * `concurrency` allows.
 *
 * @param items must not change during the run; a change of length ends it with `'invalid-input'`.
 * @param fn called with each chunk, a copy of that part of `items`. It may run out of memory (a smaller chunk follows), fail,
 * throw, return the wrong number of results, or never settle: finished results are kept.
 * @returns the results in the order of the items, or the one reason why the run ended early, with the results so far, for
 * {@link resume}. Never rejects for anything that `fn` does.
 * @throws (as a rejection) TypeError or RangeError that names an argument, before anything is called.
 *
 * @example
 * const result = await processInChunks(texts, { maxChunkItems: 64 }, async (chunk) => ok(await embed(chunk)));
 */
export async function processInChunks<T, R, E = unknown>(
  items: readonly T[],
  options: ItemOptions<T, R, E>,
  fn: ItemFunction<T, R, E>,
): Promise<Result<R[], ChunkError<E, ItemOutput<R>>>> {
  if (!Array.isArray(items)) throw new TypeError(expected('items', 'an array', items));
  requireFunction('fn', fn);
  const given = readChunkOptions(options);
  const run = checkRunOptions(given);
  const output: ItemOutput<R> = new Array<R | undefined>(items.length);
  const calls = functionsOf(given, fn).map((each) => callWithItems(items, each));
  const result = await runOnLanes(itemWork(items, output), checkLanes(given, calls), run, [
    { start: 0, end: items.length },
  ]);
  return result.ok ? { ok: true, value: output as R[] } : result;
}

/** A function of items as a function of ranges of them. */
export function callWithItems<T, R, E>(items: readonly T[], fn: ItemFunction<T, R, E>): ChunkCall<readonly R[], E> {
  return (start, end, signal) => fn(items.slice(start, end), signal);
}
