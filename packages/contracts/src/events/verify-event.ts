import type { OperationName } from '../operations/operation.js';

/** Message of `gearshift:verify`: a result was recomputed in part. An alarm when `mismatch` is not `null`. */
export interface VerifyEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly operation: OperationName;
  readonly probe: boolean;
  readonly mismatch: Mismatch | null;
}

/** Where a result is not what it has to be: plain data. */
export interface Mismatch {
  readonly rule: 'score' | 'order' | 'row' | 'missing-row' | 'activation';
  /** Number of the query; 0 for spreading. */
  readonly query: number;
  /** The row of the matrix or the node of the graph. */
  readonly row: number;
  /** What came. */
  readonly got: number;
  /** What it has to be, in double precision, and how far off float32 may be. */
  readonly expected: number;
  readonly tolerance: number;
}
