import {
  finishTopK,
  ok,
  type BackendDescription,
  type BackendError,
  type CompanionState,
  type CompanionStatus,
  type CsrGraph,
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PlacedMatrix,
  type PreparedCosineSimilarity,
  type PreparedSpreadActivation,
  type PreparedTopK,
  type Residency,
  type Result,
  type SearchCounts,
  type SyncBackend,
  type TopKOutput,
  type VectorMatrix,
} from '@gearshift/contracts';
import { refusePlaced, requireMatrix } from '@gearshift/contracts/internal';
import { CheckedBackend, isMatrix, type Answer, type BackendFailures, type Failure } from '@gearshift/native-kit';
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

export interface DeviceBackendParts {
  readonly opened: OpenedDevice;
  /** Opens a new device after a loss. */
  readonly open: () => Promise<Result<OpenedDevice, BackendError>>;
  readonly failures: BackendFailures;
  /** Scores what WGSL leaves to each device. This backend closes it. */
  readonly cpu: SyncBackend;
}

/** The operations on one WebGPU device, and on the next one after a loss. */
export class WebGpuDeviceBackend extends CheckedBackend {
  readonly id = BACKEND_ID;
  readonly kind = 'gpu';
  readonly #slot: DeviceSlot;
  readonly #context: AnswerContext;

  constructor({ opened, open, failures, cpu }: DeviceBackendParts) {
    super(failures);
    this.#slot = new DeviceSlot(opened, open, failures);
    this.#context = { slot: this.#slot, failures, cpu };
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
    const isThere = lost === undefined && !this.state.isClosed;
    return {
      freeBytes: isThere ? budget.freeBytes : null,
      totalBytes: isThere ? budget.totalBytes : null,
      readAtMs: performance.now(),
    };
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

  release(operand: Operand): void {
    this.#slot.place.residents.release(operand);
  }

  protected override get isLost(): boolean {
    return this.#slot.place.gpu.lost !== undefined;
  }

  protected override whyUnusable(): string | undefined {
    return this.#slot.place.gpu.lost;
  }

  protected override whyNotMatrix(matrix: VectorMatrix | PlacedMatrix): string | undefined {
    const placed = refusePlaced(matrix);
    if (placed !== undefined) return placed;
    if (matrix.rows > MAX_ROWS) return `a matrix of more than ${MAX_ROWS} rows`;
    const mostDimensions = MatrixCopy.mostDimensions(this.#slot.place.gpu);
    return matrix.dimensions > mostDimensions ? `more than ${mostDimensions} dimensions` : undefined;
  }

  protected override whyNotGraph({ nodes }: CsrGraph): string | undefined {
    const mostNodes = this.#slot.place.gpu.largestBufferBytes / 4 - 1;
    return nodes > mostNodes ? `a graph of more than ${mostNodes} nodes` : undefined;
  }

  /** Makes a copy for later requests, of which there are none when the backend is being closed. */
  protected override async ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const refusal = (await this.#slot.ready()) ?? this.refuse(signal);
    return refusal ?? this.#slot.place.residents.ensure(operand, signal);
  }

  protected override async free(): Promise<void> {
    await this.#slot.close();
    await this.#context.cpu.close();
  }

  protected override score(
    prepared: PreparedCosineSimilarity,
    output: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    return this.#answer((clock) => answerScores(this.#context, prepared, output, signal, clock));
  }

  protected override async rank(
    prepared: PreparedTopK,
    output: TopKOutput,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const counts: { search?: SearchCounts | undefined } = {};
    const answer = await this.#answer((clock) => answerRanking(this.#context, prepared, output, counts, signal, clock));
    if (answer.ok) finishTopK(prepared, output, counts.search);
    return answer;
  }

  protected override spread(
    prepared: PreparedSpreadActivation,
    output: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const activations = prepared.activations.slice();
    return this.#answer((clock) => answerSpreading(this.#context, prepared, activations, output, signal, clock));
  }

  /**
   * Runs a request. Without timestamps of the device, phases other than the upload of its operand and the wait for the compilation of kernels
   * are not measured apart.
   */
  async #answer(run: (clock: RequestClock) => Promise<Failure | undefined>): Promise<Answer> {
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
