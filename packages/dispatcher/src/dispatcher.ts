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
   * untouched until the promise settles. Created when omitted. After a failed run its contents are undefined.
   * @returns the output with the decision and the attempts, or the reason why no allowed device succeeded:
   * `'aborted'` when the signal fired, `'deadline-exceeded'` when the deadline passed, otherwise the kind of the last
   * attempt's error; without an attempt `'overloaded'` when too many requests were under way (`maxPending`), `'unsupported'` when the policy allowed no device, `'device-lost'` when the only
   * allowed one is lost, or `'out-of-memory'` when not even the smallest piece fits in its memory.
   */
  run<R extends OperationRequest>(
    request: R,
    output?: OutputOf<R>,
    options?: RunOptions,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /**
   * Runs the request synchronously on the first CPU backend with synchronous operations; `'unsupported'` when there is
   * none. Blocks the event loop until the work is done.
   */
  runSync<R extends OperationRequest>(request: R, output?: OutputOf<R>): Result<Completed<OutputOf<R>>, RunError>;

  /**
   * Continues a request that ended early: computes only the remaining items, on the devices that suit them now. The
   * finished part does not change, bit for bit. Fails with kind `'invalid-input'` when the operand's version has changed.
   *
   * @param request the same as before.
   * @param partial of the error. Its output is written into.
   */
  resume<R extends OperationRequest>(
    request: R,
    partial: PartialAnswer,
    options?: RunOptions,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /** Changes options for later requests. Running requests keep the options they started with. */
  updateOptions(options: ChangeableOptions): void;

  /** The state of an operation at one instant: measurements, decisions, predictions and the state of the devices. */
  snapshot(operation: OperationName): DispatchSnapshot;

  /** The number of decisions per reason for this operation, since the dispatcher was created. */
  decisions(operation: OperationName): DecisionCounts;

  /** The breaker of a GPU, to isolate or restore it manually; undefined for a CPU and for unknown ids. */
  breaker(deviceId: string): CircuitBreaker | undefined;

  /** Drops the copies of an operand on all devices. Call it when the operand is no longer needed. */
  release(operand: Operand): void;

  readonly policy: DispatchPolicy;
  readonly backends: readonly Backend[];
  readonly fallback: FallbackMode;
}

export interface RunOptions {
  /** Checked before each attempt, and handed to the backend, which checks it between slices of its work. */
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole run from now on, in milliseconds. The policy takes it into account. Default Infinity. */
  readonly deadlineMs?: number | undefined;
}

/** Options of {@link DispatcherOptions} that may change while the dispatcher runs. */
export interface ChangeableOptions {
  readonly policy?: DispatchPolicy | undefined;
  readonly fallback?: FallbackMode | undefined;
  readonly verifyEveryNth?: number | undefined;
  readonly hangLimits?: HangLimits | undefined;
  readonly maxPending?: number | undefined;
}

/**
 * `'cpu'`: a request that fails on a GPU goes to the other GPUs in list order, then to the CPU. `'never'`: it runs on the
 * chosen device or fails.
 */
export type FallbackMode = 'cpu' | 'never';

export interface DispatcherOptions {
  /** At least one, each with a unique id, in order of preference. The caller closes them. */
  readonly backends: readonly Backend[];
  readonly policy: DispatchPolicy;
  /** A tracker of `@gearshift/tracker`, or any object with the same two methods. */
  readonly tracker: AttemptTracker;
  /** Default `'cpu'`. */
  readonly fallback?: FallbackMode | undefined;
  /** One in so many results of a GPU is verified on the CPU, and every probe; 0 for probes alone. Default 1000. */
  readonly verifyEveryNth?: number | undefined;
  /** When an attempt on a GPU is given up. */
  readonly hangLimits?: HangLimits | undefined;
  /** So many requests may be under way; more fail at once with kind `'overloaded'`. At least 1, default Infinity. */
  readonly maxPending?: number | undefined;
  /** How much of each GPU's memory may be taken. */
  readonly memory?: MemoryLimits | undefined;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: (() => number) | undefined;
  /** Timers for every time limit; default Node's own timers. */
  readonly timers?: Timers | undefined;
}

/** The methods that the dispatcher calls on a tracker. */
export interface AttemptTracker {
  /** One consistent view of the operation's metrics; taken at most once per decision. */
  snapshot(operation: OperationName): MetricsSnapshot;
  /** Called exactly once per attempt, under the device that ran it. */
  record(attempt: AttemptReport): void;
  /** Where policies store what they learn when threads share it. */
  sums?(name: string): SharedSums | undefined;
}
