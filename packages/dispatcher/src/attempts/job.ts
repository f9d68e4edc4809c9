import type { PreparedRequest, Work } from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import type { AnyDispatchOperation } from '../operations/dispatch-operations.js';

/** One request, or one chunk of it, on its way through the devices. */
export interface Job {
  readonly operation: AnyDispatchOperation;
  readonly request: PreparedRequest;
  /**
   * Where the answer goes. Read it after the attempt: an abandoned attempt may write into its memory at any time, so memory
   * that is the job's own is then given up and replaced.
   */
  output: OperationOutput;
  /**
   * The job alone holds the output's memory, so a GPU may write into it. Memory of others (a caller's, or a part of a larger
   * output) is only ever written by a copy of what a GPU finished.
   */
  readonly ownsOutput: boolean;
  readonly work: Work;
  readonly signal: AbortSignal | undefined;
}

/** How an attempt came about. */
export interface AttemptPlan {
  /** An earlier attempt at the same job failed. */
  readonly fallback: boolean;
  /** No other device will be tried. */
  readonly last: boolean;
  /** It holds the lease of the device's breaker, as `admit` handed it out. */
  readonly probe: boolean;
  /** NaN where there is no prediction. */
  readonly predictedMs: number;
}

/** The one attempt of a request that has one device and no prediction. */
export const ONLY_ATTEMPT: AttemptPlan = { fallback: false, last: true, probe: false, predictedMs: NaN };
