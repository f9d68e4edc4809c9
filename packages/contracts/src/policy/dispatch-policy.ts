import type { OperationName } from '../operations/operation.js';
import type { Result } from '../result.js';
import type { DecisionContext, DecisionSlot, DeviceView } from './decision-context.js';
import type { DispatchSample, UploadSample } from './dispatch-sample.js';
import type { OperationForecast } from './operation-forecast.js';
import type { SharedLearning } from './shared-learning.js';
import type { Work } from './work.js';

/**
 * Chooses the device for each request, and learns from what came of it.
 *
 * Every method is synchronous and pure but for the policy's own state: no clock, no randomness, no input or output; what
 * it needs to know is handed to it. `decide` and `observe` stand in the path of every request: they create no objects and
 * take at most a microsecond. A policy belongs to one thread. What a policy throws reaches the caller of the request.
 */
export interface DispatchPolicy {
  /** Stands in every {@link Decision} of this policy. */
  readonly name: string;
  /**
   * Writes the choice into `out`, which arrives saying that no device is chosen. Must not keep any argument: all are
   * reused for the next request.
   *
   * @param devices every device there is, in order of preference; the choice is an index into it.
   */
  decide(work: Work, devices: readonly DeviceView[], context: DecisionContext, out: DecisionSlot): void;
  /** Told of each attempt once, right after it ended: of each chunk by itself, where a request was split. */
  observe(sample: DispatchSample): void;
  /** Told when an operand was sent to a device to stay there, apart from any request. */
  observeUpload?(sample: UploadSample): void;
  /**
   * Called once, before anything else, by the dispatcher that the policy is for: where to keep what is learned, so that
   * every thread decides by what all of them measured. A policy that is never told keeps it to itself.
   */
  share?(learning: SharedLearning): void;
  /** What the policy is set to and has learned so far, as plain data for people and dashboards. */
  snapshot(): PolicySnapshot;
  /** What the policy expects of an operation; undefined where it knows nothing of it. */
  forecast?(operation: OperationName): OperationForecast | undefined;
  /** What was learned, as plain data that survives JSON, for {@link import} in another process. */
  export(): PolicyState;
  /** Takes over what another policy of the same name exported; refuses anything else and stays as it was. */
  import(state: PolicyState): Result<void, PolicyImportError>;
}

export interface PolicySnapshot {
  readonly policy: string;
  /** The options in force, defaults filled in. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** What the policy has learned; absent where it learns nothing. */
  readonly learned?: Readonly<Record<string, unknown>> | undefined;
}

export interface PolicyState {
  readonly policy: string;
  /** Version of the layout of `learned`. */
  readonly version: number;
  /**
   * What holds for one device alone stands in a list `devices`, with its `id`: so the parts of devices that are no longer
   * the same can be left out.
   */
  readonly learned: Readonly<Record<string, unknown>>;
}

export interface PolicyImportError {
  /** The state is of another policy, of another version, or no state at all. */
  readonly kind: 'wrong-policy' | 'wrong-version' | 'malformed';
  readonly message: string;
}
