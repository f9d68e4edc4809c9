import { buildSnapshot } from './build-snapshot.js';
import { FIGURE_COUNT, FIGURES, FIGURES_SHAPE, type MemoryLayout } from './layout.js';
import { addFigures, clearFigures } from './merge-figures.js';
import type { MetricsSnapshot } from './metrics-snapshot.js';
import { readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';

/** One slot as it was last read. A slot that never published has sequence 0 and counts nothing. */
interface SeenBlock {
  readonly block: Block;
  sequence: number;
  figures: Float64Array<ArrayBuffer>;
}

/**
 * Answers with snapshots of one operation: what this thread recorded, published or not, and what the others published.
 * Only blocks whose sequence moved are read again, and while nothing moved the snapshot of before is the answer: it is
 * frozen, so nobody can tell it from a new one.
 */
export class SnapshotReader {
  readonly #memory: SharedMemory;
  readonly #layout: MemoryLayout;
  readonly #operation: number;
  readonly #seen: SeenBlock[] = [];
  #ownSlot: number | undefined;
  #own = new Float64Array(FIGURE_COUNT);
  #snapshot: MetricsSnapshot | undefined;
  #snapshotRecords = 0;
  /** Where the next block is copied to; it changes places with the block's figures when that succeeds. */
  #spare = new Float64Array(FIGURE_COUNT);
  /** The sum of what was read of all others. */
  readonly #others = new Float64Array(FIGURE_COUNT);
  readonly #total = new Float64Array(FIGURE_COUNT);
  readonly #cpuPercentiles = new Float64Array(3);
  readonly #gpuPercentiles = new Float64Array(3);

  constructor(memory: SharedMemory, layout: MemoryLayout, operation: number) {
    this.#memory = memory;
    this.#layout = layout;
    this.#operation = operation;
  }

  /** From now on `own` are this thread's private figures, and stand for what is published in `slot`, if any. */
  follow(own: Float64Array<ArrayBuffer>, slot: number | undefined): void {
    this.#own = own;
    this.#ownSlot = slot;
    this.#addOthers();
  }

  read(): MetricsSnapshot {
    const staleWriters = this.#readMoved();
    const records = this.#own[FIGURES.records];
    if (this.#snapshot !== undefined && staleWriters === 0 && records === this.#snapshotRecords) return this.#snapshot;
    const snapshot = buildSnapshot(this.#addOwn(), staleWriters, this.#cpuPercentiles, this.#gpuPercentiles);
    this.#snapshot = snapshot;
    this.#snapshotRecords = records;
    return snapshot;
  }

  /** Reads the blocks that moved; returns how many could not be read. */
  #readMoved(): number {
    const memory = this.#memory;
    const slots = memory.load(this.#layout.ownership.highWaterCell);
    if (slots !== this.#seen.length) this.#lookAtSlots(slots);
    let moved = false;
    let stale = 0;
    for (let slot = 0; slot < slots; slot++) {
      const seen = this.#seen[slot];
      if (slot === this.#ownSlot || memory.load(seen.block.sequenceCell) === seen.sequence) continue;
      moved = true;
      if (!this.#readAgain(seen)) stale++;
    }
    if (moved) this.#addOthers();
    return stale;
  }

  #lookAtSlots(slots: number): void {
    for (let slot = this.#seen.length; slot < slots; slot++) {
      const block = this.#layout.block(slot, this.#operation);
      this.#seen.push({ block, sequence: 0, figures: new Float64Array(FIGURE_COUNT) });
    }
  }

  #readAgain(seen: SeenBlock): boolean {
    const sequence = readBlock(this.#memory, FIGURES_SHAPE, seen.block, this.#spare);
    if (sequence === undefined) return false;
    const before = seen.figures;
    seen.figures = this.#spare;
    seen.sequence = sequence;
    this.#spare = before;
    return true;
  }

  #addOthers(): void {
    this.#snapshot = undefined;
    clearFigures(this.#others);
    for (let slot = 0; slot < this.#seen.length; slot++) {
      if (slot !== this.#ownSlot) addFigures(this.#others, this.#seen[slot].figures);
    }
  }

  /** Everybody's figures: nothing is added up where one side has nothing. */
  #addOwn(): Float64Array {
    if (this.#others[FIGURES.records] === 0) return this.#own;
    if (this.#own[FIGURES.records] === 0) return this.#others;
    clearFigures(this.#total);
    addFigures(this.#total, this.#others);
    addFigures(this.#total, this.#own);
    return this.#total;
  }
}
