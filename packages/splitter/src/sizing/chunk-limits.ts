import { expected, requireFinite } from '@gearshift/contracts/internal';
import { requireCount } from '../require-limit.js';
import type { MemoryBudget } from '../memory/memory-budget.js';
import { ChunkSizer } from './chunk-sizer.js';

/** How large a chunk of the work may be. */
export interface ChunkLimits {
  /** Chunks must fit the memory that it has available, and reserve their bytes while they run. None by default. */
  readonly budget?: MemoryBudget | undefined;
  /**
   * Bytes that one item takes while its chunk runs: inputs that are not resident, outputs, temporaries. Default 0: the
   * budget then bounds only `fixedBytes`, and chunks get smaller after an out-of-memory error.
   */
  readonly bytesPerItem?: number | undefined;
  /** Bytes that a chunk takes whatever its length; default 0. */
  readonly fixedBytes?: number | undefined;
  /** Most items of a chunk; default Infinity. */
  readonly maxChunkItems?: number | undefined;
  /** Chunks are not made smaller than this to fit; default 1. */
  readonly minChunkItems?: number | undefined;
  /**
   * Sizes learned from out-of-memory errors of earlier runs, made by `createChunkSizer()`; one per device and kind of work.
   * By default each run starts anew.
   */
  readonly sizer?: ChunkSizer | undefined;
}

/** Checked limits, with their defaults. */
export interface CheckedLimits {
  readonly budget: MemoryBudget | undefined;
  readonly bytesPerItem: number;
  readonly fixedBytes: number;
  readonly maxChunkItems: number;
  readonly minChunkItems: number;
  readonly sizer: ChunkSizer | undefined;
}

export function checkLimits(limits: ChunkLimits): CheckedLimits {
  const { budget, sizer, bytesPerItem = 0, fixedBytes = 0, maxChunkItems = Infinity, minChunkItems = 1 } = limits;
  if (budget !== undefined && typeof budget?.reserve !== 'function') {
    throw new TypeError(expected('budget', 'the result of createMemoryBudget()', budget));
  }
  if (sizer !== undefined && !(sizer instanceof ChunkSizer)) {
    throw new TypeError(expected('sizer', 'the result of createChunkSizer()', sizer));
  }
  requireFinite('bytesPerItem', bytesPerItem, 0);
  requireFinite('fixedBytes', fixedBytes, 0);
  requireCount('maxChunkItems', maxChunkItems, 1);
  requireCount('minChunkItems', minChunkItems, 1);
  if (minChunkItems > maxChunkItems) {
    throw new RangeError(`minChunkItems: expected at most maxChunkItems (${maxChunkItems}), got ${minChunkItems}`);
  }
  return { budget, bytesPerItem, fixedBytes, maxChunkItems, minChunkItems, sizer };
}

/** Bytes to reserve for a chunk of so many items: those of the model, times the inflation learned from out-of-memory errors. */
export function bytesOf(limits: CheckedLimits, items: number): number {
  const inflation = limits.budget === undefined ? 1 : limits.budget.inflation();
  const bytes = Math.ceil((limits.fixedBytes + limits.bytesPerItem * items) * inflation);
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
}

/**
 * How many items fit the memory that is available now; may be more than there are, or negative.
 *
 * @param share how many chunks it is meant for.
 */
export function itemsThatFit(limits: CheckedLimits, share = 1): number {
  const { budget, fixedBytes, bytesPerItem } = limits;
  if (budget === undefined) return Infinity;
  const available = budget.availableBytes() / share;
  if (available === Infinity) return Infinity;
  const inflation = budget.inflation();
  // Slightly less, so that rounding up the inflated bytes never asks for more than there is.
  const left = (inflation === 1 ? available : Math.floor((available / inflation) * (1 - 1e-9))) - fixedBytes;
  if (bytesPerItem === 0) return left >= 0 ? Infinity : 0;
  return Math.floor(left / bytesPerItem);
}

/** Whether a chunk of so many items would fit if all memory of the device were free. */
export function canEverFit(limits: CheckedLimits, items: number): boolean {
  const { budget, fixedBytes, bytesPerItem } = limits;
  return budget === undefined || fixedBytes + bytesPerItem * items <= budget.capacityBytes();
}
