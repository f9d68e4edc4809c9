import type { Worker } from 'node:worker_threads';
import type { AttemptReport, OperationName } from '@gearshift/contracts';
import type { MetricsSnapshot } from './metrics-snapshot.js';

/**
 * Counts what became of attempts, by operation, and answers with consistent snapshots.
 *
 * Any number of threads may share one ({@link Tracker.share}); each records into memory of its own and reads everyone's,
 * without a lock. Operations are counted apart from each other. Recording costs nanoseconds whatever the window.
 *
 * Every method throws RangeError for an operation the tracker was not made for, and TypeError or RangeError for a latency
 * that is not a finite number of at least 0.
 */
export interface Tracker {
  /** The CPU did the work, in so many milliseconds. */
  recordCpuLatency(operation: OperationName, latencyMs: number): void;
  recordGpuSuccess(operation: OperationName, latencyMs: number): void;
  /** A GPU attempt failed for another reason than memory. */
  recordGpuFailure(operation: OperationName): void;
  /** A GPU attempt ran out of memory: counts as a failed attempt, and by itself. */
  recordOutOfMemory(operation: OperationName): void;
  /** Work was tried again because an earlier attempt had failed. */
  recordFallback(operation: OperationName): void;
  /**
   * Records an attempt under the device that ran it: its latency if it succeeded, else its failure. Attempts that say
   * nothing about the device (`'aborted'`, `'invalid-input'`, `'unsupported'`) leave its figures alone.
   */
  record(attempt: AttemptReport): void;

  /** Everything measured so far, at one instant: all this thread recorded, and all that others published. */
  snapshot(operation: OperationName): MetricsSnapshot;
  /** {@link MetricsSnapshot.speedup} */
  gpuSpeedup(operation: OperationName): number;
  /** {@link MetricsSnapshot.successRate} */
  gpuSuccessRate(operation: OperationName): number;
  /** {@link MetricsSnapshot.cpuAvgMs} */
  averageCpuLatency(operation: OperationName): number;
  /** {@link MetricsSnapshot.gpuAvgMs} */
  averageGpuLatency(operation: OperationName): number;

  readonly operations: readonly OperationName[];
  readonly windowSize: number;

  /** What another thread needs for `attachTracker`: post it to a worker, or hand it over as `workerData`. */
  share(): TrackerHandle;
  /**
   * Publishes at once what this thread recorded. It happens by itself at the 32nd record and at the end of the event loop's
   * turn; what was published survives the end of this thread.
   */
  flush(): void;
  /**
   * Frees the worker's slot when the worker has ended, however it ended; what it published stays counted. Without it a
   * worker that is terminated keeps its slot; one that calls {@link close} does not.
   */
  watch(worker: Worker): void;
  /** Publishes, and gives this thread's slot to the next that asks. Recording again takes a new one. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Plain data that survives `postMessage`; the memory in it is shared, not copied. */
export interface TrackerHandle {
  readonly buffer: SharedArrayBuffer;
  readonly operations: readonly OperationName[];
  readonly windowSize: number;
  readonly maxWriters: number;
  /** Layout of the memory: threads must run the same version of it. */
  readonly layout: number;
}

export interface TrackerOptions {
  /** Samples that means, percentiles and success rates are taken over, per thread. Default 100. */
  readonly windowSize?: number | undefined;
  /** The operations that can be recorded. Default: those Gearshift knows. */
  readonly operations?: readonly OperationName[] | undefined;
  /** Threads that can record at the same time. Default 64. */
  readonly maxWriters?: number | undefined;
}

export const TRACKER_DEFAULTS = { windowSize: 100, maxWriters: 64 } as const;
