import {
  DTYPES,
  finishTopK,
  ok,
  prepareCosineSimilarity,
  prepareOperand,
  prepareSpreadActivation,
  prepareTopK,
  requireOutput,
  requireTopKOutput,
  type Backend,
  type BackendDescription,
  type BackendError,
  type CosineSimilarityRequest,
  type CsrGraph,
  type DeviceKind,
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PhaseTimes,
  type PlacedMatrix,
  type PreparedCosineSimilarity,
  type PreparedSpreadActivation,
  type PreparedTopK,
  type Result,
  type SpreadActivationRequest,
  type TopKOutput,
  type TopKRequest,
  type UnsupportedReason,
  type VectorMatrix,
} from '@gearshift/contracts';
import type { BackendFailures, Failure } from './backend-failures.js';
import { OpenState } from './open-state.js';

/** How long a request took, or why it failed. */
export type Answer = Result<PhaseTimes, BackendError>;

/** The times of a request with nothing to compute. */
export const NO_TIME: PhaseTimes = { queueMs: 0, uploadMs: 0, kernelMs: 0, downloadMs: 0, totalMs: 0, fused: false };

/**
 * The outline of a backend that computes elsewhere than on the caller's thread. It checks requests and their outputs, refuses what cannot be
 * computed, answers where there is nothing to compute, and lets `close()` wait for what is under way. A class that extends it computes.
 *
 * `score`, `rank` and `spread` are called in the caller's turn, so that they may read all arrays of the request until they first wait.
 */
export abstract class CheckedBackend implements Backend {
  abstract readonly id: string;
  abstract readonly kind: DeviceKind;
  readonly dtypes = DTYPES;
  protected readonly failures: BackendFailures;
  protected readonly state: OpenState;
  protected readonly noTime: PhaseTimes = NO_TIME;
  /** Whether the device is gone: a request is then refused with `'device-lost'`, and otherwise with `'unsupported'`. */
  protected abstract readonly isLost: boolean;

  constructor(failures: BackendFailures) {
    this.failures = failures;
    this.state = new OpenState(failures, () => this.free());
  }

  abstract describe(): BackendDescription;
  abstract memory(): MemoryReading;

  supports(request: OperationRequest): true | UnsupportedReason {
    const reason = this.state.isClosed
      ? 'the backend is closed'
      : (this.whyUnusable(request) ?? this.#whyUnsupported(request));
    return reason === undefined || { reason };
  }

  async makeResident(operand: Operand, signal?: AbortSignal): Promise<Answer> {
    const startedAtMs = performance.now();
    const checked = prepareOperand(operand);
    const failure = this.refuse(signal) ?? (await this.state.track(this.ensure(checked, signal)));
    if (failure !== undefined) return failure;
    const totalMs = performance.now() - startedAtMs;
    return ok({ ...this.noTime, uploadMs: totalMs, totalMs });
  }

  async cosineSimilarity(
    request: CosineSimilarityRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const prepared = prepareCosineSimilarity(request);
    requireOutput(prepared, output);
    const refusal = this.refuse(signal, prepared);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength === 0) return ok(this.noTime);
    return this.state.track(this.score(prepared, output, signal));
  }

  async topK(request: TopKRequest, output: TopKOutput, signal?: AbortSignal): Promise<Answer> {
    const prepared = prepareTopK(request);
    requireTopKOutput(prepared, output);
    const refusal = this.refuse(signal, prepared);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength > 0) return this.state.track(this.rank(prepared, output, signal));
    finishTopK(prepared, output);
    return ok(this.noTime);
  }

  async spreadActivation(
    request: SpreadActivationRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const prepared = prepareSpreadActivation(request);
    requireOutput(prepared, output);
    const refusal = this.refuse(signal, prepared);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength > 0 && prepared.hops > 0) return this.state.track(this.spread(prepared, output, signal));
    if (prepared.outputLength > 0) output.set(prepared.activations);
    return ok(this.noTime);
  }

  close(): Promise<void> {
    return this.state.close();
  }

  /** Writes the scores of a request that has some. */
  protected abstract score(
    prepared: PreparedCosineSimilarity,
    output: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer>;

  /** Writes the ranking of a request that has one, and ends with `finishTopK`. */
  protected abstract rank(prepared: PreparedTopK, output: TopKOutput, signal: AbortSignal | undefined): Promise<Answer>;

  /** Writes the activations after one or more hops. */
  protected abstract spread(
    prepared: PreparedSpreadActivation,
    output: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer>;

  /** Makes the device's own copy of an operand that was checked. */
  protected abstract ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined>;

  /** Frees everything, once no request is under way. Called once. */
  protected abstract free(): Promise<void> | void;

  /** Why no request of this kind can be computed now, if so. */
  protected abstract whyUnusable(request: OperationRequest): string | undefined;

  /** Why a matrix cannot be searched, if so. */
  protected abstract whyNotMatrix(matrix: VectorMatrix | PlacedMatrix): string | undefined;

  /** Why a graph cannot be spread over, if so. */
  protected whyNotGraph(_graph: CsrGraph): string | undefined {
    return undefined;
  }

  /** Why a request is not started; without one, why no copy is made. */
  protected refuse(signal: AbortSignal | undefined, request?: OperationRequest): Failure | undefined {
    const refusal = this.state.refuse(signal);
    if (refusal !== undefined || request === undefined) return refusal;
    const supported = this.supports(request);
    if (supported === true) return undefined;
    return this.failures.of(this.isLost ? 'device-lost' : 'unsupported', supported.reason);
  }

  #whyUnsupported(request: OperationRequest): string | undefined {
    switch (request.operation) {
      case 'spread-activation':
        return this.whyNotGraph(request.graph);
      case 'cosine-similarity':
      case 'top-k':
        return this.whyNotMatrix(request.matrix);
      default:
        return `the operation ${String((request as { operation: unknown }).operation)} is not known`;
    }
  }
}
