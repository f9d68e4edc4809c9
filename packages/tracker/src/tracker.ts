import type { AttemptOutcome, MetricsSnapshot, OperationName, SharedSums } from '@gearshift/contracts';
import type { OperationTotals } from './operation-totals.js';
import type { DeviceName } from './tracker-options.js';

/**
 * What {@link attachTracker} needs to record into the same memory: plain data that may be posted to any thread of the
 * process, any number of times. Its content belongs to the package.
 */
export interface TrackerHandle {
  readonly layoutVersion: number;
  readonly buffer: SharedArrayBuffer;
  readonly windowSize: number;
  readonly operations: readonly OperationName[];
  readonly devices: readonly DeviceName[];
  readonly maxWriters: number;
  readonly maxSums: number;
  /** The time on the process's monotonic clock at which the tracker's clock is 0. */
  readonly originMs: number;
}

/** One attempt at one operation on one device, for {@link Tracker.record}. An `AttemptReport` is one. */
export interface TrackedAttempt {
  readonly operation: OperationName;
  /** The device that ran it: one of the tracker's `devices`. */
  readonly device: DeviceName;
  /**
   * `'aborted'` and `'invalid-input'` are not counted for the device, `'success'` is a success, and every other outcome is a
   * failure of the device; `'out-of-memory'` is also counted as such.
   */
  readonly outcome: AttemptOutcome;
  /** How long it took, whatever the outcome. */
  readonly latencyMs: number;
  /** It ran because an earlier attempt at the same work failed. Default false. */
  readonly fallback?: boolean | undefined;
  /**
   * Id of the backend that ran it. The attempt is counted under this name, too, if it is one of the tracker's `devices` and
   * none of Gearshift's kinds of device; then `device` need not be one.
   */
  readonly backend?: string | undefined;
}

/** The part of a `Worker` that is needed to notice its end. */
export interface EndingWorker {
  readonly threadId: number;
  once(event: 'exit', listener: () => void): unknown;
}

/**
 * Latencies, successes and failures of each operation, per device. Recording costs nanoseconds and never waits; a thread
 * sees its own records at once and those of others when published: with their 32nd record or at the end of their turn of
 * the event loop, whichever comes first. What was published survives the thread.
 *
 * Every method that names an operation throws RangeError when it is not one of `operations`. Recording throws RangeError for a
 * device that is not one of `devices` and for a latency that is negative, not finite or above 10^9 ms, and TypeError for a
 * latency that is not a number.
 */
export interface Tracker extends Disposable {
  readonly windowSize: number;
  readonly operations: readonly OperationName[];
  readonly devices: readonly DeviceName[];

  /** Records one attempt under its device, and as a fallback if it was one. */
  record(attempt: TrackedAttempt): void;
  /** An attempt on `'cpu'` succeeded after `latencyMs`. */
  recordCpuLatency(operation: OperationName, latencyMs: number): void;
  /** An attempt on `'gpu'` succeeded after `latencyMs`. */
  recordGpuSuccess(operation: OperationName, latencyMs: number): void;
  /** An attempt on `'gpu'` failed for another reason than running out of memory. */
  recordGpuFailure(operation: OperationName): void;
  /** An attempt on `'gpu'` ran out of memory: counted as a failure, and separately. */
  recordOutOfMemory(operation: OperationName): void;
  /** An attempt runs because an earlier one failed. */
  recordFallback(operation: OperationName): void;

  /** Everything known about the operation, in one frozen plain object; each writer's figures are from one instant. */
  snapshot(operation: OperationName): MetricsSnapshot;
  /** Lifetime counts, sums and histograms, for monitoring. */
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
   * Numbers under a name that all threads add to, for code that learns from what every thread measured. Each name takes one
   * of `maxSums` places for good; the same call returns the same object.
   *
   * @returns undefined when all places are taken by other names.
   */
  sums(name: string): SharedSums | undefined;

  /** The clock of `lastSampleAtMs`: monotonic, the same in every thread, 0 at the creation. */
  nowMs(): number;
  /**
   * Publishes what this thread recorded, at once. The first publication takes one of the `maxWriters` slots; a tracker that
   * only reads needs none. While the tracker is not shared there is nothing to do, and the result is true.
   *
   * @returns false when no slot is free: the records stay with this thread, for a later record or `flush()` to publish.
   */
  flush(): boolean;

  /**
   * What another thread needs to record into the same memory; see {@link TrackerHandle}. The first call allocates that
   * memory and publishes what was recorded so far.
   *
   * @throws RangeError when the memory cannot be allocated; the tracker works as before.
   */
  share(): TrackerHandle;
  /**
   * Gives back the slots of a thread that has ended; what it published stays. Call it after the worker's `'exit'` event and
   * never before: a slot with two writers is corrupted. Returns the number of slots.
   *
   * @param threadId the value of `worker.threadId` while the worker ran (afterwards it is -1).
   */
  release(threadId: number): number;
  /** Calls {@link release} on the worker's `'exit'` event. RangeError when it has ended already. */
  releaseOnExit(worker: EndingWorker): void;
  /**
   * Publishes, and gives this tracker's slot back. The tracker can still be used, and takes a slot again if it records again.
   * A tracker that is not shared has no slot: nothing happens.
   */
  close(): void;
}
