import type { AttemptReport, Decision } from '../attempt.js';
import type { BackendError, PhaseTimes } from '../backend.js';
import type { OperationName } from '../operations/operation.js';
import type { MetricsSnapshot } from '../policy/metrics-snapshot.js';
import type { Work } from '../policy/work.js';
import type { Result } from '../result.js';
import type { Completed, RunError } from '../run-outcome.js';

/** Message of `gearshift:decision`. */
export interface DecisionEvent {
  readonly decision: Decision;
  readonly work: Work;
  /** The one snapshot that was decided by. */
  readonly snapshot: MetricsSnapshot;
}

/** Context of the tracing channel `gearshift:run`; `result` is there at `end` of a sync run, `asyncEnd` of another. */
export interface RunEvent {
  readonly operation: OperationName;
  readonly sync: boolean;
  result?: Result<Completed, RunError>;
}

/** Context of the tracing channel `gearshift:attempt`; `result` is there at `end` of a sync run, `asyncEnd` of another. */
export interface AttemptEvent {
  readonly operation: OperationName;
  readonly backend: string;
  readonly fallback: boolean;
  result?: AttemptReport;
}

/** Context of the tracing channel `gearshift:upload`: an operand is sent to a device to stay there. */
export interface UploadEvent {
  readonly backend: string;
  readonly operandId: number;
  readonly bytes: number;
  result?: Result<PhaseTimes, BackendError>;
}

/** Message of `gearshift:residency`: a device began or ceased to keep an operand. */
export interface ResidencyEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly kind: 'kept' | 'evicted';
  readonly operandId: number;
  readonly bytes: number;
}

/** Message of `gearshift:device`: a device was lost for good, or a new one took its place. */
export interface DeviceEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly kind: 'lost' | 'renewed';
  /** How many devices this backend has had before: handles of an earlier epoch are invalid. */
  readonly epoch: number;
}
