import type { Result } from '@gearshift/contracts';
import { requireInteger } from '@gearshift/contracts/internal';
import { requireFunction } from './require-limit.js';
import type { ChunkError } from './errors/chunk-error.js';
import { runOnLanes } from './engine/run-on-lanes.js';
import type { ChunkCall, RunSummary } from './engine/chunk-work.js';
import { rangeWork } from './engine/item-work.js';
import { readChunkOptions } from './engine/read-chunk-options.js';
import { checkLanes, checkRunOptions, functionsOf } from './engine/check-run-options.js';
import type { ChunkOptions } from './engine/chunk-options.js';

/**
 * Does items `[start, end)` and writes the result of each to its place in the caller's memory.
 *
 * `signal` is aborted when the call is given up: from then on it must not write, because the same items may be done again
 * elsewhere. Checking `signal.aborted` right before writing, in the same turn, is enough; {@link stageWrites} does that.
 */
export type RangeFunction<E = unknown> = ChunkCall<unknown, E>;

export type RangeOptions<E = unknown> = ChunkOptions<RangeFunction<E>>;

/**
 * Does `total` items in chunks that fit the budget, in ascending order, one at a time or as many as `concurrency` allows. The
 * result of an item must not depend on its chunk; then the result of the run does not depend on how it was cut.
 *
 * @param fn called with each chunk; see {@link RangeFunction}. It may run out of memory (a smaller chunk follows), fail,
 * throw, or never settle: finished items stay done.
 * @returns how the run finished, or the one reason why it ended early, with what is done and what remains, for
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
  const given = readChunkOptions(options);
  const run = checkRunOptions(given);
  const lanes = checkLanes(given, functionsOf(given, fn));
  return runOnLanes(rangeWork(total), lanes, run, [{ start: 0, end: total }]);
}
