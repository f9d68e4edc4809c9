import type { OperationName } from '@gearshift/contracts';
import type { Mismatch } from './mismatch.js';

/** Message of `gearshift:verify`: a result was recomputed in part. An alarm when `mismatch` is not `null`. */
export interface VerifyEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly operation: OperationName;
  readonly probe: boolean;
  readonly mismatch: Mismatch | null;
}
