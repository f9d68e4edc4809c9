import { threadId as ownThreadId } from 'node:worker_threads';
import type { AttemptReport, MetricsSnapshot, OperationName, SharedSums } from '@gearshift/contracts';
import { expected, requireInteger, requireObject } from '@gearshift/contracts/internal';
import { layOut, type MemoryLayout } from './layout.js';
import type { OperationTotals } from './operation-totals.js';
import { monotonicMs } from './monotonic-clock.js';
import { ArrayMemory } from './protocol/array-memory.js';
import { hashOf, placeOf } from './protocol/directory.js';
import { claimSlot, releaseOwner, releaseSlot } from './protocol/ownership.js';
import { ThreadSums } from './shared-sums.js';
import { TrackedOperation } from './tracked-operation.js';
import type { EndingWorker, Tracker, TrackerHandle } from './tracker.js';

/** A publication costs about as much as 32 records, and a writer who published each would slow its readers fivefold. */
const PUBLISH_EVERY = 32;
/** Eleven days. More is a wrong unit, and sums of nanoseconds would no longer be exact. */
const MAX_LATENCY_MS = 1e9;

/** The one implementation of {@link Tracker}: one thread's hold on the shared memory. */
export class SharedTracker implements Tracker {
  readonly #handle: TrackerHandle;
  readonly #memory: ArrayMemory;
  readonly #layout: MemoryLayout;
  readonly #token = tokenOf(ownThreadId);
  readonly #tracked: readonly TrackedOperation[];
  readonly #byName = new Map<OperationName, TrackedOperation>();
  readonly #sums = new Map<string, ThreadSums>();
  /** By place: names with the same hash have one place, which must not have two writers. */
  readonly #sumsAt = new Map<number, ThreadSums>();
  readonly #endTurn: () => void;
  readonly #sumsChanged: () => void;
  /** The one asked for last: most callers ask for the same again, and comparing beats looking up. */
  #last: TrackedOperation;
  #lastName: OperationName;
  #slot: number | undefined;
  #unpublished = false;
  #recordsInBatch = 0;
  /** When the first record of the batch came. */
  #batchAtMs = 0;
  #turnIsWatched = false;

  /** @param handle its numbers have been checked. */
  constructor(handle: TrackerHandle) {
    const { buffer, operations, maxWriters, maxSums, windowSize } = handle;
    this.#handle = handle;
    this.#memory = new ArrayMemory(buffer);
    this.#layout = layOut({ slotCount: maxWriters, operationCount: operations.length, nameCount: maxSums });
    this.#tracked = operations.map((_, index) => new TrackedOperation(this.#memory, this.#layout, index, windowSize));
    for (const [index, operation] of operations.entries()) this.#byName.set(operation, this.#tracked[index]);
    this.#last = this.#tracked[0];
    this.#lastName = operations[0];
    this.#endTurn = () => {
      this.#turnIsWatched = false;
      this.flush();
    };
    this.#sumsChanged = () => {
      this.#unpublished = true;
      this.#watchTurn();
    };
  }

  get windowSize(): number {
    return this.#handle.windowSize;
  }

  get operations(): readonly OperationName[] {
    return this.#handle.operations;
  }

  recordCpuLatency(operation: OperationName, latencyMs: number): void {
    const { recorder } = this.#track(operation);
    checkLatency(latencyMs);
    recorder.cpuSuccess(latencyMs, this.#begin());
    this.#end();
  }

  recordGpuSuccess(operation: OperationName, latencyMs: number): void {
    const { recorder } = this.#track(operation);
    checkLatency(latencyMs);
    recorder.gpuSuccess(latencyMs, this.#begin());
    this.#end();
  }

  recordGpuFailure(operation: OperationName): void {
    const { recorder } = this.#track(operation);
    this.#begin();
    recorder.gpuFailure(0);
    this.#end();
  }

  recordOutOfMemory(operation: OperationName): void {
    const { recorder } = this.#track(operation);
    this.#begin();
    recorder.gpuOutOfMemory(0);
    this.#end();
  }

  recordFallback(operation: OperationName): void {
    const { recorder } = this.#track(operation);
    this.#begin();
    recorder.fallback();
    this.#end();
  }

  record(attempt: AttemptReport): void {
    requireObject('attempt', attempt);
    const { operation, device, outcome, latencyMs, fallback } = attempt;
    const { recorder } = this.#track(operation);
    if (device !== 'cpu' && device !== 'gpu') throw new RangeError(expected('attempt.device', 'cpu or gpu', device));
    if (typeof outcome !== 'string') throw new TypeError(expected('attempt.outcome', 'a string', outcome));
    checkLatency(latencyMs);
    const atMs = this.#begin();
    if (fallback) recorder.fallback();
    if (outcome === 'success') {
      if (device === 'cpu') recorder.cpuSuccess(latencyMs, atMs);
      else recorder.gpuSuccess(latencyMs, atMs);
    } else if (outcome !== 'aborted' && outcome !== 'invalid-input') {
      if (device === 'cpu') recorder.cpuFailure(latencyMs);
      else if (outcome === 'out-of-memory') recorder.gpuOutOfMemory(latencyMs);
      else recorder.gpuFailure(latencyMs);
    }
    this.#end();
  }

  snapshot(operation: OperationName): MetricsSnapshot {
    return this.#track(operation).snapshot();
  }

  totals(operation: OperationName): OperationTotals {
    return this.#track(operation).totals();
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

  sums(name: string): SharedSums | undefined {
    const known = this.#sums.get(name);
    if (known !== undefined) return known;
    if (typeof name !== 'string') throw new TypeError(expected('name', 'a string', name));
    const place = placeOf(this.#memory, this.#layout.directory, hashOf(name));
    if (place === undefined) return undefined;
    const sums = this.#sumsAt.get(place) ?? this.#createSums(place);
    this.#sums.set(name, sums);
    return sums;
  }

  nowMs(): number {
    return monotonicMs() - this.#handle.originMs;
  }

  flush(): boolean {
    this.#recordsInBatch = 0;
    if (!this.#unpublished) return true;
    if (this.#slot === undefined && !this.#claim()) return false;
    this.#unpublished = false;
    for (const tracked of this.#tracked) tracked.publish();
    for (const sums of this.#sumsAt.values()) sums.publish();
    return true;
  }

  share(): TrackerHandle {
    return this.#handle;
  }

  release(threadId: number): number {
    requireInteger('threadId', threadId, 0);
    if (threadId === ownThreadId) {
      throw new RangeError(expected('threadId', 'that of a thread that has ended', threadId));
    }
    const released = releaseOwner(this.#memory, this.#layout.ownership, tokenOf(threadId));
    // It may have ended between publishing and telling.
    if (released > 0) for (const tracked of this.#tracked) tracked.announce();
    return released;
  }

  releaseOnExit(worker: EndingWorker): void {
    requireObject('worker', worker);
    // Read now: a worker that has ended says -1.
    const { threadId } = worker;
    requireInteger('worker.threadId', threadId, 0);
    worker.once('exit', () => this.release(threadId));
  }

  close(): void {
    if (!this.flush() || this.#slot === undefined) return;
    const slot = this.#slot;
    this.#slot = undefined;
    for (const tracked of this.#tracked) tracked.leaveSlot();
    for (const sums of this.#sumsAt.values()) sums.leaveSlot();
    releaseSlot(this.#memory, this.#layout.ownership, slot, this.#token);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #claim(): boolean {
    const slot = claimSlot(this.#memory, this.#layout.ownership, this.#token);
    if (slot === undefined) return false;
    this.#slot = slot;
    for (const tracked of this.#tracked) tracked.enterSlot(slot);
    for (const sums of this.#sumsAt.values()) sums.enterSlot(slot);
    return true;
  }

  #createSums(place: number): ThreadSums {
    const sums = new ThreadSums(this.#memory, this.#layout, place, this.#sumsChanged);
    if (this.#slot !== undefined) sums.enterSlot(this.#slot);
    this.#sumsAt.set(place, sums);
    return sums;
  }

  #track(operation: OperationName): TrackedOperation {
    if (operation === this.#lastName) return this.#last;
    const tracked = this.#byName.get(operation);
    if (tracked === undefined) {
      throw new RangeError(expected('operation', `one of ${this.operations.join(', ')}`, operation));
    }
    this.#lastName = operation;
    this.#last = tracked;
    return tracked;
  }

  /** Gives the time of a record: one look at the clock for a whole batch, as it would cost more than the record itself. */
  #begin(): number {
    if (this.#recordsInBatch++ === 0) this.#startBatch();
    return this.#batchAtMs;
  }

  #end(): void {
    if (this.#recordsInBatch === PUBLISH_EVERY) this.flush();
  }

  #startBatch(): void {
    this.#batchAtMs = this.nowMs();
    this.#unpublished = true;
    this.#watchTurn();
  }

  /** Watches the turn by a microtask: it runs before the thread can end in good order, and keeps no process alive. */
  #watchTurn(): void {
    if (this.#turnIsWatched) return;
    this.#turnIsWatched = true;
    void Promise.resolve().then(this.#endTurn);
  }
}

/** Node never gives the id of a thread to another one. The main thread's is 0, which stands for a free slot here. */
function tokenOf(threadId: number): number {
  return threadId + 1;
}

function checkLatency(latencyMs: number): void {
  if (typeof latencyMs === 'number' && latencyMs >= 0 && latencyMs <= MAX_LATENCY_MS) return;
  const message = expected('latencyMs', `a number of milliseconds from 0 to ${MAX_LATENCY_MS}`, latencyMs);
  throw typeof latencyMs === 'number' ? new RangeError(message) : new TypeError(message);
}
