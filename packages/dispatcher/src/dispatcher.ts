import type {
  AttemptReport,
  Backend,
  Completed,
  DispatchPolicy,
  Operand,
  OperationName,
  OperationRequest,
  OutputOf,
  PartialAnswer,
  Result,
  RunError,
  SharedSums,
} from '@gearshift/contracts';
import type { MetricsSnapshot } from '@gearshift/tracker';
import type { DecisionCounts } from './decision-counts.js';
import type { DispatchSnapshot } from './dispatch-snapshot.js';
import type { CircuitBreaker } from './breaker/circuit-breaker.js';
import type { HangLimits } from './attempts/hang-limit.js';
import type { Timers } from '@gearshift/splitter';
import type { MemoryLimits } from './devices/gpu-memory.js';

/**
 * Runs each request on the device that the policy chooses, and on the next one when that fails.
 *
 * Belongs to one thread and may run any number of requests at once. Only a caller's mistake throws: TypeError or
 * RangeError that names the argument, before any device is touched. Errors that a policy or tracker of your own throws
 * pass through.
 */
export interface Dispatcher {
  /**
   * @param output receives the answer; must have the request's exact size, share no memory with its inputs, and stay
   * untouched until the promise settles. Made here when left out. After a failed run its contents mean nothing.
   * @returns the answer with how it came about, or why no allowed device gave one:
   * `'aborted'` when the signal fired, `'deadline-exceeded'` when the time was over, otherwise the kind of the last
   * attempt's error; without one `'unsupported'` when the policy allowed no device, `'device-lost'` when the only one
   * allowed is lost, or `'out-of-memory'` when it had no room for even the smallest piece.
   */
  run<R extends OperationRequest>(
    request: R,
    output?: OutputOf<R>,
    options?: RunOptions,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /**
   * The same at once, on the first CPU backend that has synchronous operations; `'unsupported'` where none has. Blocks
   * the event loop for as long as the work takes.
   */
  runSync<R extends OperationRequest>(request: R, output?: OutputOf<R>): Result<Completed<OutputOf<R>>, RunError>;

  /**
   * Goes on with a request that ended early: does what remains and nothing else, on the devices that suit it now. The
   * finished part stays as it is, bit for bit; fails with kind `'invalid-input'` when the operand's version has changed.
   *
   * @param request the same as before.
   * @param partial of the error. Its output is written into.
   */
  resume<R extends OperationRequest>(
    request: R,
    partial: PartialAnswer,
    options?: RunOptions,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /** Changes options for the requests to come; those under way go on as they began. */
  updateOptions(options: ChangeableOptions): void;

  /** Everything about an operation as of one instant: what was measured, decided, predicted, and the state of the devices. */
  snapshot(operation: OperationName): DispatchSnapshot;

  /** How many decisions of this operation had which reason, since this dispatcher was made. */
  decisions(operation: OperationName): DecisionCounts;

  /** The breaker of a GPU, to take it out by hand or put it back; undefined for a CPU and for ids that are not there. */
  breaker(deviceId: string): CircuitBreaker | undefined;

  /** Drops the copies of an operand on all devices: its owner has no more use for it. */
  release(operand: Operand): void;

  readonly policy: DispatchPolicy;
  readonly backends: readonly Backend[];
  readonly fallback: FallbackMode;
}

export interface RunOptions {
  /** Checked before each attempt, and handed to the backend, which checks it between slices of its work. */
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole run from now on, in milliseconds; counts in the choice of the device. Default Infinity. */
  readonly deadlineMs?: number | undefined;
}

/** Options of {@link DispatcherOptions} that may change while the dispatcher runs. */
export interface ChangeableOptions {
  readonly policy?: DispatchPolicy | undefined;
  readonly fallback?: FallbackMode | undefined;
  readonly verifyEveryNth?: number | undefined;
  readonly hangLimits?: HangLimits | undefined;
}

/**
 * `'cpu'`: a request that fails on a GPU goes to the other GPUs in list order, then to the CPU. `'never'`: it runs on the
 * chosen device or fails.
 */
export type FallbackMode = 'cpu' | 'never';

export interface DispatcherOptions {
  /** At least one, each with an id of its own, in order of preference. They stay the caller's to close. */
  readonly backends: readonly Backend[];
  readonly policy: DispatchPolicy;
  /** A tracker of `@gearshift/tracker`, or anything that answers the same two calls. */
  readonly tracker: AttemptTracker;
  /** Default `'cpu'`. */
  readonly fallback?: FallbackMode | undefined;
  /** One in so many results of a GPU is verified on the CPU, and every probe; 0 for probes alone. Default 1000. */
  readonly verifyEveryNth?: number | undefined;
  /** When an attempt on a GPU is given up. */
  readonly hangLimits?: HangLimits | undefined;
  /** How much of each GPU's memory may be taken. */
  readonly memory?: MemoryLimits | undefined;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: (() => number) | undefined;
  /** What limits on time are made of; default Node's own timers. */
  readonly timers?: Timers | undefined;
}

/** What the dispatcher asks of a tracker. */
export interface AttemptTracker {
  /** One consistent view of the operation's metrics; taken at most once per decision. */
  snapshot(operation: OperationName): MetricsSnapshot;
  /** Called exactly once per attempt, under the device that ran it. */
  record(attempt: AttemptReport): void;
  /** Where policies keep what they learn, if it is to be shared by threads. */
  sums?(name: string): SharedSums | undefined;
}
