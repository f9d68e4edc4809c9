import type { OutOfMemoryEvent } from '@gearshift/contracts';
import { bytesOf, canEverFit, fitsOnceReleased } from '../sizing/chunk-size.js';
import type { EngineOptions } from './check-run-options.js';
import type { Rejection } from './chunk-work.js';
import { guardedCall } from './guarded-call.js';
import type { Lane, ReservedChunk } from './lane.js';
import type { RunLimit } from './run-limit.js';
import type { QueuedRange } from './work-queue.js';

/** Other threads and processes free memory without an event in this thread. */
const LOOK_AGAIN_MS = 250;

/**
 * Waits until a chunk of the range fits in memory, at last the smallest one. Waits only for memory that is reserved in the same
 * budget, because nothing says when other programs free theirs. Holds no memory while it waits, so that runs that wait for each
 * other cannot block each other.
 *
 * @param whyStop returns why no further call may begin, or null.
 */
export async function waitForMemory<V, E>(
  lane: Lane<V, E>,
  { start, end, mostItems }: QueuedRange,
  run: EngineOptions,
  limit: RunLimit,
  whyStop: () => Rejection | null,
): Promise<ReservedChunk | Rejection> {
  const { limits, budget } = lane;
  const smallest = Math.min(limits.minChunkItems, end - start);
  const need = `${smallest === 1 ? 'one item needs' : `${smallest} items need`} ${bytesOf(limits, smallest)} bytes`;
  if (budget === undefined || !canEverFit(limits, smallest)) {
    const capacityBytes = budget?.capacityBytes() ?? 0;
    return { kind: 'item-too-large', message: `${need}, but the budget has at most ${capacityBytes}` };
  }
  let untilMs = run.clock() + run.memoryWaitMs;
  let mayFree = true;
  for (;;) {
    const stop = whyStop();
    if (stop !== null) return stop;
    const chunk = lane.take(start, end, mostItems);
    if (chunk !== null) return chunk;
    // Chunks of this run always release their memory, so the time for others has not begun.
    if (lane.isBusy) untilMs = run.clock() + run.memoryWaitMs;
    const leftMs = untilMs - run.clock();
    const isOver = leftMs <= 0 || !fitsOnceReleased(limits, smallest);
    // Other chunks will release their reservations, so idle memory that may be needed again is not freed yet.
    if (mayFree && isOver) {
      mayFree = false;
      if (await freeIdleMemory(lane, run, limit)) budget.refresh();
    } else if (isOver) {
      if (lane.acceptTinyChunks()) continue;
      const waited = leftMs <= 0 ? ` after ${run.memoryWaitMs} ms` : '';
      const message = `${need}, but ${budget.availableBytes()} are available${waited}`;
      return { kind: 'overloaded', message };
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

/** The reaction to a chunk that ran out of memory. */
export type OutOfMemoryAction = OutOfMemoryEvent['action'];

/**
 * Decides how to continue after a chunk ran out of memory: once more at the same size after idle memory was freed, then at
 * half the size; the smallest chunk fails.
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
