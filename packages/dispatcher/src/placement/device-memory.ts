import type { Backend } from '@gearshift/contracts';
import {
  createChunkSizer,
  createMemoryBudget,
  planChunks,
  type ChunkLimits,
  type ChunkSizer,
  type MemoryBudget,
} from '@gearshift/splitter';
import type { Work } from '../work.js';

/** What the requests on one GPU may take of its memory, and what running out of it has taught. */
export class DeviceMemory {
  readonly budget: MemoryBudget;
  readonly #clock: () => number;
  readonly #sizers = new Map<string, ChunkSizer>();

  constructor(backend: Backend, clock: () => number) {
    this.budget = createMemoryBudget(backend, { name: backend.id, clock });
    this.#clock = clock;
  }

  /** @param holdsOperand nothing of it has to be sent along. */
  limitsFor(work: Work, holdsOperand: boolean): ChunkLimits {
    // The best rows are as many for a piece as for the whole; everything else has one result per item.
    const isRanking = work.operation === 'top-k';
    const perItem = (holdsOperand ? 0 : work.rangeBytes) + (isRanking ? 0 : work.outputBytes);
    return {
      budget: this.budget,
      bytesPerItem: perItem / work.batchSize,
      fixedBytes: work.requestBytes + (isRanking ? work.outputBytes : 0),
      sizer: this.#sizerOf(`${work.operation} ${holdsOperand ? 'held' : 'sent'}`),
    };
  }

  /** Pieces that the request would be cut into now; Infinity when not even one item fits. */
  chunksOf(work: Work, holdsOperand: boolean): number {
    return planChunks(work.batchSize, this.limitsFor(work, holdsOperand));
  }

  #sizerOf(kind: string): ChunkSizer {
    let sizer = this.#sizers.get(kind);
    if (sizer === undefined) this.#sizers.set(kind, (sizer = createChunkSizer({ clock: this.#clock })));
    return sizer;
  }
}
