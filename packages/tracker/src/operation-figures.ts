import { OperationWindow } from './operation-window.js';
import { publish, readPublished, type Publication } from './protocol.js';
import { snapshotOf, type MetricsSnapshot } from './metrics-snapshot.js';
import type { SharedCells } from './shared-cells.js';
import { FIELD, FIELD_COUNT, type SharedLayout } from './shared-layout.js';

/** What this thread last read of another writer. */
interface ReadCopy {
  readonly publication: Publication;
  index: number;
  readonly figures: Float64Array;
}

const NOT_READ = -1;
const NO_SLOT = -1;

/** The figures of one operation, as one thread sees them: what it recorded itself, and what others published. */
export class OperationFigures {
  #window: OperationWindow;
  readonly #cells: SharedCells;
  readonly #layout: SharedLayout;
  readonly #operation: number;
  readonly #copies: ReadCopy[] = [];
  readonly #sums = new Float64Array(FIELD_COUNT);
  readonly #scratch = new Float64Array(FIELD_COUNT);
  readonly #windowSize: number;
  #slot = NO_SLOT;
  #unpublished = false;
  #snapshot: MetricsSnapshot | undefined;

  constructor(cells: SharedCells, layout: SharedLayout, operation: number, windowSize: number) {
    this.#cells = cells;
    this.#layout = layout;
    this.#operation = operation;
    this.#windowSize = windowSize;
    this.#window = new OperationWindow(windowSize);
  }

  /** What this thread records; call {@link recorded} after. */
  get window(): OperationWindow {
    return this.#window;
  }

  /** From now on this thread writes the slot. What its last owner counted goes on from there. */
  own(slot: number): void {
    const copy = this.#copyOf(slot);
    this.#refresh(copy);
    this.#window = new OperationWindow(this.#windowSize);
    this.#window.inherit(copy.figures);
    this.#slot = slot;
    this.#snapshot = undefined;
  }

  /** The slot is no longer this thread's, which reads it from now on like any other. */
  disown(): void {
    this.#slot = NO_SLOT;
    this.#snapshot = undefined;
  }

  /** Something was recorded that nobody else knows yet. */
  recorded(): void {
    this.#unpublished = true;
    this.#snapshot = undefined;
  }

  publish(nowMs: number): void {
    if (!this.#unpublished) return;
    this.#unpublished = false;
    this.#snapshot = undefined;
    const { figures } = this.#window;
    const copy = this.#copyOf(this.#slot).figures;
    if (figures[FIELD.cpuCount] !== copy[FIELD.cpuCount]) figures[FIELD.cpuLastSampleAtMs] = nowMs;
    if (figures[FIELD.gpuCount] !== copy[FIELD.gpuCount]) figures[FIELD.gpuLastSampleAtMs] = nowMs;
    copy.set(figures);
    publish(this.#cells, this.#copyOf(this.#slot).publication, figures);
  }

  /** The same object as long as nothing was recorded or published: looking costs one load a writer. */
  snapshot(usedSlots: number): MetricsSnapshot {
    let changed = this.#snapshot === undefined;
    for (let slot = 0; slot < usedSlots; slot++) {
      if (slot !== this.#slot && this.#refresh(this.#copyOf(slot))) changed = true;
    }
    if (changed || this.#snapshot === undefined) this.#snapshot = snapshotOf(this.#addUp(usedSlots));
    return this.#snapshot;
  }

  /** Whether there was something new. A writer that is faster than every attempt to read it keeps its last figures. */
  #refresh(copy: ReadCopy): boolean {
    if (this.#cells.load(copy.publication.indexCell) === copy.index) return false;
    const index = readPublished(this.#cells, copy.publication, this.#scratch);
    if (index === NOT_READ) return false;
    copy.index = index;
    copy.figures.set(this.#scratch);
    return true;
  }

  #addUp(usedSlots: number): Float64Array {
    const sums = this.#sums;
    sums.fill(0);
    let cpuLastAtMs = 0;
    let gpuLastAtMs = 0;
    for (let slot = 0; slot < usedSlots; slot++) {
      const figures = slot === this.#slot ? this.#window.figures : this.#copies[slot].figures;
      for (let field = 0; field < FIELD_COUNT; field++) sums[field] += figures[field];
      cpuLastAtMs = Math.max(cpuLastAtMs, figures[FIELD.cpuLastSampleAtMs]);
      gpuLastAtMs = Math.max(gpuLastAtMs, figures[FIELD.gpuLastSampleAtMs]);
    }
    sums[FIELD.cpuLastSampleAtMs] = cpuLastAtMs;
    sums[FIELD.gpuLastSampleAtMs] = gpuLastAtMs;
    return sums;
  }

  #copyOf(slot: number): ReadCopy {
    while (this.#copies.length <= slot) {
      const publication = this.#publicationOf(this.#copies.length);
      this.#copies.push({ publication, index: 0, figures: new Float64Array(FIELD_COUNT) });
    }
    return this.#copies[slot];
  }

  #publicationOf(slot: number): Publication {
    const { indexCell, copyCell } = this.#layout;
    return {
      indexCell: indexCell(slot, this.#operation),
      copyCells: [copyCell(slot, this.#operation, 0), copyCell(slot, this.#operation, 1)],
    };
  }
}
