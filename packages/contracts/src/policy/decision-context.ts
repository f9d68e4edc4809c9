import type { DecisionReason } from '../attempt.js';
import type { DeviceKind } from '../backend.js';
import type { MetricsSnapshot } from './metrics-snapshot.js';

/** A device as a policy sees it. */
export interface DeviceView {
  readonly id: string;
  readonly kind: DeviceKind;
  /** See `Backend.formOf`: requests that are answered from another form of the operand have other costs. */
  readonly form?: string | undefined;
  /** Whether the backend accepts this request. */
  readonly supported: boolean;
  /** The device holds its own copy of the operand, or needs none because it shares the caller's memory. */
  readonly holdsOperand: boolean;
  /**
   * Bytes to upload for this request: its own, and the rows that it reads if the device does not hold the operand.
   */
  readonly bytesToUpload: number;
  /** Bytes to upload to keep the whole operand on the device; 0 when it is there, Infinity when it cannot be kept. */
  readonly bytesToKeep: number;
  /** Expected wait until the work already submitted to the device is done. */
  readonly queueMs: number;
  /**
   * Pieces that the request is cut into to fit in the available memory of the device; 1 when it fits as a whole, Infinity when
   * the device has no memory for even the smallest piece, and would have none if all runs under way had ended.
   */
  readonly chunks: number;
  /**
   * The device's circuit breaker admits only probes. Choose as if it were closed: the dispatcher diverts the request and adds
   * up the missed savings, to decide when a probe is worth its cost. Only do not explore on such a device.
   */
  readonly blocked: boolean;
}

/** The circumstances of a decision. */
export interface DecisionContext {
  /**
   * The snapshot of the operation's metrics for this decision: every read returns the same object. A test may write one by
   * hand, `{ ...NO_METRICS, speedup: 2 }`.
   */
  readonly snapshot: MetricsSnapshot;
  /** The chosen device is the only one allowed to run the request. */
  readonly strict: boolean;
  /** The dispatcher's monotonic clock. */
  readonly nowMs: number;
  /** Time until the caller's deadline; Infinity without one. */
  readonly remainingMs: number;
}

/** Receives the choice of a policy. */
export interface DecisionSlot {
  /** Index into `devices`, or {@link NO_DEVICE} when none of them may run the request. */
  device: number;
  reason: DecisionReason;
  /** Expected latency on the chosen device, including wait and upload; NaN without a prediction. */
  predictedMs: number;
  /** Expected latency on the best of the other devices; NaN without a prediction. */
  alternativeMs: number;
  /** Upload the whole operand to the device first and keep it there. */
  keep: boolean;
}

/** {@link DecisionSlot.device} when no device may run the request: the run fails with kind `'unsupported'`. */
export const NO_DEVICE = -1;
