import { threadId, type Worker } from 'node:worker_threads';
import type { AttemptReport, OperationName } from '@gearshift/contracts';
import type { MetricsSnapshot } from './metrics-snapshot.js';
import { OperationFigures } from './operation-figures.js';
import { claimSlot, releaseSlot } from './protocol.js';
import { BufferCells, type SharedCells } from './shared-cells.js';
import { layOut, USED_SLOTS_CELL, type SharedLayout } from './shared-layout.js';
import type { Tracker, TrackerHandle } from './tracker.js';

/** A flat-out writer publishes this seldom, so that it does not slow every reader down. */
const RECORDS_PER_PUBLICATION = 32;
/** Tokens are thread numbers moved up by one: 0 means nobody. Node never gives a number out twice. */
const TOKEN_OFFSET = 1;

/** The one implementation of {@link Tracker}: one thread's view of the shared memory. */
export class SharedTracker implements Tracker {
  readonly operations: readonly OperationName[];
  readonly windowSize: number;
  readonly #handle: TrackerHandle;
  readonly #cells: SharedCells;
  readonly #layout: SharedLayout;
  readonly #figures: ReadonlyMap<OperationName, OperationFigures>;
  /** This thread's slot, taken with its first record: who only reads needs none. */
  #slot = -1;
  #recordsToPublication = RECORDS_PER_PUBLICATION;
  #publicationScheduled = false;

  constructor(handle: TrackerHandle) {
    const { buffer, operations, windowSize, maxWriters } = handle;
    this.operations = operations;
    this.windowSize = windowSize;
    this.#handle = handle;
    this.#layout = layOut(maxWriters, operations.length);
    this.#cells = new BufferCells(buffer, this.#layout.controlCells, this.#layout.figureCells);
    this.#figures = new Map(
      operations.map((operation, index) => [
        operation,
        new OperationFigures(this.#cells, this.#layout, index, windowSize),
      ]),
    );
  }

  recordCpuLatency(operation: OperationName, latencyMs: number): void {
    const figures = this.#writable(operation);
    requireLatency(latencyMs);
    figures.window.cpuLatency(latencyMs);
    this.#recorded(figures);
  }

  recordGpuSuccess(operation: OperationName, latencyMs: number): void {
    const figures = this.#writable(operation);
    requireLatency(latencyMs);
    figures.window.gpuSuccess(latencyMs);
    this.#recorded(figures);
  }

  recordGpuFailure(operation: OperationName): void {
    const figures = this.#writable(operation);
    figures.window.gpuFailure();
    this.#recorded(figures);
  }

  recordOutOfMemory(operation: OperationName): void {
    const figures = this.#writable(operation);
    figures.window.outOfMemory();
    this.#recorded(figures);
  }

  recordFallback(operation: OperationName): void {
    const figures = this.#writable(operation);
    figures.window.fallback();
    this.#recorded(figures);
  }

  record(attempt: AttemptReport): void {
    const { operation, device, outcome, latencyMs, fallback } = attempt;
    const figures = this.#writable(operation);
    const { window } = figures;
    if (outcome === 'success') {
      requireLatency(latencyMs);
      if (device === 'cpu') window.cpuLatency(latencyMs);
      else window.gpuSuccess(latencyMs);
    } else if (outcome !== 'aborted' && outcome !== 'invalid-input' && outcome !== 'unsupported') {
      if (device === 'cpu') window.cpuFailure();
      else if (outcome === 'out-of-memory') window.outOfMemory();
      else window.gpuFailure();
    }
    if (fallback) window.fallback();
    this.#recorded(figures);
  }

  snapshot(operation: OperationName): MetricsSnapshot {
    return this.#figuresOf(operation).snapshot(this.#cells.load(USED_SLOTS_CELL));
  }

  gpuSpeedup(operation: OperationName): number {
    return this.snapshot(operation).speedup;
  }

  gpuSuccessRate(operation: OperationName): number {
    return this.snapshot(operation).successRate;
  }

  averageCpuLatency(operation: OperationName): number {
    return this.snapshot(operation).cpuAvgMs;
  }

  averageGpuLatency(operation: OperationName): number {
    return this.snapshot(operation).gpuAvgMs;
  }

  share(): TrackerHandle {
    return { ...this.#handle };
  }

  flush(): void {
    if (this.#slot === -1) return;
    this.#recordsToPublication = RECORDS_PER_PUBLICATION;
    const nowMs = Date.now();
    for (const figures of this.#figures.values()) figures.publish(nowMs);
  }

  watch(worker: Worker): void {
    // Read now: an ended worker has lost its number.
    const token = worker.threadId + TOKEN_OFFSET;
    worker.once('exit', () => {
      for (let slot = 0; slot < this.#layout.slots; slot++)
        releaseSlot(this.#cells, this.#layout.ownerCell(slot), token);
    });
  }

  close(): void {
    if (this.#slot === -1) return;
    this.flush();
    for (const figures of this.#figures.values()) figures.disown();
    releaseSlot(this.#cells, this.#layout.ownerCell(this.#slot), threadId + TOKEN_OFFSET);
    this.#slot = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #figuresOf(operation: OperationName): OperationFigures {
    const figures = this.#figures.get(operation);
    if (figures === undefined) {
      throw new RangeError(`operation: expected one of ${this.operations.join(', ')}, got ${String(operation)}`);
    }
    return figures;
  }

  #writable(operation: OperationName): OperationFigures {
    const figures = this.#figuresOf(operation);
    if (this.#slot === -1) this.#claim();
    return figures;
  }

  #claim(): void {
    const { slots, ownerCell } = this.#layout;
    const slot = claimSlot(this.#cells, slots, ownerCell, USED_SLOTS_CELL, threadId + TOKEN_OFFSET);
    if (slot === -1) {
      throw new Error(
        `all ${slots} writer slots of the tracker are taken: make it with more maxWriters, close() trackers that are ` +
          'done, and watch() workers so that ended ones give theirs back',
      );
    }
    this.#slot = slot;
    for (const figures of this.#figures.values()) figures.own(slot);
  }

  /** Publishes on the 32nd record or at the end of the turn, whichever comes first. */
  #recorded(figures: OperationFigures): void {
    figures.recorded();
    this.#recordsToPublication -= 1;
    if (this.#recordsToPublication === 0) this.flush();
    else if (!this.#publicationScheduled) this.#schedulePublication();
  }

  #schedulePublication(): void {
    this.#publicationScheduled = true;
    setImmediate(() => {
      this.#publicationScheduled = false;
      this.flush();
    }).unref();
  }
}

function requireLatency(latencyMs: number): void {
  if (latencyMs >= 0 && latencyMs < Infinity) return;
  const message = `latencyMs: expected a finite number of at least 0, got ${String(latencyMs)}`;
  throw typeof latencyMs === 'number' ? new RangeError(message) : new TypeError(message);
}
