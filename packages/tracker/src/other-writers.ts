import { DEVICE as DEVICE_FIELDS, type DeviceFigures } from './figures-layout.js';
import { replaceFigures, trimBuckets } from './merge-figures.js';
import type { MemoryLayout } from './memory-layout.js';
import { readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';

/** Local, because V8 loads an imported binding again at each use. */
const DEVICE = DEVICE_FIELDS;

/** One slot as it was last read. A slot that never published has sequence 0 and counts nothing. */
interface SeenBlock {
  readonly block: Block;
  sequence: number;
  figures: Float64Array<ArrayBuffer>;
}

/** What all other writers have published about one operation, as this thread last read it. */
export class OtherWriters {
  readonly #memory: SharedMemory;
  readonly #layout: MemoryLayout;
  readonly #operation: number;
  readonly #seen: SeenBlock[] = [];
  readonly #nothing: Float64Array<ArrayBuffer>;
  /** The sum of what was read of all others. */
  readonly total: Float64Array;
  /** Where the next block is copied to; it changes places with the block's figures when that succeeds. */
  #spare: Float64Array<ArrayBuffer>;
  #ownSlot: number | undefined;
  /** A window has lasted for more nanoseconds than a sum holds exactly, so subtracting what was added leaves an error. */
  #isRounded = false;

  constructor(memory: SharedMemory, layout: MemoryLayout, operation: number) {
    const { length } = layout.figures;
    this.#memory = memory;
    this.#layout = layout;
    this.#operation = operation;
    this.#nothing = new Float64Array(length);
    this.total = new Float64Array(length);
    this.#spare = new Float64Array(length);
  }

  /** From now on the writer of `ownSlot` is this thread, and no other. */
  exclude(ownSlot: number | undefined): void {
    this.#ownSlot = ownSlot;
    // Perhaps: the next reading sums up once more.
    this.#isRounded = true;
    this.total.fill(0);
    for (const [slot, { figures }] of this.#seen.entries()) {
      if (slot !== ownSlot) replaceFigures(this.total, this.#nothing, figures, this.#layout.figures.devices);
    }
  }

  /** Reads the blocks that have changed; returns how many could not be read. */
  readChanged(): number {
    const memory = this.#memory;
    const seen = this.#seen;
    this.#addSlots(memory.load(this.#layout.ownership.highWaterCell));
    let stale = 0;
    for (let slot = 0; slot < seen.length; slot++) {
      const other = seen[slot];
      if (slot === this.#ownSlot || memory.load(other.block.sequenceCell) === other.sequence) continue;
      if (!this.#readBlock(other)) stale++;
    }
    const wasRounded = this.#isRounded;
    this.#isRounded = false;
    for (const device of this.#layout.figures.devices) {
      trimBuckets(this.total, device);
      if (!(this.total[device.start + DEVICE.windowSumNs] <= Number.MAX_SAFE_INTEGER)) this.#isRounded = true;
    }
    if (wasRounded || this.#isRounded) for (const device of this.#layout.figures.devices) this.#sumWindows(device);
    return stale;
  }

  #sumWindows({ start }: DeviceFigures): void {
    let sumNs = 0;
    for (const [slot, { figures }] of this.#seen.entries()) {
      if (slot !== this.#ownSlot) sumNs += figures[start + DEVICE.windowSumNs];
    }
    this.total[start + DEVICE.windowSumNs] = sumNs;
  }

  #addSlots(slots: number): void {
    for (let slot = this.#seen.length; slot < slots; slot++) {
      const block = this.#layout.block(slot, this.#operation);
      this.#seen.push({ block, sequence: 0, figures: new Float64Array(this.#layout.figures.length) });
    }
  }

  #readBlock(seen: SeenBlock): boolean {
    const { shape, devices } = this.#layout.figures;
    const figures = this.#spare;
    const sequence = readBlock(this.#memory, shape, seen.block, figures);
    if (sequence === undefined) return false;
    replaceFigures(this.total, seen.figures, figures, devices);
    this.#spare = seen.figures;
    seen.figures = figures;
    seen.sequence = sequence;
    return true;
  }
}
