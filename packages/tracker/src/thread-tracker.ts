import type { MetricsSnapshot, OperationName, SharedSums } from '@gearshift/contracts';
import { expected, requireInteger, requireObject } from '@gearshift/contracts/internal';
import { hrtime } from 'node:process';
import { threadId as ownThreadId } from 'node:worker_threads';
import { DeviceNames } from './device-names.js';
import { layOutFigures } from './figures-layout.js';
import { LAYOUT_VERSION, layOut, type MemoryLayout } from './memory-layout.js';
import { NamedSums } from './named-sums.js';
import type { OperationTotals } from './operation-totals.js';
import { ArrayMemory } from './protocol/array-memory.js';
import { claimSlot, releaseOwner, releaseSlot } from './protocol/ownership.js';
import { TrackedOperation } from './tracked-operation.js';
import type { EndingWorker, TrackedAttempt, Tracker, TrackerHandle } from './tracker.js';

/** A publication takes several times as long as a record, and publishing each record would slow readers down fivefold. */
const PUBLISH_EVERY = 32;

/** Eleven days. A longer latency has a wrong unit, and would make sums of nanoseconds inexact. */
const MAX_LATENCY_MS = 1e9;

/** What a tracker is made of, with everything checked. */
export type TrackerSetup = Omit<TrackerHandle, 'layoutVersion' | 'buffer'>;

/** The shared memory of a tracker. */
interface SharedPart {
  readonly handle: TrackerHandle;
  readonly memory: ArrayMemory;
  readonly layout: MemoryLayout;
}

/** The one implementation of {@link Tracker}: what one thread records, alone or in memory shared with other threads. */
export class ThreadTracker implements Tracker {
  readonly #setup: TrackerSetup;
  readonly #token = tokenOf(ownThreadId);
  readonly #devices: DeviceNames;
  readonly #tracked: readonly TrackedOperation[];
  readonly #byName = new Map<OperationName, TrackedOperation>();
  readonly #sums: NamedSums;
  readonly #endTurn: () => void;
  #shared: SharedPart | undefined;
  /** The operation of the last call: most calls name the same one again, and comparing is faster than looking up. */
  #last: TrackedOperation;
  #lastName: OperationName;
  #slot: number | undefined;
  #unpublished = false;
  #recordsInBatch = 0;
  /** When the first record of the batch was made. */
  #batchAtMs = 0;
  #turnIsWatched = false;

  /** @param buffer memory of another tracker with the same setup, to be joined. */
  constructor(setup: TrackerSetup, buffer?: SharedArrayBuffer) {
    const { operations, devices, windowSize, maxSums } = setup;
    const figures = layOutFigures(devices.length);
    const operationSetup = { windowSize, devices, figures, nothing: new Float64Array(figures.length) };
    this.#setup = setup;
    this.#devices = new DeviceNames(devices);
    this.#tracked = operations.map((_, index) => new TrackedOperation(operationSetup, index));
    for (const [index, operation] of operations.entries()) this.#byName.set(operation, this.#tracked[index]);
    this.#last = this.#tracked[0];
    this.#lastName = operations[0];
    this.#endTurn = () => {
      this.#turnIsWatched = false;
      if (this.#shared === undefined) this.#recordsInBatch = 0;
      else this.flush();
    };
    this.#sums = new NamedSums(maxSums, () => {
      this.#unpublished = true;
      // Before the tracker is shared there is nothing to publish.
      if (this.#shared !== undefined) this.#watchTurn();
    });
    if (buffer !== undefined) this.#join(buffer);
  }

  get windowSize(): number {
    return this.#setup.windowSize;
  }

  get operations(): readonly OperationName[] {
    return this.#setup.operations;
  }

  get devices(): readonly string[] {
    return this.#setup.devices;
  }

  record(attempt: TrackedAttempt): void {
    // The full check, which builds a message, runs only for a wrong argument.
    if (typeof attempt !== 'object' || (attempt as unknown) === null) requireObject('attempt', attempt);
    const { operation, outcome, latencyMs } = attempt;
    const { recorder } = this.#track(operation);
    const { cpu, gpu, byName, backends } = this.#devices;
    const backend = backends.size === 0 ? undefined : backends.get(attempt.backend);
    // Comparing with a constant is faster than looking up.
    const kind = attempt.device === 'cpu' ? cpu : attempt.device === 'gpu' ? gpu : byName.get(attempt.device);
    const device = kind ?? backend ?? this.#devices.refuse('attempt.device', attempt.device);
    if (typeof outcome !== 'string') throw new TypeError(expected('attempt.outcome', 'a string', outcome));
    requireLatency(latencyMs);
    const alsoUnder = backend === device ? undefined : backend;
    const atMs = this.#begin();
    if (attempt.fallback) recorder.fallback();
    if (outcome === 'success') {
      recorder.success(device, latencyMs, atMs);
      if (alsoUnder !== undefined) recorder.success(alsoUnder, latencyMs, atMs);
    } else if (outcome !== 'aborted' && outcome !== 'invalid-input') {
      recorder.failure(device, latencyMs, outcome === 'out-of-memory');
      if (alsoUnder !== undefined) recorder.failure(alsoUnder, latencyMs, outcome === 'out-of-memory');
    }
    if (this.#recordsInBatch === PUBLISH_EVERY) this.flush();
  }

  recordCpuLatency(operation: OperationName, latencyMs: number): void {
    this.#recordSuccess(operation, this.#devices.cpu ?? this.#devices.refuse('device', 'cpu'), latencyMs);
  }

  recordGpuSuccess(operation: OperationName, latencyMs: number): void {
    this.#recordSuccess(operation, this.#devices.gpu ?? this.#devices.refuse('device', 'gpu'), latencyMs);
  }

  recordGpuFailure(operation: OperationName): void {
    this.#recordGpuFailure(operation, false);
  }

  recordOutOfMemory(operation: OperationName): void {
    this.#recordGpuFailure(operation, true);
  }

  recordFallback(operation: OperationName): void {
    const { recorder } = this.#track(operation);
    this.#begin();
    recorder.fallback();
    if (this.#recordsInBatch === PUBLISH_EVERY) this.flush();
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
    if (typeof name !== 'string') throw new TypeError(expected('name', 'a string', name));
    return this.#sums.get(name);
  }

  nowMs(): number {
    return monotonicMs() - this.#setup.originMs;
  }

  flush(): boolean {
    this.#recordsInBatch = 0;
    // Before the tracker is shared, everything stays unpublished, and `share()` publishes it.
    if (!this.#unpublished || this.#shared === undefined) return true;
    if (this.#slot === undefined && !this.#claim(this.#shared)) return false;
    this.#unpublished = false;
    for (const tracked of this.#tracked) tracked.publish();
    this.#sums.publish();
    return true;
  }

  share(): TrackerHandle {
    if (this.#shared !== undefined) return this.#shared.handle;
    const { handle } = this.#join(new SharedArrayBuffer(byteLengthOf(this.#setup)));
    // The first tracker that is attached must find what was recorded so far.
    this.flush();
    return handle;
  }

  release(threadId: number): number {
    requireInteger('threadId', threadId, 0);
    if (threadId === ownThreadId) {
      throw new RangeError(expected('threadId', 'that of a thread that has ended', threadId));
    }
    if (this.#shared === undefined) return 0;
    const { memory, layout } = this.#shared;
    const released = releaseOwner(memory, layout.ownership, tokenOf(threadId));
    // The thread may have ended between publishing and announcing.
    if (released > 0) for (const tracked of this.#tracked) tracked.announce();
    return released;
  }

  releaseOnExit(worker: EndingWorker): void {
    requireObject('worker', worker);
    // Read now, because the id of a worker that has ended is -1.
    const { threadId } = worker;
    requireInteger('worker.threadId', threadId, 0);
    worker.once('exit', () => this.release(threadId));
  }

  close(): void {
    if (!this.flush() || this.#shared === undefined || this.#slot === undefined) return;
    const { memory, layout } = this.#shared;
    const slot = this.#slot;
    this.#slot = undefined;
    for (const tracked of this.#tracked) tracked.leaveSlot();
    this.#sums.leaveSlot();
    releaseSlot(memory, layout.ownership, slot, this.#token);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #recordSuccess(operation: OperationName, device: number, latencyMs: number): void {
    const { recorder } = this.#track(operation);
    requireLatency(latencyMs);
    recorder.success(device, latencyMs, this.#begin());
    if (this.#recordsInBatch === PUBLISH_EVERY) this.flush();
  }

  #recordGpuFailure(operation: OperationName, isOutOfMemory: boolean): void {
    const { recorder } = this.#track(operation);
    const device = this.#devices.gpu ?? this.#devices.refuse('device', 'gpu');
    this.#begin();
    recorder.failure(device, 0, isOutOfMemory);
    if (this.#recordsInBatch === PUBLISH_EVERY) this.flush();
  }

  #join(buffer: SharedArrayBuffer): SharedPart {
    const memory = new ArrayMemory(buffer);
    const layout = layoutOf(this.#setup);
    const handle = Object.freeze({ layoutVersion: LAYOUT_VERSION, buffer, ...this.#setup });
    for (const tracked of this.#tracked) tracked.join(memory, layout);
    this.#sums.join(memory, layout);
    return (this.#shared = { handle, memory, layout });
  }

  #claim({ memory, layout }: SharedPart): boolean {
    const slot = claimSlot(memory, layout.ownership, this.#token);
    if (slot === undefined) return false;
    this.#slot = slot;
    for (const tracked of this.#tracked) tracked.enterSlot(slot);
    this.#sums.enterSlot(slot);
    return true;
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

  /** Returns the time of a record. The clock is read once for a whole batch, because reading it costs more than the record. */
  #begin(): number {
    if (this.#recordsInBatch++ === 0) {
      this.#batchAtMs = monotonicMs() - this.#setup.originMs;
      this.#unpublished = true;
      this.#watchTurn();
    }
    return this.#batchAtMs;
  }

  /** Ends the batch with the turn of the event loop. A microtask runs before the thread can exit, and keeps no process alive. */
  #watchTurn(): void {
    if (this.#turnIsWatched) return;
    this.#turnIsWatched = true;
    void Promise.resolve().then(this.#endTurn);
  }
}

/** The length of the shared memory of a tracker, in bytes. */
export function byteLengthOf(setup: TrackerSetup): number {
  return layoutOf(setup).byteLength;
}

function layoutOf({ maxWriters, operations, devices, maxSums }: TrackerSetup): MemoryLayout {
  return layOut({
    slotCount: maxWriters,
    operationCount: operations.length,
    deviceCount: devices.length,
    nameCount: maxSums,
  });
}

/** Node never reuses the id of a thread. The main thread has 0, which means a free slot here. */
function tokenOf(threadId: number): number {
  return threadId + 1;
}

/** The process's monotonic clock in milliseconds. Unlike `performance.now()`, it has the same origin in every thread. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

function requireLatency(latencyMs: number): void {
  if (typeof latencyMs === 'number' && latencyMs >= 0 && latencyMs <= MAX_LATENCY_MS) return;
  const message = expected('latencyMs', `a number of milliseconds from 0 to ${MAX_LATENCY_MS}`, latencyMs);
  throw typeof latencyMs === 'number' ? new RangeError(message) : new TypeError(message);
}
