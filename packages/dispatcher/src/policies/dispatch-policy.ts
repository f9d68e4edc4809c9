import type { AttemptReport, DecisionReason, DeviceKind, OperationName, Result } from '@gearshift/contracts';
import type { MetricsSnapshot } from '@gearshift/tracker';
import type { Work } from '../work.js';
import type { OperationForecast } from './operation-forecast.js';

/**
 * Chooses the device for each request, and learns from what came of it.
 *
 * Every method is synchronous and pure but for the policy's own state: no clock, no randomness, no input or output; what
 * it needs to know is handed to it. `decide` and `observe` stand in the path of every request: they create no objects and
 * take at most a microsecond. A policy belongs to one thread. What a policy throws reaches the caller of the request.
 */
export interface DispatchPolicy {
  /** Stands in every {@link Decision} of this policy. */
  readonly name: string;
  /**
   * Writes the choice into `out`, which arrives saying that no device is chosen. Must not keep any argument: all are
   * reused for the next request.
   *
   * @param devices every device there is, in order of preference; the choice is an index into it.
   */
  decide(work: Work, devices: readonly DeviceView[], context: DecisionContext, out: DecisionSlot): void;
  /** Told of each attempt once, right after it ended: of each chunk by itself, where a request was split. */
  observe(sample: DispatchSample): void;
  /** Told when an operand was sent to a device to stay there, apart from any request. */
  observeUpload?(sample: UploadSample): void;
  /**
   * Called once, before anything else, by the dispatcher that the policy is for: where to keep what is learned, so that
   * every thread decides by what all of them measured. A policy that is never told keeps it to itself.
   */
  share?(learning: SharedLearning): void;
  /** What the policy is set to and has learned so far, as plain data for people and dashboards. */
  snapshot(): PolicySnapshot;
  /** What the policy expects of an operation; undefined where it knows nothing of it. */
  forecast?(operation: OperationName): OperationForecast | undefined;
  /** What was learned, as plain data that survives JSON, for {@link import} in another process. */
  export(): PolicyState;
  /** Takes over what another policy of the same name exported; refuses anything else and stays as it was. */
  import(state: PolicyState): Result<void, PolicyImportError>;
}

/** What a policy may know about a device. */
export interface DeviceView {
  readonly id: string;
  readonly kind: DeviceKind;
  /** Whether the backend accepts this request at all. */
  readonly supported: boolean;
  /** The device holds its own copy of the operand, or needs none as it shares the caller's memory. */
  readonly holdsOperand: boolean;
  /**
   * Bytes to send for this request alone: its own, and the rows it reads where the device does not hold the operand.
   */
  readonly bytesToUpload: number;
  /** Bytes to send to make the whole operand stay there; 0 when it is there, Infinity when it cannot stay. */
  readonly bytesToKeep: number;
  /** Expected wait until the work already handed to the device is done. */
  readonly queueMs: number;
  /** Pieces that the request is cut into to fit the memory that the device has to spare; 1 where it fits as a whole. */
  readonly chunks: number;
  /**
   * Its circuit breaker lets nothing through but probes. Choose as if it did: the dispatcher diverts the request, and adds
   * up what was missed, to know when a probe is worth its cost. Just do not spend anything on it, such as exploration.
   */
  readonly blocked: boolean;
}

/** What a policy may know about the moment. */
export interface DecisionContext {
  /**
   * The one snapshot of the operation's metrics for this decision: reading it again gives the same object. A test may
   * write one by hand, `{ ...NO_METRICS, speedup: 2 }`.
   */
  readonly snapshot: MetricsSnapshot;
  /** The chosen device is the only one allowed to run the request. */
  readonly strict: boolean;
  /** The dispatcher's monotonic clock. */
  readonly nowMs: number;
  /** What is left of the time that the caller allowed; Infinity where nothing was said. */
  readonly remainingMs: number;
}

/** Where a policy writes its choice. */
export interface DecisionSlot {
  /** Index into `devices`, or {@link NO_DEVICE} when none of them may do this. */
  device: number;
  reason: DecisionReason;
  /** Expected latency there, waiting and uploading included; NaN where the policy predicts none. */
  predictedMs: number;
  /** Expected latency on the best of the other devices; NaN where the policy predicts none. */
  alternativeMs: number;
  /** Send the whole operand to the device first, to stay there. */
  keep: boolean;
}

/** {@link DecisionSlot.device} when no device may run the request: the run fails with kind `'unsupported'`. */
export const NO_DEVICE = -1;

/** What came of one attempt. */
export interface DispatchSample {
  /** Of the rows that this attempt covered. */
  readonly work: Work;
  readonly attempt: AttemptReport;
  /** Bytes that were sent during the attempt. */
  readonly uploadedBytes: number;
  /** Other attempts were under way on the device when this one began: its latency holds waiting for them. */
  readonly queued: boolean;
  /** The dispatcher's monotonic clock. */
  readonly nowMs: number;
}

export interface UploadSample {
  readonly deviceId: string;
  readonly operandId: number;
  readonly bytes: number;
  readonly latencyMs: number;
  readonly nowMs: number;
}

/** Sums that every thread adds to and every thread reads; a tracker of `@gearshift/tracker` keeps them. */
export interface SharedLearning {
  /** The sums of this name, the same in every thread; undefined when there is no room for another name. */
  sums(name: string): SharedSums | undefined;
}

export interface SharedSums {
  /** This thread's share, all zeros at first: change it in place, then call {@link changed}. */
  readonly own: Float64Array;
  /** @param from index of the first number that changed, and `to` of the one after the last. */
  changed(from: number, to: number): void;
  /** Whether others have published anything since this was last asked, or {@link total} was. */
  hasNews(): boolean;
  /** Everybody's, with what this thread has not published yet. Valid until the next call. */
  total(): Float64Array;
}

export interface PolicySnapshot {
  readonly policy: string;
  /** The options in force, defaults filled in. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** What the policy has learned; absent where it learns nothing. */
  readonly learned?: Readonly<Record<string, unknown>> | undefined;
}

export interface PolicyState {
  readonly policy: string;
  /** Version of the layout of `learned`. */
  readonly version: number;
  /**
   * What holds for one device alone stands in a list `devices`, with its `id`: so the parts of devices that are no longer
   * the same can be left out.
   */
  readonly learned: Readonly<Record<string, unknown>>;
}

export interface PolicyImportError {
  /** The state is of another policy, of another version, or no state at all. */
  readonly kind: 'wrong-policy' | 'wrong-version' | 'malformed';
  readonly message: string;
}
