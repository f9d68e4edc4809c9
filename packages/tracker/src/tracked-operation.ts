import type { MetricsSnapshot } from '@gearshift/contracts';
import { FIGURE_COUNT, FIGURES_SHAPE, type MemoryLayout } from './layout.js';
import { OperationRecorder } from './operation-recorder.js';
import type { OperationTotals } from './operation-totals.js';
import { publishBlock, readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';
import { SnapshotReader } from './snapshot-reader.js';

/** One operation as one thread sees it: what it records itself, privately and then in its slot, and what others published. */
export class TrackedOperation {
  readonly #memory: SharedMemory;
  readonly #layout: MemoryLayout;
  readonly #operation: number;
  readonly #windowSize: number;
  readonly #reader: SnapshotReader;
  #recorder: OperationRecorder;
  #block: Block | undefined;
  #publishedRecords = 0;

  constructor(memory: SharedMemory, layout: MemoryLayout, operation: number, windowSize: number) {
    this.#memory = memory;
    this.#layout = layout;
    this.#operation = operation;
    this.#windowSize = windowSize;
    this.#recorder = new OperationRecorder(windowSize);
    this.#reader = new SnapshotReader(memory, layout, operation, this.#recorder);
  }

  get recorder(): OperationRecorder {
    return this.#recorder;
  }

  snapshot(): MetricsSnapshot {
    return this.#reader.read();
  }

  totals(): OperationTotals {
    return this.#reader.readTotals();
  }

  /** From now on this thread owns the slot, and goes on counting where its owner of before stopped. */
  enterSlot(slot: number): void {
    const block = this.#layout.block(slot, this.#operation);
    const inherited = new Float64Array(FIGURE_COUNT);
    // Nobody else writes this slot now, so nothing can overtake the reading.
    readBlock(this.#memory, FIGURES_SHAPE, block, inherited);
    const unpublished = this.#recorder.records;
    this.#recorder.inherit(inherited);
    this.#publishedRecords = this.#recorder.records - unpublished;
    this.#block = block;
    this.#reader.follow(this.#recorder, slot);
  }

  /** To be called before the slot is given back, with everything published: it is read from there now. */
  leaveSlot(): void {
    this.#block = undefined;
    this.#recorder = new OperationRecorder(this.#windowSize);
    this.#publishedRecords = 0;
    this.#reader.follow(this.#recorder, undefined);
  }

  publish(): void {
    const { records } = this.#recorder;
    if (this.#block === undefined || records === this.#publishedRecords) return;
    this.#publishedRecords = records;
    publishBlock(this.#memory, FIGURES_SHAPE, this.#block, this.#recorder.readFigures());
    this.#reader.expectOwn(this.announce());
  }

  /**
   * Makes every reader look for what moved; a publication without it may go unnoticed until the next one.
   *
   * @returns how many announcements there were before.
   */
  announce(): number {
    return this.#memory.add(this.#layout.newsCell(this.#operation), 1);
  }
}
