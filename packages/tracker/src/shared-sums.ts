import { SUMS_LENGTH, type SharedSums } from '@gearshift/contracts';
import { requireInteger } from '@gearshift/contracts/internal';
import { ALWAYS_PUBLISHED, SUMS, SUMS_CELLS, SUMS_SHAPE, type MemoryLayout } from './layout.js';
import { publishBlock, readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';

/** What a slot has published, as of when it was read last; this thread's own, as of when it became its own. */
interface SeenBlock {
  readonly block: Block;
  readonly cells: Float64Array<ArrayBuffer>;
  sequence: number;
}

/** {@link SharedSums} of one name, as one thread holds them. */
export class ThreadSums implements SharedSums {
  readonly own: Float64Array<ArrayBuffer>;
  readonly #memory: SharedMemory;
  readonly #layout: MemoryLayout;
  readonly #index: number;
  readonly #onChange: () => void;
  /** What is published: `own`, and which part of it was changed. */
  readonly #cells = new Float64Array(SUMS_CELLS);
  readonly #seen: SeenBlock[] = [];
  readonly #others = new Float64Array(SUMS_LENGTH);
  readonly #total = new Float64Array(SUMS_LENGTH);
  readonly #spare = new Float64Array(SUMS_CELLS);
  #othersAreZero = true;
  #hasNews = false;
  #slot: number | undefined;
  #isUnpublished = false;

  /** @param index the place of the name in the directory. */
  constructor(memory: SharedMemory, layout: MemoryLayout, index: number, onChange: () => void) {
    this.#memory = memory;
    this.#layout = layout;
    this.#index = index;
    this.#onChange = onChange;
    this.own = this.#cells.subarray(SUMS.numbers);
  }

  changed(from = 0, to = SUMS_LENGTH): void {
    // Beyond the end lies the next block. Checked in full only when wrong: the message costs more than the rest.
    if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to >= from && to <= SUMS_LENGTH)) {
      requireInteger('from', from, 0, SUMS_LENGTH);
      requireInteger('to', to, from, SUMS_LENGTH);
    }
    this.#widen(from, to);
    this.#isUnpublished = true;
    this.#onChange();
  }

  hasNews(): boolean {
    this.#readMoved();
    const hasNews = this.#hasNews;
    this.#hasNews = false;
    if (hasNews) this.#addOthers();
    return hasNews;
  }

  total(): Float64Array {
    this.hasNews();
    const { own } = this;
    if (this.#othersAreZero) return own;
    const others = this.#others;
    const total = this.#total;
    for (let i = 0; i < SUMS_LENGTH; i++) total[i] = own[i] + others[i];
    return total;
  }

  /**
   * From now on this thread owns the slot. What its owners of before have added goes on counting as that of others, or
   * `own` would change in the middle of somebody's calculation; publications contain both.
   */
  enterSlot(slot: number): void {
    this.#lookAtSlots(slot + 1);
    const seen = this.#seen[slot];
    // Nobody else writes this slot now, so nothing can overtake the reading.
    this.#readBlock(seen);
    this.#widen(seen.cells[SUMS.low], seen.cells[SUMS.end]);
    this.#slot = slot;
  }

  /** To be called before the slot is given back, with everything published: it is read from there now. */
  leaveSlot(): void {
    this.#cells.fill(0);
    this.#slot = undefined;
    this.#isUnpublished = false;
  }

  publish(): void {
    if (this.#slot === undefined || !this.#isUnpublished) return;
    this.#isUnpublished = false;
    const { block, cells, sequence } = this.#seen[this.#slot];
    publishBlock(this.#memory, SUMS_SHAPE, block, sequence === 0 ? this.#cells : this.#withInherited(cells));
  }

  #withInherited(inherited: Float64Array): Float64Array {
    const own = this.#cells;
    const both = this.#spare;
    for (let i = SUMS.numbers; i < SUMS_CELLS; i++) both[i] = own[i] + inherited[i];
    both[SUMS.low] = own[SUMS.low];
    both[SUMS.end] = own[SUMS.end];
    return both;
  }

  #widen(from: number, to: number): void {
    const first = Math.max(from, ALWAYS_PUBLISHED);
    if (first >= to) return;
    const cells = this.#cells;
    const isEmpty = cells[SUMS.end] === 0;
    if (isEmpty || first < cells[SUMS.low]) cells[SUMS.low] = first;
    if (to > cells[SUMS.end]) cells[SUMS.end] = to;
  }

  /** A block that could not be read stays as it was and is tried again next time. */
  #readMoved(): void {
    const memory = this.#memory;
    this.#lookAtSlots(memory.load(this.#layout.ownership.highWaterCell));
    for (let slot = 0; slot < this.#seen.length; slot++) {
      const seen = this.#seen[slot];
      if (slot !== this.#slot && memory.load(seen.block.sequenceCell) !== seen.sequence) this.#readBlock(seen);
    }
  }

  #lookAtSlots(slots: number): void {
    for (let slot = this.#seen.length; slot < slots; slot++) {
      this.#seen.push({
        block: this.#layout.sumsBlock(slot, this.#index),
        cells: new Float64Array(SUMS_CELLS),
        sequence: 0,
      });
    }
  }

  #readBlock(seen: SeenBlock): void {
    const sequence = readBlock(this.#memory, SUMS_SHAPE, seen.block, this.#spare);
    if (sequence === undefined || sequence === seen.sequence) return;
    copyPublished(this.#spare, seen.cells);
    seen.sequence = sequence;
    this.#hasNews = true;
  }

  #addOthers(): void {
    const others = this.#others.fill(0);
    this.#othersAreZero = true;
    for (const { sequence, cells } of this.#seen) {
      if (sequence === 0) continue;
      this.#othersAreZero = false;
      for (let i = 0; i < ALWAYS_PUBLISHED; i++) others[i] += cells[SUMS.numbers + i];
      const end = cells[SUMS.end] | 0;
      for (let i = cells[SUMS.low] | 0; i < end; i++) others[i] += cells[SUMS.numbers + i];
    }
  }
}

/** Outside of what was published the source holds whatever it held before; all of that is zero. */
function copyPublished(source: Float64Array, target: Float64Array): void {
  const alwaysEnd = SUMS.numbers + ALWAYS_PUBLISHED;
  for (let i = 0; i < alwaysEnd; i++) target[i] = source[i];
  const end = SUMS.numbers + (source[SUMS.end] | 0);
  for (let i = SUMS.numbers + (source[SUMS.low] | 0); i < end; i++) target[i] = source[i];
}
