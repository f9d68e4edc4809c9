import type { SplitReason } from '@gearshift/contracts';
import type { Reservation } from '../memory/reservation.js';
import type { CheckedLimits } from './chunk-limits.js';
import type { ChunkSizer } from './chunk-sizer.js';

/**
 * The number of chunks that `total` items would be cut into now; Infinity when not even the smallest chunk fits.
 *
 * @param releasedBytes reserved now, and counted as available.
 */
export function chunkCount(total: number, limits: CheckedLimits, releasedBytes = 0): number {
  const items = nextChunkItems(total, limits, limits.sizer, 1, releasedBytes);
  return items === 0 ? Infinity : Math.ceil(total / items);
}

/** Reserves the memory of all items; undefined where they must be cut or their memory is not available. */
export function reserveAll(total: number, limits: CheckedLimits): Reservation | null | undefined {
  if (nextChunkItems(total, limits, limits.sizer) < total) return undefined;
  if (limits.budget === undefined) return null;
  const reserved = limits.budget.reserve(bytesOf(limits, total));
  return reserved.ok ? reserved.value : undefined;
}

/**
 * How many of the `remaining` items the next chunk has, or 0 when not even the smallest fits now. Cuts evenly, so that no
 * small rest is left at the end.
 *
 * @param share the number of chunks that share the available memory.
 * @param releasedBytes reserved now, and counted as available.
 */
export function nextChunkItems(
  remaining: number,
  limits: CheckedLimits,
  sizer: ChunkSizer | undefined,
  share = 1,
  releasedBytes = 0,
): number {
  const smallest = Math.min(limits.minChunkItems, remaining);
  const fitting = itemsThatFit(limits, 1, releasedBytes);
  if (fitting < smallest) return 0;
  const bound = Math.min(share === 1 ? fitting : itemsThatFit(limits, share), boundWithoutMemory(limits, sizer));
  const largest = Math.max(smallest, bound);
  return remaining <= largest ? remaining : evenly(remaining, largest, smallest);
}

/** Below this share of the memory that will be free once the reservations of others have ended, waiting is better. */
const LEAST_SHARE = 1 / 8;

/**
 * Whether so few of the `remaining` items fit only because others hold memory at the moment. Tiny chunks are far slower than
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
  const bound = boundWithoutMemory(limits, sizer);
  if (items < evenly(remaining, bound, 1)) return 'memory';
  return bound === limits.maxChunkItems ? 'maximum' : 'ceiling';
}

/** Bytes to reserve for a chunk of so many items: those of the model, times the inflation learned from out-of-memory errors. */
export function bytesOf({ budget, fixedBytes, bytesPerItem }: CheckedLimits, items: number): number {
  const inflation = budget === undefined ? 1 : budget.inflation();
  return Math.min(Math.ceil((fixedBytes + bytesPerItem * items) * inflation), Number.MAX_SAFE_INTEGER);
}

/** Whether a chunk of so many items would fit if all memory of the device were free. */
export function canEverFit({ budget, fixedBytes, bytesPerItem }: CheckedLimits, items: number): boolean {
  return budget === undefined || fixedBytes + bytesPerItem * items <= budget.capacityBytes();
}

/** Whether a chunk of so many items would fit once all reservations in the budget were released. */
export function fitsOnceReleased(limits: CheckedLimits, items: number): boolean {
  const { budget } = limits;
  return budget === undefined || bytesOf(limits, items) <= budget.availableBytes() + budget.reservedBytes();
}

/** The size of a chunk when `remaining` items are cut into as few chunks as possible, none larger than `largest`. */
function evenly(remaining: number, largest: number, smallest: number): number {
  if (remaining <= largest) return remaining;
  return Math.max(smallest, Math.ceil(remaining / Math.ceil(remaining / largest)));
}

/**
 * How many items fit in the available memory; may be more than there are, or negative.
 *
 * @param share the number of chunks that share it.
 */
function itemsThatFit({ budget, fixedBytes, bytesPerItem }: CheckedLimits, share: number, releasedBytes = 0): number {
  if (budget === undefined) return Infinity;
  const available = (budget.availableBytes() + releasedBytes) / share;
  if (available === Infinity) return Infinity;
  const inflation = budget.inflation();
  // Slightly less, so that rounding up the inflated bytes never exceeds the available memory.
  const left = (inflation === 1 ? available : Math.floor((available / inflation) * (1 - 1e-9))) - fixedBytes;
  if (bytesPerItem === 0) return left >= 0 ? Infinity : 0;
  return Math.floor(left / bytesPerItem);
}

/** Maximum items of a chunk by `maxChunkItems` and by the sizes learned from out-of-memory errors. */
function boundWithoutMemory(limits: CheckedLimits, sizer: ChunkSizer | undefined): number {
  const { maxChunkItems, unitBytes, budget } = limits;
  if (sizer === undefined) return maxChunkItems;
  return Math.min(maxChunkItems, sizer.maxItems(unitBytes, budget?.lastFreeBytes() ?? null));
}
