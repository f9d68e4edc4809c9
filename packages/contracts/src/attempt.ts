import type { BackendError, BackendErrorKind, DeviceKind, PhaseTimes } from './backend.js';
import type { OperationName } from './operations/operation.js';
import type { SearchCounts } from './operations/search-counts.js';

/** `'success'`, or the kind of the error that ended the attempt. */
export type AttemptOutcome = 'success' | BackendErrorKind;

/** One attempt at a request, or at one chunk of it, on one device. Recorded once, under the device that ran it. */
export interface AttemptReport {
  readonly operation: OperationName;
  /** Id of the backend that ran it. */
  readonly backend: string;
  readonly device: DeviceKind;
  readonly outcome: AttemptOutcome;
  /** Time from the call of the backend until its answer: {@link waitMs}, and the run itself. */
  readonly latencyMs: number;
  /** How much of it the attempt waited for others on the device; undefined where the backend did not measure that. */
  readonly waitMs?: number | undefined;
  /** It ran because an earlier attempt at the same work failed. */
  readonly fallback: boolean;
  readonly phases?: PhaseTimes | undefined;
  /** What a ranking read, if it was answered with codes of the rows. */
  readonly search?: SearchCounts | undefined;
  readonly error?: BackendError | undefined;
}

/** Why a device was chosen: a closed set, safe as a label of a metric. */
export const DECISION_REASONS = [
  'forced',
  'unsupported',
  'too-small',
  'no-device',
  'device-dead',
  'breaker-open',
  'probe',
  'predicted-faster',
  'resident',
  'invest-upload',
  'explore',
  'calibrating',
  'memory',
  'queue',
  'deadline',
  'speedup-low',
  'success-low',
] as const;
export type DecisionReason = (typeof DECISION_REASONS)[number];

/** The choice for one request, and its reason. */
export interface Decision {
  /** Id of the chosen backend. */
  readonly backend: string;
  readonly device: DeviceKind;
  readonly reason: DecisionReason;
  /** Name of the policy that decided. */
  readonly policy: string;
  /** Expected latency on the chosen backend, if the policy predicts one. */
  readonly predictedMs?: number | undefined;
}
