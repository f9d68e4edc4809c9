import { expected, requireFinite } from '@gearshift/contracts/internal';
import { requireCount } from '../check-limits.js';
import type { MemoryBudget } from '../memory/memory-budget.js';
import { ChunkSizer } from './chunk-sizer.js';

/** How large a piece of the work may be. */
export interface ChunkLimits {
  /** Pieces must fit what it has available, and reserve their bytes while they run; none by default. */
  readonly budget?: MemoryBudget | undefined;
  /**
   * Bytes that one item takes while its piece runs: inputs that are not there yet, outputs, temporaries. Default 0: the
   * budget then only bounds `fixedBytes`, and what an out-of-memory error teaches bounds the rest.
   */
  readonly bytesPerItem?: number | undefined;
  /** Bytes that a piece takes whatever its length; default 0. */
  readonly fixedBytes?: number | undefined;
  /** Most items of a piece; default Infinity. */
  readonly maxChunkItems?: number | undefined;
  /** Pieces are not made smaller than this to fit; default 1. */
  readonly minChunkItems?: number | undefined;
  /**
   * What earlier runs learned from out-of-memory errors, made by `createChunkSizer()`; one per device and kind of work.
   * Default one for this run alone.
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
    throw new TypeError(expected('budget', 'what createMemoryBudget() made', budget));
  }
  if (sizer !== undefined && !(sizer instanceof ChunkSizer)) {
    throw new TypeError(expected('sizer', 'what createChunkSizer() made', sizer));
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

/** Bytes to reserve for a piece of so many items: the model's, times what out-of-memory errors taught of it. */
export function bytesOf(limits: CheckedLimits, items: number): number {
  const inflation = limits.budget === undefined ? 1 : limits.budget.inflation();
  const bytes = Math.ceil((limits.fixedBytes + limits.bytesPerItem * items) * inflation);
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
}

/** How many items fit the memory that is available now; may be more than there are, or negative. */
export function itemsThatFit(limits: CheckedLimits): number {
  const { budget, fixedBytes, bytesPerItem } = limits;
  if (budget === undefined) return Infinity;
  const available = budget.availableBytes();
  if (available === Infinity) return Infinity;
  const inflation = budget.inflation();
  // A hair less, so that rounding up the inflated bytes never asks for more than there is.
  const left = (inflation === 1 ? available : Math.floor((available / inflation) * (1 - 1e-9))) - fixedBytes;
  if (bytesPerItem === 0) return left >= 0 ? Infinity : 0;
  return Math.floor(left / bytesPerItem);
}

/** Whether a piece of so many items could ever be had, were all memory of the device free. */
export function canEverFit(limits: CheckedLimits, items: number): boolean {
  const { budget, fixedBytes, bytesPerItem } = limits;
  return budget === undefined || fixedBytes + bytesPerItem * items <= budget.capacityBytes();
}
