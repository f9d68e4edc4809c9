import type { MetricsSnapshot } from '@gearshift/contracts';
import { buildSnapshot } from './build-snapshot.js';
import { DeviceSummary } from './device-summary.js';
import { FIGURE_COUNT, FIGURES, FIGURES_SHAPE, type MemoryLayout } from './layout.js';
import { clearFigures, replaceFigures, trimBuckets } from './merge-figures.js';
import { NO_METRICS } from './no-metrics.js';
import type { OperationRecorder } from './operation-recorder.js';
import { buildTotals, type OperationTotals } from './operation-totals.js';
import { readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';

/** One slot as it was last read. A slot that never published has sequence 0 and counts nothing. */
interface SeenBlock {
  readonly block: Block;
  sequence: number;
  figures: Float64Array<ArrayBuffer>;
}

const NOTHING = new Float64Array(FIGURE_COUNT);

/**
 * Answers with snapshots of one operation: what this thread recorded, published or not, and what the others published.
 * While nobody recorded or published, one look at shared memory tells so, and the snapshot of before is the answer: it is
 * frozen, so nobody can tell it from a new one. Else only blocks whose sequence moved are read again.
 */
export class SnapshotReader {
  readonly #memory: SharedMemory;
  readonly #layout: MemoryLayout;
  readonly #operation: number;
  readonly #newsCell: number;
  readonly #seen: SeenBlock[] = [];
  #ownSlot: number | undefined;
  #own: OperationRecorder;
  /** The snapshot of before, and the counts of publications and of own records that it was built at. */
  #snapshot = NO_METRICS;
  #news = 0;
  #records = 0;
  /** Where the next block is copied to; it changes places with the block's figures when that succeeds. */
  #spare = new Float64Array(FIGURE_COUNT);
  /** The sum of what was read of all others. */
  readonly #others = new Float64Array(FIGURE_COUNT);
  readonly #cpu = new DeviceSummary(FIGURES.cpu);
  readonly #gpu = new DeviceSummary(FIGURES.gpu);

  /** @param own what this thread records. */
  constructor(memory: SharedMemory, layout: MemoryLayout, operation: number, own: OperationRecorder) {
    this.#memory = memory;
    this.#layout = layout;
    this.#operation = operation;
    this.#newsCell = layout.newsCell(operation);
    this.#own = own;
  }

  /** From now on `own` is what this thread records, and stands for what is published in `slot`, if any. */
  follow(own: OperationRecorder, slot: number | undefined): void {
    this.#own = own;
    this.#ownSlot = slot;
    this.#records = LOOK_AGAIN;
    clearFigures(this.#others);
    for (const [other, { figures }] of this.#seen.entries()) {
      if (other !== slot) replaceFigures(this.#others, NOTHING, figures);
    }
  }

  /** @param news how many publications there were before one of this thread: it says nothing new to this thread. */
  expectOwn(news: number): void {
    if (news === this.#news) this.#news = (news + 1) | 0;
  }

  read(): MetricsSnapshot {
    // First: what is published while the blocks are read must be news the next time.
    const news = this.#memory.load(this.#newsCell);
    const { records } = this.#own;
    if (news === this.#news && records === this.#records) return this.#snapshot;
    return this.#readAgain(news, records);
  }

  /** What was counted for life, as of the same instant as `read()` would say. */
  readTotals(): OperationTotals {
    this.read();
    return buildTotals(this.#others, this.#own.readFigures());
  }

  #readAgain(news: number, records: number): MetricsSnapshot {
    const staleWriters = news === this.#news && this.#records !== LOOK_AGAIN ? 0 : this.#readMoved();
    this.#news = news;
    this.#records = staleWriters > 0 ? LOOK_AGAIN : records;
    const own = this.#own.readFigures();
    this.#cpu.update(this.#others, own);
    this.#gpu.update(this.#others, own);
    this.#snapshot = buildSnapshot(this.#others, own, this.#cpu, this.#gpu, staleWriters);
    return this.#snapshot;
  }

  /** Reads the blocks that moved; returns how many could not be read. */
  #readMoved(): number {
    const memory = this.#memory;
    const seen = this.#seen;
    this.#lookAtSlots(memory.load(this.#layout.ownership.highWaterCell));
    let stale = 0;
    for (let slot = 0; slot < seen.length; slot++) {
      const other = seen[slot];
      if (slot === this.#ownSlot || memory.load(other.block.sequenceCell) === other.sequence) continue;
      if (!this.#readBlock(other)) stale++;
    }
    trimBuckets(this.#others, FIGURES.cpu);
    trimBuckets(this.#others, FIGURES.gpu);
    return stale;
  }

  #lookAtSlots(slots: number): void {
    for (let slot = this.#seen.length; slot < slots; slot++) {
      const block = this.#layout.block(slot, this.#operation);
      this.#seen.push({ block, sequence: 0, figures: new Float64Array(FIGURE_COUNT) });
    }
  }

  #readBlock(seen: SeenBlock): boolean {
    const figures = this.#spare;
    const sequence = readBlock(this.#memory, FIGURES_SHAPE, seen.block, figures);
    if (sequence === undefined) return false;
    replaceFigures(this.#others, seen.figures, figures);
    this.#spare = seen.figures;
    seen.figures = figures;
    seen.sequence = sequence;
    return true;
  }
}

/** No number of records: there may be something to read although the counts stand still. */
const LOOK_AGAIN = -1;
