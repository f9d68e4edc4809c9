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
  /** The snapshot that the decision used. */
  readonly snapshot: MetricsSnapshot;
}

/** Context of the tracing channel `gearshift:run`; `result` is set at `end` of a sync run and at `asyncEnd` of an async one. */
export interface RunEvent {
  readonly operation: OperationName;
  readonly sync: boolean;
  result?: Result<Completed, RunError>;
}

/** Context of the tracing channel `gearshift:attempt`; `result` is set at `end` of a sync run and at `asyncEnd` of an async one. */
export interface AttemptEvent {
  readonly operation: OperationName;
  readonly backend: string;
  readonly fallback: boolean;
  result?: AttemptReport;
}

/** Context of the tracing channel `gearshift:upload`: an operand is uploaded to stay on a device. */
export interface UploadEvent {
  readonly backend: string;
  readonly operandId: number;
  readonly bytes: number;
  result?: Result<PhaseTimes, BackendError>;
}

/** Message of `gearshift:residency`: a device started or stopped keeping an operand. */
export interface ResidencyEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly kind: 'kept' | 'evicted';
  readonly operandId: number;
  readonly bytes: number;
}

/** Message of `gearshift:device`: a device was lost for good, or a new one has replaced it. */
export interface DeviceEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly kind: 'lost' | 'renewed';
  /** How many earlier devices of this backend were lost. Handles of an earlier epoch are invalid. */
  readonly epoch: number;
}
