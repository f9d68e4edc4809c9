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
  type CompanionState,
  type CompanionStatus,
  type CosineSimilarityRequest,
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PhaseTimes,
  type Residency,
  type Result,
  type SearchCounts,
  type SpreadActivationRequest,
  type SyncBackend,
  type TopKOutput,
  type TopKRequest,
  type UnsupportedReason,
  type VectorMatrix,
} from '@gearshift/contracts';
import { refusePlaced, requireMatrix } from '@gearshift/contracts/internal';
import { isMatrix, OpenState, type BackendFailures, type Failure } from '@gearshift/native-kit';
import { BACKEND_ID } from './device/describe-device.js';
import type { OpenedDevice } from './device/open-device.js';
import {
  answerRanking,
  answerScores,
  answerSpreading,
  type AnswerContext,
  type RequestClock,
} from './operations/answer.js';
import { DeviceSlot } from './residency/device-slot.js';
import { MatrixCompanion, wantedCompanion } from './residency/matrix-companion.js';
import { MatrixCopy } from './residency/matrix-copy.js';

/** Row numbers have 32 bits, and one value means none. */
const MAX_ROWS = 2 ** 32 - 1;
type Answer = Result<PhaseTimes, BackendError>;

/** For requests with nothing to compute. */
const NO_TIME: Answer = ok({ queueMs: 0, uploadMs: 0, kernelMs: 0, downloadMs: 0, totalMs: 0, fused: false });

export interface DeviceBackendParts {
  readonly opened: OpenedDevice;
  /** Opens a new device after a loss. */
  readonly open: () => Promise<Result<OpenedDevice, BackendError>>;
  readonly failures: BackendFailures;
  /** Scores what WGSL leaves to each device. This backend closes it. */
  readonly cpu: SyncBackend;
}

/** The operations on one WebGPU device, and on the next one after a loss. */
export class WebGpuDeviceBackend implements Backend {
  readonly id = BACKEND_ID;
  readonly kind = 'gpu';
  readonly dtypes = DTYPES;
  readonly #slot: DeviceSlot;
  readonly #failures: BackendFailures;
  readonly #context: AnswerContext;
  readonly #state: OpenState;

  constructor({ opened, open, failures, cpu }: DeviceBackendParts) {
    this.#slot = new DeviceSlot(opened, open, failures);
    this.#failures = failures;
    this.#context = { slot: this.#slot, failures, cpu };
    this.#state = new OpenState(failures, async () => {
      await this.#slot.close();
      await cpu.close();
    });
  }

  /** How many devices of this backend were lost and replaced. */
  get epoch(): number {
    return this.#slot.epoch;
  }

  describe(): BackendDescription {
    return this.#slot.describe();
  }

  memory(): MemoryReading {
    const { budget, lost } = this.#slot.place.gpu;
    const isThere = lost === undefined && !this.#state.isClosed;
    return {
      freeBytes: isThere ? budget.freeBytes : null,
      totalBytes: isThere ? budget.totalBytes : null,
      readAtMs: performance.now(),
    };
  }

  supports(request: OperationRequest): true | UnsupportedReason {
    if (this.#state.isClosed) return { reason: 'the backend is closed' };
    const { gpu } = this.#slot.place;
    if (gpu.lost !== undefined) return { reason: gpu.lost };
    switch (request.operation) {
      case 'spread-activation': {
        const mostNodes = gpu.largestBufferBytes / 4 - 1;
        return request.graph.nodes <= mostNodes || { reason: `a graph of more than ${mostNodes} nodes` };
      }
      case 'cosine-similarity':
      case 'top-k': {
        const reason = refusePlaced(request.matrix);
        if (reason !== undefined) return { reason };
        if (request.matrix.rows > MAX_ROWS) return { reason: `a matrix of more than ${MAX_ROWS} rows` };
        const mostDimensions = MatrixCopy.mostDimensions(gpu);
        return request.matrix.dimensions <= mostDimensions || { reason: `more than ${mostDimensions} dimensions` };
      }
      default:
        return { reason: `the operation ${String((request as { operation: unknown }).operation)} is not known` };
    }
  }

  residency(given: Operand): Residency {
    const { residents } = this.#slot.place;
    const operand = isMatrix(given) ? requireMatrix(given) : given;
    const residentBytes = residents.residentBytes(operand);
    if (residentBytes > 0) return { residentBytes, bytesToUpload: 0 };
    const missing = isMatrix(operand) ? residents.missingRowCount(operand) : undefined;
    const share = missing === undefined ? 1 : missing / Math.max(1, (operand as VectorMatrix).rows);
    return { residentBytes, bytesToUpload: Math.ceil(copyBytes(operand) * share) };
  }

  /** The companion that the bounds of rows come from; a list of candidates is read without it. */
  formOf(request: OperationRequest): string | undefined {
    if (request.operation !== 'top-k' || request.candidates !== undefined) return undefined;
    if (refusePlaced(request.matrix) !== undefined) return undefined;
    const companion = this.#slot.place.residents.companionOf(request.matrix as VectorMatrix);
    return companion instanceof MatrixCompanion ? companion.kind : undefined;
  }

  describeCompanion(matrix: VectorMatrix): CompanionState {
    const wanted = wantedCompanion(matrix);
    const companion = this.#slot.place.residents.companionOf(matrix);
    // Memory of the device is none of the host.
    const state = (status: CompanionStatus, reason: string) => ({ backend: this.id, status, reason, bytes: 0 });
    if (wanted === undefined) return state('none', "a GPU makes one for the companions 'float16' and 'int8' only");
    if (companion === undefined)
      return state('none', 'the device has no copy of this version of the rows, to make it of');
    if (companion === 'lacking')
      return state('refused', 'the device had no memory for it, or needed it for other rows');
    return state('ready', `rankings read ${companion.bytes} bytes of ${companion.kind} on the device`);
  }

  async makeResident(operand: Operand, signal?: AbortSignal): Promise<Answer> {
    const startedAtMs = performance.now();
    const checked = prepareOperand(operand);
    const failure = this.#state.refuse(signal) ?? (await this.#state.track(this.#ensure(checked, signal)));
    if (failure !== undefined) return failure;
    const totalMs = performance.now() - startedAtMs;
    return ok({ queueMs: 0, uploadMs: totalMs, kernelMs: 0, downloadMs: 0, totalMs, fused: false });
  }

  release(operand: Operand): void {
    this.#slot.place.residents.release(operand);
  }

  async cosineSimilarity(
    request: CosineSimilarityRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const prepared = prepareCosineSimilarity(request);
    requireOutput(prepared, output);
    const refusal = this.#state.refuse(signal) ?? this.#refuseUnsupported(prepared);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength === 0) return NO_TIME;
    return this.#answer((clock) => answerScores(this.#context, prepared, output, signal, clock));
  }

  async topK(request: TopKRequest, output: TopKOutput, signal?: AbortSignal): Promise<Answer> {
    const prepared = prepareTopK(request);
    requireTopKOutput(prepared, output);
    const refusal = this.#state.refuse(signal) ?? this.#refuseUnsupported(prepared);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength === 0) {
      finishTopK(prepared, output);
      return NO_TIME;
    }
    const counts: { search?: SearchCounts | undefined } = {};
    const answer = await this.#answer((clock) => answerRanking(this.#context, prepared, output, counts, signal, clock));
    if (answer.ok) finishTopK(prepared, output, counts.search);
    return answer;
  }

  async spreadActivation(
    request: SpreadActivationRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const prepared = prepareSpreadActivation(request);
    requireOutput(prepared, output);
    const refusal = this.#state.refuse(signal) ?? this.#refuseUnsupported(prepared);
    if (refusal !== undefined) return refusal;
    if (prepared.outputLength === 0) return NO_TIME;
    const activations = prepared.activations.slice();
    if (prepared.hops === 0) {
      output.set(activations);
      return NO_TIME;
    }
    return this.#answer((clock) => answerSpreading(this.#context, prepared, activations, output, signal, clock));
  }

  close(): Promise<void> {
    return this.#state.close();
  }

  /** Makes a copy for later requests, of which there are none when the backend is being closed. */
  async #ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const refusal = (await this.#slot.ready()) ?? this.#state.refuse(signal);
    return refusal ?? this.#slot.place.residents.ensure(operand, signal);
  }

  #refuseUnsupported(request: OperationRequest): Failure | undefined {
    const supported = this.supports(request);
    if (supported === true) return undefined;
    return this.#failures.of(this.#slot.place.gpu.lost === undefined ? 'unsupported' : 'device-lost', supported.reason);
  }

  #answer(run: (clock: RequestClock) => Promise<Failure | undefined>): Promise<Answer> {
    return this.#state.track(this.#timed(run));
  }

  /**
   * Runs a request. Without timestamps of the device, phases other than the upload of its operand and the wait for the compilation of kernels
   * are not measured apart.
   */
  async #timed(run: (clock: RequestClock) => Promise<Failure | undefined>): Promise<Answer> {
    const startedAtMs = performance.now();
    const times = { kernelMs: 0, compileMs: 0 };
    let uploadMs = 0;
    const uploaded = () => void (uploadMs = performance.now() - startedAtMs);
    const failure = await run({ uploaded, times });
    if (failure !== undefined) return failure;
    const totalMs = performance.now() - startedAtMs;
    const queueMs = times.compileMs;
    const restMs = Math.max(0, totalMs - uploadMs - queueMs);
    const fused = !this.#slot.place.gpu.hasClock;
    const kernelMs = fused ? restMs : Math.min(times.kernelMs, restMs);
    return ok({ queueMs, uploadMs, kernelMs, downloadMs: restMs - kernelMs, totalMs, fused });
  }
}

function copyBytes(operand: Operand): number {
  if (isMatrix(operand)) return operand.rows * MatrixCopy.bytesPerRow(operand.dimensions);
  return (operand.nodes + 1) * 4 + operand.columns.length * 8;
}
