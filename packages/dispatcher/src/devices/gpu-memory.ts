import type { Backend, OperationName, Work } from '@gearshift/contracts';
import { createChunkSizer, createMemoryBudget, type ChunkSizer, type MemoryBudget } from '@gearshift/splitter';
import type { CheckedLimits } from '@gearshift/splitter/engine';
import { dispatchOperationOf } from '../operations/dispatch-operations.js';

/** How much of a GPU's memory the requests and resident copies of a dispatcher may take. */
export interface MemoryLimits {
  /** Default Infinity. */
  readonly capBytes?: number | undefined;
  /** Usable share of the free memory; default 0.8. */
  readonly usableFraction?: number | undefined;
  /** Additional memory that stays free for others; default 0. */
  readonly reserveBytes?: number | undefined;
}

/** A request that needs more pieces than this does not run on the device, because each piece costs a launch. */
export const MOST_CHUNKS = 1024;

/** The memory budget of the requests on one GPU, and the chunk sizes learned from running out of memory. */
export class GpuMemory {
  readonly budget: MemoryBudget;
  readonly #clock: () => number;
  /** Pieces that upload their rows run out of memory at another size than pieces with resident rows. */
  readonly #sizersOfHeld = new Map<OperationName, ChunkSizer>();
  readonly #sizersOfSent = new Map<OperationName, ChunkSizer>();

  constructor(backend: Backend, limits: MemoryLimits, clock: () => number) {
    this.budget = createMemoryBudget(backend, { ...limits, name: backend.id, clock });
    this.#clock = clock;
  }

  /** @param holdsOperand the device holds the operand, so the request uploads none of it. */
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
