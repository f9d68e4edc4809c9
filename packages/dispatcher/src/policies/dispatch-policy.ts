import type { AttemptReport, DecisionReason, DeviceKind, Result } from '@gearshift/contracts';
import type { MetricsSnapshot } from '@gearshift/tracker';
import type { Work } from '../work.js';

/**
 * Chooses the device for each request, and learns from what came of it.
 *
 * Every method is synchronous and pure but for the policy's own state: no clock, no randomness, no input or output; what
 * it needs to know is handed to it. `decide` and `observe` stand in the path of every request: they allocate nothing and
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
  /** Told of each attempt once, right after it ended. */
  observe(sample: DispatchSample): void;
  /** What the policy is set to and has learned so far, as plain data for people and dashboards. */
  snapshot(): PolicySnapshot;
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
  /** Bytes to send before the device can start: the request's own, and the operand where the device does not hold it. */
  readonly bytesToUpload: number;
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
}

/** Where a policy writes its choice. */
export interface DecisionSlot {
  /** Index into `devices`, or {@link NO_DEVICE} when none of them may do this. */
  device: number;
  reason: DecisionReason;
  /** Expected latency there; NaN where the policy predicts none. */
  predictedMs: number;
}

/** {@link DecisionSlot.device} when no device may run the request: the run fails with kind `'unsupported'`. */
export const NO_DEVICE = -1;

/** What came of one attempt. */
export interface DispatchSample {
  readonly work: Work;
  readonly attempt: AttemptReport;
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
  readonly learned: Readonly<Record<string, unknown>>;
}

export interface PolicyImportError {
  /** The state is of another policy, of another version, or no state at all. */
  readonly kind: 'wrong-policy' | 'wrong-version' | 'malformed';
  readonly message: string;
}
