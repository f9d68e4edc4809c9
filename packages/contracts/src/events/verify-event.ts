import type { OperationName } from '../operations/operation.js';

/** Message of `gearshift:verify`: a result was recomputed in part. An alarm when `mismatch` is not `null`. */
export interface VerifyEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly operation: OperationName;
  readonly probe: boolean;
  readonly mismatch: Mismatch | null;
}

/** Where a result is wrong: plain data. */
export interface Mismatch {
  readonly rule: 'score' | 'order' | 'row' | 'missing-row' | 'activation';
  /** Number of the query; 0 for spreading. */
  readonly query: number;
  /** The row of the matrix or the node of the graph. */
  readonly row: number;
  /** The value in the result. */
  readonly got: number;
  /** The correct value in double precision, and the allowed error of float32. */
  readonly expected: number;
  readonly tolerance: number;
}
