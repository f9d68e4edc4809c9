import type { OperationName } from '../operations/operation.js';
import type { Result } from '../result.js';
import type { DecisionContext, DecisionSlot, DeviceView } from './decision-context.js';
import type { DispatchSample, UploadSample } from './dispatch-sample.js';
import type { OperationForecast } from './operation-forecast.js';
import type { SharedLearning } from './shared-learning.js';
import type { Work } from './work.js';

/**
 * Chooses the device for each request, and learns from the outcome.
 *
 * Every method is synchronous and pure except for the policy's own state: no clock, no randomness, no input or output; all
 * information comes as arguments. `decide` and `observe` run for every request: they create no objects and take at most a
 * microsecond. A policy belongs to one thread. Errors that a policy throws reach the caller of the request.
 */
export interface DispatchPolicy {
  /** Part of every {@link Decision} of this policy. */
  readonly name: string;
  /**
   * Writes the choice into `out`, which initially has no chosen device. Must not keep any argument, because all are reused
   * for the next request.
   *
   * @param devices every device, in order of preference; the choice is an index into it.
   */
  decide(work: Work, devices: readonly DeviceView[], context: DecisionContext, out: DecisionSlot): void;
  /** Called once per attempt, right after it ended; a request in chunks has an attempt per chunk. */
  observe(sample: DispatchSample): void;
  /** Called after an operand was uploaded to stay on a device, separately from any request. */
  observeUpload?(sample: UploadSample): void;
  /**
   * Called once by the dispatcher, before anything else, with the place for learned data, so that every thread decides by the
   * measurements of all threads. Without this call a policy learns for itself.
   */
  share?(learning: SharedLearning): void;
  /** The options and the learned state of the policy, as plain data for people and dashboards. */
  snapshot(): PolicySnapshot;
  /** Predictions of the policy for an operation; undefined without any. */
  forecast?(operation: OperationName): OperationForecast | undefined;
  /** The learned state, as plain data that survives JSON, for {@link import} in another process. */
  export(): PolicyState;
  /** Loads the state that another policy of the same name exported; refuses anything else without a change. */
  import(state: PolicyState): Result<void, PolicyImportError>;
}

export interface PolicySnapshot {
  readonly policy: string;
  /** The options in force, defaults filled in. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** The learned state; absent for a policy that learns nothing. */
  readonly learned?: Readonly<Record<string, unknown>> | undefined;
}

export interface PolicyState {
  readonly policy: string;
  /** Version of the layout of `learned`. */
  readonly version: number;
  /**
   * The data of single devices is in a list `devices`, with their `id`, so that the parts of changed devices can be left
   * out.
   */
  readonly learned: Readonly<Record<string, unknown>>;
}

export interface PolicyImportError {
  /** The state belongs to another policy or version, or is invalid. */
  readonly kind: 'wrong-policy' | 'wrong-version' | 'malformed';
  readonly message: string;
}
