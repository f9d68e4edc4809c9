import type { MetricsSnapshot } from '@gearshift/contracts';
import type { MemoryLayout } from './memory-layout.js';
import type { FiguresLayout } from './figures-layout.js';
import { OperationRecorder } from './operation-recorder.js';
import type { OperationTotals } from './operation-totals.js';
import { OtherWriters } from './other-writers.js';
import { publishBlock, readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';
import { SnapshotReader } from './snapshot-reader.js';

/** What an operation of any tracker needs to know. */
export interface OperationSetup {
  readonly windowSize: number;
  /** Names of the devices, in the order of the figures. */
  readonly devices: readonly string[];
  readonly figures: FiguresLayout;
  /** Figures that are all zeros. */
  readonly nothing: Float64Array;
}

/**
 * One operation as one thread sees it: what it records itself, privately and, once the tracker is shared, then in its slot;
 * and what others published.
 */
export class TrackedOperation {
  readonly #setup: OperationSetup;
  /** Its place among the operations. */
  readonly #index: number;
  readonly #reader: SnapshotReader;
  #recorder: OperationRecorder;
  #shared: { readonly memory: SharedMemory; readonly layout: MemoryLayout } | undefined;
  #block: Block | undefined;
  #publishedRecords = 0;

  constructor(setup: OperationSetup, index: number) {
    this.#setup = setup;
    this.#index = index;
    this.#recorder = new OperationRecorder(setup.figures, setup.windowSize);
    this.#reader = new SnapshotReader(setup.figures, setup.devices, this.#recorder, setup.nothing);
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

  /** From now on the operation is shared with other threads. What was recorded stays with this thread. */
  join(memory: SharedMemory, layout: MemoryLayout): void {
    this.#shared = { memory, layout };
    this.#reader.join(new OtherWriters(memory, layout, this.#index));
  }

  /** From now on this thread owns the slot of the shared memory, and counts on from where the previous owner stopped. */
  enterSlot(slot: number): void {
    if (this.#shared === undefined) return;
    const { memory, layout } = this.#shared;
    const block = layout.block(slot, this.#index);
    const inherited = new Float64Array(layout.figures.length);
    // No other thread writes this slot now, so nothing can overtake the reading.
    readBlock(memory, layout.figures.shape, block, inherited);
    const unpublished = this.#recorder.records;
    this.#recorder.inherit(inherited);
    this.#publishedRecords = this.#recorder.records - unpublished;
    this.#block = block;
    this.#reader.follow(this.#recorder, slot);
  }

  /** Call it before the slot is given back, with everything published: from now on it is read from there. */
  leaveSlot(): void {
    this.#block = undefined;
    this.#recorder = new OperationRecorder(this.#setup.figures, this.#setup.windowSize);
    this.#publishedRecords = 0;
    this.#reader.follow(this.#recorder, undefined);
  }

  publish(): void {
    const { records } = this.#recorder;
    if (this.#shared === undefined || this.#block === undefined || records === this.#publishedRecords) return;
    this.#publishedRecords = records;
    const { memory, layout } = this.#shared;
    publishBlock(memory, layout.figures.shape, this.#block, this.#recorder.readFigures());
    this.#reader.expectOwn(this.#announce(memory, layout));
  }

  /** Makes every reader look for what has changed; a publication without it may go unnoticed until the next one. */
  announce(): void {
    if (this.#shared !== undefined) this.#announce(this.#shared.memory, this.#shared.layout);
  }

  /** Returns how many announcements there were before. */
  #announce(memory: SharedMemory, layout: MemoryLayout): number {
    return memory.add(layout.newsCell(this.#index), 1);
  }
}
