import { expected, requireFinite } from '@gearshift/contracts/internal';
import { requireCount } from '../require-limit.js';
import type { MemoryBudget } from '../memory/memory-budget.js';
import { ChunkSizer } from './chunk-sizer.js';

/** How large a chunk of the work may be. */
export interface ChunkLimits {
  /** Chunks must fit in its available memory, and reserve their bytes while they run. None by default. */
  readonly budget?: MemoryBudget | undefined;
  /**
   * Bytes that one item takes while its chunk runs: inputs that are not resident, outputs, temporaries. Default 0: the
   * budget then bounds only `fixedBytes`, and chunks get smaller after an out-of-memory error.
   */
  readonly bytesPerItem?: number | undefined;
  /** Bytes that every chunk takes in addition; default 0. */
  readonly fixedBytes?: number | undefined;
  /** Maximum items of a chunk; default Infinity. */
  readonly maxChunkItems?: number | undefined;
  /** Chunks are not made smaller than this to fit; default 1. */
  readonly minChunkItems?: number | undefined;
  /**
   * Sizes learned from out-of-memory errors of earlier runs, made by `createChunkSizer()`; one per device and kind of work.
   * By default each run starts without learned sizes.
   */
  readonly sizer?: ChunkSizer | undefined;
}

/** Checked limits, with their defaults. */
export interface CheckedLimits {
  readonly budget: MemoryBudget | undefined;
  readonly bytesPerItem: number;
  /** The size of an item for the sizer: 1 where it is unknown. */
  readonly unitBytes: number;
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
  const unitBytes = bytesPerItem === 0 ? 1 : bytesPerItem;
  return { budget, bytesPerItem, unitBytes, fixedBytes, maxChunkItems, minChunkItems, sizer };
}
