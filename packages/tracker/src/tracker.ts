import type { AttemptReport, MetricsSnapshot, OperationName, SharedSums } from '@gearshift/contracts';
import type { OperationTotals } from './operation-totals.js';

export interface TrackerOptions {
  /** How many of the most recent samples of each kind, operation and writer the window holds, 1 to 65,536. Default 100. */
  readonly windowSize?: number | undefined;
  /** The operations that are tracked. Default: the ones Gearshift knows. */
  readonly operations?: readonly OperationName[] | undefined;
  /** How many trackers can publish at a time, this one included, 1 to 1,024. Default 64. */
  readonly maxWriters?: number | undefined;
  /** How many different names {@link Tracker.sums} has room for, 0 to 1,024. Default 48. */
  readonly maxSums?: number | undefined;
}

/**
 * What {@link attachTracker} needs to record into the same memory: plain data that may be posted to any thread of the
 * process, any number of times. Its content belongs to the package.
 */
export interface TrackerHandle {
  readonly layoutVersion: number;
  readonly buffer: SharedArrayBuffer;
  readonly windowSize: number;
  readonly operations: readonly OperationName[];
  readonly maxWriters: number;
  readonly maxSums: number;
  /** Where the tracker's clock is 0, on the process's monotonic clock. */
  readonly originMs: number;
}

/** As much of a `Worker` as is needed to learn that it ended. */
export interface EndingWorker {
  readonly threadId: number;
  once(event: 'exit', listener: () => void): unknown;
}

/**
 * Latencies, successes and failures of each operation, per device. Recording costs nanoseconds and never waits; a thread
 * sees its own records at once and those of others when published: with their 32nd record or at the end of their turn of
 * the event loop, whichever comes first. What was published survives the thread.
 *
 * Every method that names an operation throws RangeError when it is not one of `operations`; recording throws TypeError
 * for a latency that is not a number, RangeError for one that is negative, not finite or above 10^9 ms.
 */
export interface Tracker extends Disposable {
  readonly windowSize: number;
  readonly operations: readonly OperationName[];

  /** An attempt of the CPU succeeded after `latencyMs`. */
  recordCpuLatency(operation: OperationName, latencyMs: number): void;
  /** An attempt of the GPU succeeded after `latencyMs`. */
  recordGpuSuccess(operation: OperationName, latencyMs: number): void;
  /** An attempt of the GPU failed, other than by running out of memory. */
  recordGpuFailure(operation: OperationName): void;
  /** An attempt of the GPU failed by running out of memory: counted as a failure, and as such. */
  recordOutOfMemory(operation: OperationName): void;
  /** An attempt runs because an earlier one failed. */
  recordFallback(operation: OperationName): void;
  /**
   * One attempt, under the device that ran it, and as a fallback if it was one. `'aborted'` and `'invalid-input'` say
   * nothing about the device; every other outcome but `'success'` is a failure of it.
   */
  record(attempt: AttemptReport): void;

  /** Everything known about the operation, in one frozen plain object; each writer's figures are from one instant. */
  snapshot(operation: OperationName): MetricsSnapshot;
  /** What was counted for life: histograms and sums for monitoring, of which nothing is needed to decide. */
  totals(operation: OperationName): OperationTotals;
  /** `snapshot(operation).speedup` */
  gpuSpeedup(operation: OperationName): number;
  /** `snapshot(operation).successRate` */
  gpuSuccessRate(operation: OperationName): number;
  /** `snapshot(operation).cpuAvgMs` */
  averageCpuLatency(operation: OperationName): number;
  /** `snapshot(operation).gpuAvgMs` */
  averageGpuLatency(operation: OperationName): number;

  /**
   * Numbers under a name that all threads add to, for whoever learns from what every thread measured. Each name takes one
   * of `maxSums` places for good; the same call gives the same object.
   *
   * @returns undefined when all places are taken by other names.
   */
  sums(name: string): SharedSums | undefined;

  /** The clock of `cpuLastSampleAtMs` and `gpuLastSampleAtMs`: monotonic, the same in every thread, 0 at the creation. */
  nowMs(): number;
  /**
   * Publishes what this thread recorded, at once. The first publication takes one of the `maxWriters` slots, so who only
   * reads needs none.
   *
   * @returns false when no slot is free: the records stay with this thread, for a later record or `flush()` to publish.
   */
  flush(): boolean;

  /** What another thread needs to record into the same memory; see {@link TrackerHandle}. */
  share(): TrackerHandle;
  /**
   * Gives back the slots of a thread that has ended; what it published stays. Call it after the worker's `'exit'` event and
   * never before: a slot with two writers is torn. Returns the number of slots.
   *
   * @param threadId as `worker.threadId` said while the worker ran (afterwards it says -1).
   */
  release(threadId: number): number;
  /** Does so when the worker's `'exit'` event comes. RangeError when it has ended already. */
  releaseOnExit(worker: EndingWorker): void;
  /** Publishes, and gives this tracker's slot back. It goes on answering, and takes a slot again if it records again. */
  close(): void;
}

/** Defaults of {@link TrackerOptions}. */
export const TRACKER_DEFAULTS = { windowSize: 100, maxWriters: 64, maxSums: 48 } as const;
