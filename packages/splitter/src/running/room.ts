import type { OutOfMemoryEvent } from '@gearshift/contracts';
import { canEverFit } from '../sizing/chunk-limits.js';
import type { Rejection } from './chunk-work.js';
import type { Lane, Piece } from './lane.js';
import type { CheckedRun } from './run-options.js';
import type { Watch } from './watch.js';

/** How often to look whether others have freed memory that this thread does not hear of. */
const LOOK_AGAIN_MS = 250;

/**
 * Waits until a piece of `[start, end)` can have its memory, in the end the smallest. Holds none meanwhile, so that runs that wait for
 * each other cannot block each other.
 *
 * @param whyStop why nothing more should begin, if so.
 */
export async function waitForRoom<V, E>(
  lane: Lane<V, E>,
  start: number,
  end: number,
  run: CheckedRun<unknown>,
  watch: Watch,
  whyStop: () => Rejection | null,
): Promise<Piece | Rejection> {
  const { limits, budget } = lane;
  const smallest = Math.min(limits.minChunkItems, end - start);
  const wanted = `${smallest === 1 ? 'an item needs' : `${smallest} items need`} more memory than`;
  if (budget === undefined || !canEverFit(limits, smallest)) {
    return { kind: 'item-too-large', message: `${wanted} there will ever be` };
  }
  const untilMs = run.clock() + run.memoryWaitMs;
  let mayFree = true;
  for (;;) {
    const stop = whyStop();
    if (stop !== null) return stop;
    const piece = lane.take(start, end, Infinity);
    if (piece !== null) return piece;
    const leftMs = untilMs - run.clock();
    // What other pieces reserved comes back by itself; idle memory was kept because it will be wanted again.
    if (mayFree && (leftMs <= 0 || budget.reservedBytes() === 0)) {
      mayFree = false;
      if (await freeIdleMemory(run, watch)) budget.refresh();
    } else if (leftMs <= 0) {
      if (!lane.settleForCrumbs()) return { kind: 'overloaded', message: `${wanted} is available` };
    } else await watch.pause(Math.min(LOOK_AGAIN_MS, leftMs), (listener) => budget.onRelease(listener));
  }
}

/** A function that throws or takes too long freed nothing. */
async function freeIdleMemory(run: CheckedRun<unknown>, watch: Watch): Promise<boolean> {
  const { freeIdleMemory: free } = run;
  if (free === undefined) return false;
  const settled = await watch.call(() => free(), run.chunkTimeoutMs);
  return settled.how === 'returned' && settled.value !== false;
}

/** What is done about a piece that ran out of memory. */
export type OutOfMemoryAction = OutOfMemoryEvent['action'];

/**
 * Decides how to go on after a piece ran out of memory: the same again after idle memory was freed, once; then half of it;
 * at the smallest not at all.
 *
 * @param mayRetry the piece was not tried again yet.
 */
export async function afterOutOfMemory<V, E>(
  lane: Lane<V, E>,
  piece: Piece,
  laneEnd: number,
  mayRetry: boolean,
  run: CheckedRun<unknown>,
  watch: Watch,
): Promise<OutOfMemoryAction> {
  const items = piece.end - piece.start;
  if (mayRetry && (await freeIdleMemory(run, watch))) {
    lane.budget?.refresh();
    return 'retry';
  }
  if (piece.reservation !== null) lane.budget?.recordOutOfMemory(piece.reservation.bytes);
  const smallest = Math.min(lane.limits.minChunkItems, laneEnd - piece.start);
  if (items <= smallest) return 'give-up';
  lane.ranOutOfMemory(items);
  return 'shrink';
}
