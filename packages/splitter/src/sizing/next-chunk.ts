import type { SplitReason } from '@gearshift/contracts';
import { itemsThatFit, type CheckedLimits } from './chunk-limits.js';
import type { ChunkSizer } from './chunk-sizer.js';

/**
 * How many of the `remaining` items the next chunk has, or 0 when not even the smallest fits now. What has to be cut is cut
 * evenly, so that no small rest is left at the end.
 *
 * @param share how many chunks the available memory is meant for.
 */
export function nextChunkItems(
  remaining: number,
  limits: CheckedLimits,
  sizer: ChunkSizer | undefined,
  share = 1,
): number {
  const smallest = Math.min(limits.minChunkItems, remaining);
  if (itemsThatFit(limits) < smallest) return 0;
  const largest = Math.min(itemsThatFit(limits, share), boundWithoutMemory(limits, sizer));
  return evenly(remaining, Math.max(smallest, largest), smallest);
}

/** The size of a chunk when `remaining` items are cut into as few chunks as possible, none larger than `largest`. */
function evenly(remaining: number, largest: number, smallest: number): number {
  if (remaining <= largest) return remaining;
  return Math.max(smallest, Math.ceil(remaining / Math.ceil(remaining / largest)));
}

/** Below this share of the memory that will be free once the reservations of others have ended, waiting is better. */
const LEAST_SHARE = 1 / 8;

/**
 * Whether so few of the `remaining` items fit only because others hold the memory just now. Tiny chunks are far slower than
 * waiting for memory.
 *
 * @param ownBytes reserved by chunks of the same run.
 */
export function isTiny(items: number, remaining: number, { budget }: CheckedLimits, ownBytes: number): boolean {
  if (budget === undefined || items >= remaining) return false;
  const available = budget.availableBytes();
  return available < LEAST_SHARE * (available + budget.reservedBytes() - ownBytes);
}

/** Why the first chunk of `remaining` items has only `items`. */
export function splitReason(
  items: number,
  remaining: number,
  limits: CheckedLimits,
  sizer: ChunkSizer | undefined,
): SplitReason {
  if (items < evenly(remaining, boundWithoutMemory(limits, sizer), 1)) return 'memory';
  return limits.maxChunkItems <= ceilingOf(limits, sizer) ? 'maximum' : 'ceiling';
}

/** The size of an item for the sizer: 1 where it is unknown. */
export function unitOf(limits: CheckedLimits): number {
  return limits.bytesPerItem === 0 ? 1 : limits.bytesPerItem;
}

/** Free memory of the device at the last reading, where that is known. */
export function freeBytesOf(limits: CheckedLimits): number | null {
  return limits.budget === undefined ? null : limits.budget.lastFreeBytes();
}

function boundWithoutMemory(limits: CheckedLimits, sizer: ChunkSizer | undefined): number {
  return Math.min(limits.maxChunkItems, ceilingOf(limits, sizer));
}

function ceilingOf(limits: CheckedLimits, sizer: ChunkSizer | undefined): number {
  return sizer === undefined ? Infinity : sizer.maxItems(unitOf(limits), freeBytesOf(limits));
}
