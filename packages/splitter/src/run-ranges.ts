import type { Result } from '@gearshift/contracts';
import { requireInteger } from '@gearshift/contracts/internal';
import { requireFunction } from './check-limits.js';
import type { ChunkError } from './errors/chunk-error.js';
import { runOnLanes } from './engine/chunk-run.js';
import type { ChunkCall, RunSummary } from './engine/chunk-work.js';
import { rangeWork } from './engine/item-work.js';
import { checkLanes, checkRunOptions, type ChunkOptions } from './engine/run-options.js';

/**
 * Does items `[start, end)` and writes their results into memory of the caller's own, each item's in its own place.
 *
 * `signal` is aborted when the call is given up: from then on it must write no more, since the same items may be done again
 * elsewhere. Looking at `signal.aborted` right before writing, in the same turn, is enough; {@link stageWrites} does that.
 */
export type RangeFunction<E = unknown> = ChunkCall<unknown, E>;

export type RangeOptions<E = unknown> = ChunkOptions<RangeFunction<E>>;

/**
 * Does `total` items in ascending pieces that fit the budget, one after the other. The result of an item must not depend on
 * the piece that it is in; then the result of the run does not depend on how it was cut.
 *
 * @param fn called with each piece; see {@link RangeFunction}. May run out of memory (a smaller piece follows), fail,
 * throw, or never settle: what had finished stays.
 * @returns how the run came about, or the one reason why it ended early, with what is done and what remains, for
 * {@link resume}. Never rejects for anything that `fn` does.
 * @throws (as a rejection) TypeError or RangeError that names an argument, before anything is called.
 *
 * @example
 * const output = new Float32Array(rows);
 * const result = await runRanges(rows, { budget, bytesPerItem: 3076 }, async (start, end) =>
 *   device.score(start, output.subarray(start, end)),
 * );
 */
export async function runRanges<E = unknown>(
  total: number,
  options: RangeOptions<E>,
  fn: RangeFunction<E>,
): Promise<Result<RunSummary, ChunkError<E>>> {
  requireInteger('total', total, 0);
  requireFunction('fn', fn);
  const run = checkRunOptions(options);
  const lanes = checkLanes(options, fn, options.fallback);
  return runOnLanes(rangeWork(total), lanes, run, [{ start: 0, end: total }]);
}
