import type { Backend, OperationName, Work } from '@gearshift/contracts';
import { createChunkSizer, createMemoryBudget, type ChunkSizer, type MemoryBudget } from '@gearshift/splitter';
import type { CheckedLimits } from '@gearshift/splitter/engine';
import { dispatchOperationOf } from '../operations/dispatch-operations.js';

/** How much of a GPU's memory the requests and resident copies of a dispatcher may take. */
export interface MemoryLimits {
  /** Default Infinity. */
  readonly capBytes?: number | undefined;
  /** Share of what is free; default 0.8. */
  readonly usableFraction?: number | undefined;
  /** Left to others on top of that; default 0. */
  readonly reserveBytes?: number | undefined;
}

/** A request that has to be cut into more pieces than this has no business on the device: each costs a launch. */
export const MOST_CHUNKS = 1024;

/** What the requests on one GPU may take of its memory, and what running out of it has taught. */
export class GpuMemory {
  readonly budget: MemoryBudget;
  readonly #clock: () => number;
  /** A piece that takes the rows along runs out of memory at another size than one whose rows are there. */
  readonly #sizersOfHeld = new Map<OperationName, ChunkSizer>();
  readonly #sizersOfSent = new Map<OperationName, ChunkSizer>();

  constructor(backend: Backend, limits: MemoryLimits, clock: () => number) {
    this.budget = createMemoryBudget(backend, { ...limits, name: backend.id, clock });
    this.#clock = clock;
  }

  /** @param holdsOperand nothing of it has to be sent along. */
  limitsFor(work: Work, holdsOperand: boolean): CheckedLimits {
    const { operation, batchSize, requestBytes, outputBytes } = work;
    const { outputGrowsWithItems } = dispatchOperationOf(work);
    const bytes = (holdsOperand ? 0 : work.rangeBytes) + (outputGrowsWithItems ? outputBytes : 0);
    const sizers = holdsOperand ? this.#sizersOfHeld : this.#sizersOfSent;
    let sizer = sizers.get(operation);
    if (sizer === undefined) sizers.set(operation, (sizer = createChunkSizer({ clock: this.#clock })));
    return {
      budget: this.budget,
      bytesPerItem: bytes / batchSize,
      unitBytes: bytes === 0 ? 1 : bytes / batchSize,
      fixedBytes: requestBytes + (outputGrowsWithItems ? 0 : outputBytes),
      maxChunkItems: Infinity,
      minChunkItems: Math.ceil(batchSize / MOST_CHUNKS),
      sizer,
    };
  }
}
