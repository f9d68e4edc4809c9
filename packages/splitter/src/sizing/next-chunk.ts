import type { SplitReason } from '@gearshift/contracts';
import { itemsThatFit, type CheckedLimits } from './chunk-limits.js';
import type { ChunkSizer } from './chunk-sizer.js';

/**
 * How many of the `remaining` items the next piece has, or 0 when not even the smallest fits now. What has to be cut is cut
 * evenly, so that no stub is left at the end.
 */
export function nextChunkItems(remaining: number, limits: CheckedLimits, sizer: ChunkSizer | undefined): number {
  const smallest = Math.min(limits.minChunkItems, remaining);
  const fitting = itemsThatFit(limits);
  if (fitting < smallest) return 0;
  const largest = Math.min(fitting, Math.max(smallest, boundWithoutMemory(limits, sizer)));
  if (remaining <= largest) return remaining;
  return Math.max(smallest, Math.ceil(remaining / Math.ceil(remaining / largest)));
}

/** Below this share of what will be free once the chunks under way have ended, waiting is better. */
const LEAST_SHARE = 1 / 8;

/**
 * Whether so few of the `remaining` items fit only because others hold the memory just now. Tiny chunks are far slower than
 * waiting for memory.
 */
export function isTiny(items: number, remaining: number, { budget }: CheckedLimits): boolean {
  if (budget === undefined || items >= remaining) return false;
  const available = budget.availableBytes();
  return available < LEAST_SHARE * (available + budget.reservedBytes());
}

/** What keeps a piece from having more items. */
export function splitReason(limits: CheckedLimits, sizer: ChunkSizer | undefined): SplitReason {
  const fitting = itemsThatFit(limits);
  if (fitting < boundWithoutMemory(limits, sizer)) return 'memory';
  return limits.maxChunkItems <= ceilingOf(limits, sizer) ? 'maximum' : 'ceiling';
}

/** The size of an item for the sizer: 1 where nobody knows. */
export function unitOf(limits: CheckedLimits): number {
  return limits.bytesPerItem === 0 ? 1 : limits.bytesPerItem;
}

/** What the device had free at the last reading, where it tells. */
export function freeBytesOf(limits: CheckedLimits): number | null {
  return limits.budget === undefined ? null : limits.budget.lastFreeBytes();
}

function boundWithoutMemory(limits: CheckedLimits, sizer: ChunkSizer | undefined): number {
  return Math.min(limits.maxChunkItems, ceilingOf(limits, sizer));
}

function ceilingOf(limits: CheckedLimits, sizer: ChunkSizer | undefined): number {
  return sizer === undefined ? Infinity : sizer.maxItems(unitOf(limits), freeBytesOf(limits));
}
