import type { Result } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { requireFunction } from './require-limit.js';
import { changedSince, checkPartial } from './errors/check-partial.js';
import type { ChunkError, PartialRun } from './errors/chunk-error.js';
import { fromJson, withJson } from './errors/partial-json.js';
import { callWithItems, type ItemFunction, type ItemOptions } from './process-in-chunks.js';
import type { RangeFunction, RangeOptions } from './run-ranges.js';
import { runOnLanes } from './engine/run-on-lanes.js';
import type { ChunkWork, RunSummary } from './engine/chunk-work.js';
import { itemWork, rangeWork, type ItemOutput } from './engine/item-work.js';
import type { LaneOptions } from './engine/lane.js';
import { readChunkOptions } from './engine/read-chunk-options.js';
import { checkLanes, checkRunOptions, functionsOf, type CheckedRun } from './engine/check-run-options.js';

/**
 * Continues where {@link runRanges} ended early: does only the remaining items, with the same function or another one.
 * A call that was given up may still be running; {@link RangeFunction} says how to keep it from writing.
 *
 * @param partial of the error, or a copy of it that went through `postMessage`, or through `JSON.stringify` and `JSON.parse`.
 * @returns as {@link runRanges}. `'invalid-input'`, without a call, when an operand's version is not the one that the
 * finished ranges were computed with.
 * @throws (as a rejection) TypeError or RangeError that names an argument, before anything is called.
 */
export async function resume<E = unknown>(
  partial: PartialRun,
  options: RangeOptions<E>,
  fn: RangeFunction<E>,
): Promise<Result<RunSummary, ChunkError<E>>>;

/**
 * Continues where {@link processInChunks} ended early. The results so far stay as they are, and `partial` is not changed.
 *
 * @param items the same as before.
 * @returns as {@link processInChunks}.
 */
export async function resume<T, R, E = unknown>(
  partial: PartialRun<ItemOutput<R>>,
  items: readonly T[],
  options: ItemOptions<T, R, E>,
  fn: ItemFunction<T, R, E>,
): Promise<Result<R[], ChunkError<E, ItemOutput<R>>>>;

export async function resume<T, R, E>(
  partial: PartialRun | PartialRun<ItemOutput<R>>,
  ...rest:
    | [options: RangeOptions<E>, fn: RangeFunction<E>]
    | [items: readonly T[], options: ItemOptions<T, R, E>, fn: ItemFunction<T, R, E>]
): Promise<Result<RunSummary, ChunkError<E>> | Result<R[], ChunkError<E, ItemOutput<R>>>> {
  const { output } = partial ?? {};
  if (output === null || output === undefined) {
    const [options, fn] = rest as [RangeOptions<E>, RangeFunction<E>];
    return resumeRanges(checkPartial(partial as PartialRun), options, fn);
  }
  const [items, options, fn] = rest as [readonly T[], ItemOptions<T, R, E>, ItemFunction<T, R, E>];
  return resumeItems(checkPartial(fromJson(partial as PartialRun<ItemOutput<R>>)), items, options, fn);
}

function resumeRanges<E>(
  partial: PartialRun,
  options: RangeOptions<E>,
  fn: RangeFunction<E>,
): Promise<Result<RunSummary, ChunkError<E>>> {
  requireFunction('fn', fn);
  const given = readChunkOptions(options);
  const run = checkRunOptions(given);
  return continueRun(partial, rangeWork(partial.total), checkLanes(given, functionsOf(given, fn)), run);
}

async function resumeItems<T, R, E>(
  partial: PartialRun<ItemOutput<R>>,
  items: readonly T[],
  options: ItemOptions<T, R, E>,
  fn: ItemFunction<T, R, E>,
): Promise<Result<R[], ChunkError<E, ItemOutput<R>>>> {
  if (!Array.isArray(items)) throw new TypeError(expected('items', 'the array of the earlier run', items));
  if (items.length !== partial.total) {
    throw new RangeError(`items: expected the ${partial.total} items of the earlier run, got ${items.length}`);
  }
  if (!Array.isArray(partial.output) || partial.output.length !== partial.total) {
    throw new TypeError(expected('partial.output', `an array of ${partial.total} elements`, partial.output));
  }
  requireFunction('fn', fn);
  const given = readChunkOptions(options);
  const run = checkRunOptions(given);
  const output = partial.output.slice();
  const calls = functionsOf(given, fn).map((each) => callWithItems(items, each));
  const result = await continueRun(partial, itemWork(items, output), checkLanes(given, calls), run);
  return result.ok ? { ok: true, value: output as R[] } : result;
}

async function continueRun<V, E, O>(
  partial: PartialRun<O>,
  work: ChunkWork<V, O>,
  lanes: readonly LaneOptions<V, E>[],
  run: CheckedRun,
): Promise<Result<RunSummary, ChunkError<E, O>>> {
  const message = changedSince(partial, run.operands);
  if (message === null) return runOnLanes(work, lanes, run, partial.remaining, partial);
  const { start, end } = partial.remaining[0] ?? { start: 0, end: 0 };
  const error = { kind: 'invalid-input', message: `${run.name}: ${message}`, chunkIndex: 0, cause: null } as const;
  const unchanged = withJson({ ...partial, output: work.output() });
  return { ok: false, error: { ...error, range: { start, end }, partial: unchanged } };
}
