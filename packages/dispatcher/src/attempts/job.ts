import type { PreparedRequest, Work } from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import type { AnyDispatchOperation } from '../operations/dispatch-operations.js';

/** One request, or one chunk of it, on its way through the devices. */
export interface Job {
  readonly operation: AnyDispatchOperation;
  readonly request: PreparedRequest;
  /**
   * Receives the answer. Read it only after the attempt: an abandoned attempt may write into the memory at any time, so the
   * job's own memory is replaced then.
   */
  output: OperationOutput;
  /**
   * Only the job uses the output's memory, so a GPU may write into it. Other memory (the caller's, or a part of a larger
   * output) is written only by copying a finished result.
   */
  readonly ownsOutput: boolean;
  readonly work: Work;
  readonly signal: AbortSignal | undefined;
}

/** The circumstances of an attempt. */
export interface AttemptPlan {
  /** An earlier attempt at the same job failed. */
  readonly fallback: boolean;
  /** No other device will be tried. */
  readonly last: boolean;
  /** The attempt holds the lease that `admit` of the device's breaker returned. */
  readonly probe: boolean;
  /** NaN where there is no prediction. */
  readonly predictedMs: number;
}

/** The one attempt of a request that has one device and no prediction. */
export const ONLY_ATTEMPT: AttemptPlan = { fallback: false, last: true, probe: false, predictedMs: NaN };
