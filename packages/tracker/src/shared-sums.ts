import { SUMS_LENGTH, SUMS_SHAPE, type MemoryLayout } from './layout.js';
import { publishBlock, readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';

/**
 * Numbers that every thread adds to and every thread reads as one sum: the sufficient statistics of whoever learns from
 * what all threads measured. A thread sees its own share at once, and those of others as of their last publication.
 */
export interface SharedSums {
  /** This thread's share, {@link SUMS_LENGTH} numbers, zeros at first: change it in place, then call {@link changed}. */
  readonly own: Float64Array;
  /** Says that `own` changed: it is published with the next publication of the tracker. */
  changed(): void;
  /** Everybody's, what this thread has not published yet included. Not to be changed; valid until the next call. */
  total(): Float64Array;
}

interface SeenBlock {
  readonly block: Block;
  sequence: number;
  numbers: Float64Array<ArrayBuffer>;
}

/** {@link SharedSums} of one name, as one thread holds them. */
export class ThreadSums implements SharedSums {
  readonly own = new Float64Array(SUMS_LENGTH);
  readonly #memory: SharedMemory;
  readonly #layout: MemoryLayout;
  readonly #index: number;
  readonly #onChange: () => void;
  readonly #seen: SeenBlock[] = [];
  readonly #others = new Float64Array(SUMS_LENGTH);
  readonly #total = new Float64Array(SUMS_LENGTH);
  #spare = new Float64Array(SUMS_LENGTH);
  #othersAreZero = true;
  #slot: number | undefined;
  #isUnpublished = false;

  /** @param index the place of the name in the directory. */
  constructor(memory: SharedMemory, layout: MemoryLayout, index: number, onChange: () => void) {
    this.#memory = memory;
    this.#layout = layout;
    this.#index = index;
    this.#onChange = onChange;
  }

  changed(): void {
    this.#isUnpublished = true;
    this.#onChange();
  }

  total(): Float64Array {
    this.#readMoved();
    if (this.#othersAreZero) return this.own;
    const { own } = this;
    const others = this.#others;
    const total = this.#total;
    for (let i = 0; i < SUMS_LENGTH; i++) total[i] = own[i] + others[i];
    return total;
  }

  /** From now on this thread owns the slot, and what its owner of before had added is this thread's share too. */
  enterSlot(slot: number): void {
    const inherited = new Float64Array(SUMS_LENGTH);
    // Nobody else writes this slot now, so nothing can overtake the reading.
    readBlock(this.#memory, SUMS_SHAPE, this.#layout.sumsBlock(slot, this.#index), inherited);
    for (let i = 0; i < SUMS_LENGTH; i++) this.own[i] += inherited[i];
    this.#slot = slot;
    this.#addOthers();
  }

  /** To be called before the slot is given back, with everything published: it is read from there now. */
  leaveSlot(): void {
    this.own.fill(0);
    this.#slot = undefined;
    this.#isUnpublished = false;
    this.#addOthers();
  }

  publish(): void {
    if (this.#slot === undefined || !this.#isUnpublished) return;
    this.#isUnpublished = false;
    publishBlock(this.#memory, SUMS_SHAPE, this.#layout.sumsBlock(this.#slot, this.#index), this.own);
  }

  /** A block that could not be read stays as it was and is tried again next time. */
  #readMoved(): void {
    const memory = this.#memory;
    const slots = memory.load(this.#layout.ownership.highWaterCell);
    for (let slot = this.#seen.length; slot < slots; slot++) {
      const block = this.#layout.sumsBlock(slot, this.#index);
      this.#seen.push({ block, sequence: 0, numbers: new Float64Array(SUMS_LENGTH) });
    }
    let moved = false;
    for (let slot = 0; slot < slots; slot++) {
      const seen = this.#seen[slot];
      if (slot === this.#slot || memory.load(seen.block.sequenceCell) === seen.sequence) continue;
      const sequence = readBlock(memory, SUMS_SHAPE, seen.block, this.#spare);
      if (sequence === undefined) continue;
      const before = seen.numbers;
      seen.numbers = this.#spare;
      seen.sequence = sequence;
      this.#spare = before;
      moved = true;
    }
    if (moved) this.#addOthers();
  }

  #addOthers(): void {
    const others = this.#others.fill(0);
    this.#othersAreZero = true;
    for (let slot = 0; slot < this.#seen.length; slot++) {
      const { sequence, numbers } = this.#seen[slot];
      if (slot === this.#slot || sequence === 0) continue;
      this.#othersAreZero = false;
      for (let i = 0; i < SUMS_LENGTH; i++) others[i] += numbers[i];
    }
  }
}
