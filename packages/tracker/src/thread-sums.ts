import { SUMS_LENGTH, type SharedSums } from '@gearshift/contracts';
import { requireInteger } from '@gearshift/contracts/internal';
import type { MemoryLayout } from './memory-layout.js';
import { publishBlock, readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';
import { ALWAYS_PUBLISHED, SUMS, SUMS_CELLS, SUMS_SHAPE } from './sums-layout.js';

/** The publication of a slot that was read last. For the slot of this thread: the one that it found there when it took the slot. */
interface SeenBlock {
  readonly block: Block;
  readonly cells: Float64Array<ArrayBuffer>;
  sequence: number;
}

/** The memory that the shares of all threads are in, and what this thread needs to read them. */
interface SharedBlocks {
  readonly memory: SharedMemory;
  readonly layout: MemoryLayout;
  /** The place of the name in the directory. */
  readonly place: number;
  readonly seen: SeenBlock[];
  readonly others: Float64Array;
  readonly total: Float64Array;
  readonly spare: Float64Array;
}

/** {@link SharedSums} of one name, as one thread holds them: without other threads until the tracker is shared. */
export class ThreadSums implements SharedSums {
  readonly own: Float64Array;
  readonly #onChange: () => void;
  /** The cells of a publication: `own`, and the range of it that was changed. */
  readonly #cells = new Float64Array(SUMS_CELLS);
  #shared: SharedBlocks | undefined;
  #othersAreZero = true;
  #hasNews = false;
  #slot: number | undefined;
  #isUnpublished = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.own = this.#cells.subarray(SUMS.numbers);
  }

  changed(from = 0, to = SUMS_LENGTH): void {
    // Beyond the end lies the next block. The full checks, which build messages, run only for wrong arguments.
    if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to >= from && to <= SUMS_LENGTH)) {
      requireInteger('from', from, 0, SUMS_LENGTH);
      requireInteger('to', to, from, SUMS_LENGTH);
    }
    this.#widen(from, to);
    this.#isUnpublished = true;
    this.#onChange();
  }

  hasNews(): boolean {
    if (this.#shared === undefined) return false;
    this.#readChanged(this.#shared);
    const hasNews = this.#hasNews;
    this.#hasNews = false;
    if (hasNews) this.#addOthers(this.#shared);
    return hasNews;
  }

  total(): Float64Array {
    this.hasNews();
    const { own } = this;
    if (this.#shared === undefined || this.#othersAreZero) return own;
    const { others, total } = this.#shared;
    for (let i = 0; i < SUMS_LENGTH; i++) total[i] = own[i] + others[i];
    return total;
  }

  /** From now on the name is shared with other threads. The share of this one stays with it. */
  join(memory: SharedMemory, layout: MemoryLayout, place: number): void {
    this.#shared = {
      memory,
      layout,
      place,
      seen: [],
      others: new Float64Array(SUMS_LENGTH),
      total: new Float64Array(SUMS_LENGTH),
      spare: new Float64Array(SUMS_CELLS),
    };
  }

  /**
   * From now on this thread owns the slot. What its previous owners added still counts as that of others, because `own` must
   * not change while the caller computes with it; publications contain both.
   */
  enterSlot(slot: number): void {
    const shared = this.#shared;
    if (shared === undefined) return;
    addSlots(shared, slot + 1);
    const seen = shared.seen[slot];
    // No other thread writes this slot now, so nothing can overtake the reading.
    this.#readBlock(shared, seen);
    this.#widen(seen.cells[SUMS.low], seen.cells[SUMS.end]);
    this.#slot = slot;
  }

  /** Call it before the slot is given back, with everything published: from now on this thread reads it from there. */
  leaveSlot(): void {
    this.#cells.fill(0);
    this.#slot = undefined;
    this.#isUnpublished = false;
  }

  publish(): void {
    if (this.#shared === undefined || this.#slot === undefined || !this.#isUnpublished) return;
    this.#isUnpublished = false;
    const { memory, seen, spare } = this.#shared;
    const { block, cells, sequence } = seen[this.#slot];
    publishBlock(memory, SUMS_SHAPE, block, sequence === 0 ? this.#cells : addNumbers(this.#cells, cells, spare));
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
  #readChanged(shared: SharedBlocks): void {
    const { memory, layout, seen } = shared;
    addSlots(shared, memory.load(layout.ownership.highWaterCell));
    for (let slot = 0; slot < seen.length; slot++) {
      const other = seen[slot];
      if (slot !== this.#slot && memory.load(other.block.sequenceCell) !== other.sequence) {
        this.#readBlock(shared, other);
      }
    }
  }

  #readBlock({ memory, spare }: SharedBlocks, seen: SeenBlock): void {
    const sequence = readBlock(memory, SUMS_SHAPE, seen.block, spare);
    if (sequence === undefined || sequence === seen.sequence) return;
    copyPublished(spare, seen.cells);
    seen.sequence = sequence;
    this.#hasNews = true;
  }

  #addOthers({ others, seen }: SharedBlocks): void {
    others.fill(0);
    this.#othersAreZero = true;
    for (const { sequence, cells } of seen) {
      if (sequence === 0) continue;
      this.#othersAreZero = false;
      for (let i = 0; i < ALWAYS_PUBLISHED; i++) others[i] += cells[SUMS.numbers + i];
      const end = cells[SUMS.end] | 0;
      for (let i = cells[SUMS.low] | 0; i < end; i++) others[i] += cells[SUMS.numbers + i];
    }
  }
}

function addSlots({ layout, seen, place }: SharedBlocks, slots: number): void {
  for (let slot = seen.length; slot < slots; slot++) {
    seen.push({ block: layout.sumsBlock(slot, place), cells: new Float64Array(SUMS_CELLS), sequence: 0 });
  }
}

/** The numbers of `own` and `inherited`, and the range of `own`, which has been widened by that of `inherited`. */
function addNumbers(own: Float64Array, inherited: Float64Array, result: Float64Array): Float64Array {
  for (let i = SUMS.numbers; i < SUMS_CELLS; i++) result[i] = own[i] + inherited[i];
  result[SUMS.low] = own[SUMS.low];
  result[SUMS.end] = own[SUMS.end];
  return result;
}

/** Outside of what was published the source holds values from before, and the target zeros. */
function copyPublished(source: Float64Array, target: Float64Array): void {
  const alwaysEnd = SUMS.numbers + ALWAYS_PUBLISHED;
  for (let i = 0; i < alwaysEnd; i++) target[i] = source[i];
  const end = SUMS.numbers + (source[SUMS.end] | 0);
  for (let i = SUMS.numbers + (source[SUMS.low] | 0); i < end; i++) target[i] = source[i];
}
