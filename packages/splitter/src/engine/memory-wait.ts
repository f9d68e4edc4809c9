import type { OutOfMemoryEvent } from '@gearshift/contracts';
import { canEverFit } from '../sizing/chunk-limits.js';
import type { Rejection } from './chunk-work.js';
import { guardedCall } from './guarded-call.js';
import type { Lane, ReservedChunk } from './lane.js';
import type { RunLimit } from './run-limit.js';
import type { EngineOptions } from './run-options.js';

/** How often to look whether others have freed memory without an event in this thread. */
const LOOK_AGAIN_MS = 250;

/**
 * Waits until a chunk of `[start, end)` can have its memory, in the end the smallest. Holds none meanwhile, so runs that wait
 * for each other cannot block each other.
 *
 * @param whyStop why nothing more should begin, if so.
 */
export async function waitForMemory<V, E>(
  lane: Lane<V, E>,
  start: number,
  end: number,
  run: EngineOptions,
  limit: RunLimit,
  whyStop: () => Rejection | null,
): Promise<ReservedChunk | Rejection> {
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
    const chunk = lane.take(start, end, Infinity);
    if (chunk !== null) return chunk;
    const leftMs = untilMs - run.clock();
    // What other chunks reserved comes back by itself; idle memory was kept because it will be wanted again.
    if (mayFree && (leftMs <= 0 || budget.reservedBytes() === 0)) {
      mayFree = false;
      if (await freeIdleMemory(lane, run, limit)) budget.refresh();
    } else if (leftMs <= 0) {
      if (!lane.acceptTinyChunks()) return { kind: 'overloaded', message: `${wanted} is available` };
    } else await limit.pause(Math.min(LOOK_AGAIN_MS, leftMs), (listener) => budget.onRelease(listener));
  }
}

/** A function that throws or takes too long freed nothing. */
async function freeIdleMemory<V, E>(lane: Lane<V, E>, run: EngineOptions, limit: RunLimit): Promise<boolean> {
  const { freeIdleMemory: free, chunkTimeoutMs: limitMs } = lane.options;
  if (free === undefined) return false;
  const end = await guardedCall(() => free(), { signal: limit.signal, limitMs, abortGraceMs: 0, timers: run.timers });
  return end.how === 'returned' && end.value !== false;
}

/** What is done about a chunk that ran out of memory. */
export type OutOfMemoryAction = OutOfMemoryEvent['action'];

/**
 * Decides how to go on after a chunk ran out of memory: the same again after idle memory was freed, once; then half of it;
 * at the smallest not at all.
 *
 * @param laneEnd how far the chunk could have reached.
 * @param mayRetry the chunk was not tried again yet.
 */
export async function afterOutOfMemory<V, E>(
  lane: Lane<V, E>,
  chunk: ReservedChunk,
  laneEnd: number,
  mayRetry: boolean,
  run: EngineOptions,
  limit: RunLimit,
): Promise<OutOfMemoryAction> {
  const items = chunk.end - chunk.start;
  if (mayRetry && (await freeIdleMemory(lane, run, limit))) {
    lane.budget?.refresh();
    return 'retry';
  }
  if (chunk.reservation !== null) lane.budget?.recordOutOfMemory(chunk.reservation.bytes);
  const smallest = Math.min(lane.limits.minChunkItems, laneEnd - chunk.start);
  if (items <= smallest) return 'give-up';
  lane.ranOutOfMemory(items);
  return 'shrink';
}
