import type { DecisionReason } from '../attempt.js';
import type { DeviceKind } from '../backend.js';
import type { MetricsSnapshot } from './metrics-snapshot.js';

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
