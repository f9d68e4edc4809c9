import { clearTimeout, setTimeout } from 'node:timers';
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
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PhaseTimes,
  type PreparedCosineSimilarity,
  type PreparedTopK,
  type Residency,
  type Result,
  type SpreadActivationRequest,
  type SyncBackend,
  type TopKOutput,
  type TopKRequest,
  type UnsupportedReason,
  type VectorMatrix,
} from '@gearshift/contracts';
import { listRows, requireMatrix } from '@gearshift/contracts/internal';
import { isMatrix, OpenState, type BackendFailures, type Failure } from '@gearshift/native-kit';
import { dawnVersion } from './device/dawn.js';
import type { GpuDevice } from './device/gpu-device.js';
import type { OpenedDevice } from './device/open-device.js';
import { deviceQueries } from './operations/device-queries.js';
import { DeviceScan } from './operations/device-scan.js';
import { rank } from './operations/rank.js';
import { score } from './operations/score.js';
import { itemsOf, selectionKind, type RowSelection } from './operations/selection.js';
import { spread } from './operations/spread.js';
import { PACKAGE_VERSION } from './package-version.js';
import { GraphCopy } from './residency/graph-copy.js';
import { MatrixCopy } from './residency/matrix-copy.js';
import { WebGpuResidents } from './residency/webgpu-residents.js';

/** Row numbers have 32 bits, and one value means none. */
const MAX_ROWS = 2 ** 32 - 1;
/** Time to the next attempt to replace a lost device, after one that failed or a device that was soon lost again; it doubles each time. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 60_000;

type Answer = Result<PhaseTimes, BackendError>;

/** For requests with nothing to compute. */
const NO_TIME: Answer = ok({ queueMs: 0, uploadMs: 0, kernelMs: 0, downloadMs: 0, totalMs: 0, fused: false });

/** A device and the copies on it, until it is lost. */
interface Place {
  readonly gpu: GpuDevice;
  readonly residents: WebGpuResidents;
}

/** What a request reads on the device: a resident copy, or one of the selected rows for this request alone. */
interface Source {
  readonly place: Place;
  readonly copy: MatrixCopy;
  readonly selection: RowSelection;
  /** The row of the matrix for a row of the copy. */
  readonly rowOf: (row: number) => number;
  readonly firstRow: number;
  done(): void;
}

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
  readonly id: string;
  readonly kind = 'gpu';
  readonly dtypes = DTYPES;
  readonly #open: DeviceBackendParts['open'];
  readonly #failures: BackendFailures;
  readonly #cpu: SyncBackend;
  readonly #state: OpenState;
  #description: BackendDescription;
  #place: Place;
  #epoch = 0;
  #reopening: Promise<void> | undefined;
  #openedAtMs = 0;
  #waitMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ opened, open, failures, cpu }: DeviceBackendParts) {
    this.#open = open;
    this.#failures = failures;
    this.#cpu = cpu;
    this.#place = this.#enter(opened);
    this.#description = describe(opened);
    this.id = this.#description.id;
    this.#state = new OpenState(failures, async () => {
      clearTimeout(this.#timer);
      await this.#reopening;
      await this.#place.residents.close();
      this.#place.gpu.destroy();
      await cpu.close();
    });
  }

  /** How many devices of this backend were lost and replaced. */
  get epoch(): number {
    return this.#epoch;
  }

  describe(): BackendDescription {
    const { lost } = this.#place.gpu;
    if (lost === undefined || this.#state.isClosed) return this.#description;
    return { ...this.#description, limitations: [...this.#description.limitations, lost] };
  }

  memory(): MemoryReading {
    const { budget, lost } = this.#place.gpu;
    const isThere = lost === undefined && !this.#state.isClosed;
    return {
      freeBytes: isThere ? budget.freeBytes : null,
      totalBytes: isThere ? budget.totalBytes : null,
      readAtMs: performance.now(),
    };
  }

  supports(request: OperationRequest): true | UnsupportedReason {
    if (this.#state.isClosed) return { reason: 'the backend is closed' };
    const { gpu } = this.#place;
    if (gpu.lost !== undefined) return { reason: gpu.lost };
    switch (request.operation) {
      case 'spread-activation': {
        const mostNodes = gpu.largestBufferBytes / 4 - 1;
        return request.graph.nodes <= mostNodes || { reason: `a graph of more than ${mostNodes} nodes` };
      }
      case 'cosine-similarity':
      case 'top-k': {
        if (request.matrix.rows > MAX_ROWS) return { reason: `a matrix of more than ${MAX_ROWS} rows` };
        const mostDimensions = MatrixCopy.mostDimensions(gpu);
        return request.matrix.dimensions <= mostDimensions || { reason: `more than ${mostDimensions} dimensions` };
      }
      default:
        return { reason: `the operation ${String((request as { operation: unknown }).operation)} is not known` };
    }
  }

  residency(given: Operand): Residency {
    const { residents } = this.#place;
    const operand = isMatrix(given) ? requireMatrix(given) : given;
    const residentBytes = residents.residentBytes(operand);
    if (residentBytes > 0) return { residentBytes, bytesToUpload: 0 };
    const missing = isMatrix(operand) ? residents.missingRowCount(operand) : undefined;
    const share = missing === undefined ? 1 : missing / Math.max(1, (operand as VectorMatrix).rows);
    return { residentBytes, bytesToUpload: Math.ceil(copyBytes(operand) * share) };
  }

  async makeResident(operand: Operand, signal?: AbortSignal): Promise<Answer> {
    const startedAtMs = performance.now();
    const checked = prepareOperand(operand);
    const refusal = this.#state.refuse(signal) ?? (await this.#refuseWithoutDevice());
    if (refusal !== undefined) return refusal;
    const failure = await this.#state.track(this.#place.residents.ensure(checked, signal));
    if (failure !== undefined) return failure;
    const totalMs = performance.now() - startedAtMs;
    return ok({ queueMs: 0, uploadMs: totalMs, kernelMs: 0, downloadMs: 0, totalMs, fused: false });
  }

  release(operand: Operand): void {
    this.#place.residents.release(operand);
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
    return this.#state.track(this.#score(prepared, output, signal));
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
    const answer = await this.#state.track(this.#rank(prepared, output, signal));
    if (answer.ok) finishTopK(prepared, output);
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
    const { graph, hops } = prepared;
    const activations = prepared.activations.slice();
    if (hops === 0) {
      output.set(activations);
      return NO_TIME;
    }
    const { start, end, decay, retention, threshold } = prepared;
    const options = { activations, start, end, hops, decay, retention, threshold };
    return this.#state.track(
      this.#timed(async (uploaded) => {
        const refused = await this.#refuseWithoutDevice();
        if (refused !== undefined) return refused;
        const { gpu, residents } = this.#place;
        const failure = await residents.ensure(graph, signal);
        if (failure !== undefined) return failure;
        const source = residents.borrow(graph);
        if (source === undefined) return this.#failures.of('fault', 'the copy of the graph was released meanwhile');
        uploaded();
        try {
          if (!(source.copy instanceof GraphCopy)) return this.#failures.of('fault', 'the copy is not one of a graph');
          const { copy } = source;
          return await residents.makingRoom(() => spread(gpu, this.#failures, copy, options, output, signal));
        } finally {
          source.done();
        }
      }),
    );
  }

  close(): Promise<void> {
    return this.#state.close();
  }

  #enter({ gpu }: OpenedDevice): Place {
    this.#openedAtMs = performance.now();
    void gpu.gone.then(() => this.#reopenLater());
    return { gpu, residents: new WebGpuResidents(gpu, this.#failures) };
  }

  /** Replaces a lost device, at once unless the last one did not live long. */
  #reopenLater(): void {
    if (this.#state.isClosed) return;
    const livedMs = performance.now() - this.#openedAtMs;
    if (livedMs > LONGEST_WAIT_MS) this.#waitMs = 0;
    clearTimeout(this.#timer);
    if (this.#waitMs === 0) this.#reopen();
    else this.#timer = setTimeout(() => this.#reopen(), this.#waitMs).unref();
    this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, 2 * this.#waitMs));
  }

  #reopen(): void {
    if (this.#state.isClosed || this.#reopening !== undefined || this.#place.gpu.lost === undefined) return;
    this.#reopening = this.#open().then(async (opened) => {
      this.#reopening = undefined;
      if (!opened.ok) {
        this.#reopenLater();
        return;
      }
      const before = this.#place;
      this.#place = this.#enter(opened.value);
      this.#description = describe(opened.value);
      this.#epoch += 1;
      await before.residents.close();
      before.gpu.destroy();
    });
  }

  /** A request that comes while a new device is being opened waits for it. */
  async #refuseWithoutDevice(): Promise<Failure | undefined> {
    await this.#reopening;
    const { lost } = this.#place.gpu;
    return lost === undefined ? undefined : this.#failures.of('device-lost', lost);
  }

  #refuseUnsupported(request: OperationRequest): Failure | undefined {
    const supported = this.supports(request);
    if (supported === true) return undefined;
    return this.#failures.of(this.#place.gpu.lost === undefined ? 'unsupported' : 'device-lost', supported.reason);
  }

  /** Runs a request. Phases other than the upload of its operand are not measured apart. */
  async #timed(run: (uploaded: () => void) => Promise<Failure | undefined>): Promise<Answer> {
    const startedAtMs = performance.now();
    let uploadMs = 0;
    const failure = await run(() => (uploadMs = performance.now() - startedAtMs));
    if (failure !== undefined) return failure;
    const totalMs = performance.now() - startedAtMs;
    return ok({ queueMs: 0, uploadMs, kernelMs: totalMs - uploadMs, downloadMs: 0, totalMs, fused: true });
  }

  #score(prepared: PreparedCosineSimilarity, output: Float32Array, signal: AbortSignal | undefined): Promise<Answer> {
    const { matrix, start, end } = prepared;
    const query = prepared.query.slice();
    const queries = deviceQueries('cosine', query, matrix.dimensions);
    return this.#timed(async (uploaded) => {
      if (queries.numbers.length > 0) {
        const source = await this.#source(prepared, { ...prepared, where: undefined, candidates: undefined }, signal);
        if ('error' in source) return source;
        uploaded();
        try {
          const { copy, firstRow, place } = source;
          const scan = this.#scanOf(source, 'cosine', signal);
          const scoring = { prepared, query, queries, copy, firstRow, scan, cpu: this.#cpu };
          const failure = await place.residents.makingRoom(() => score(scoring, output));
          if (failure !== undefined) return failure;
        } finally {
          source.done();
        }
      }
      for (const q of queries.left) {
        const { where, dimensions } = { ...prepared, ...matrix };
        const one = query.subarray(q * dimensions, (q + 1) * dimensions);
        const target = output.subarray(q * (end - start), (q + 1) * (end - start));
        const request = { operation: 'cosine-similarity', matrix, query: one, start, end, where } as const;
        const answer = await this.#cpu.cosineSimilarity(request, target, signal);
        if (!answer.ok) return this.#failures.of(answer.error.kind, answer.error.message);
      }
      return undefined;
    });
  }

  #rank(prepared: PreparedTopK, output: TopKOutput, signal: AbortSignal | undefined): Promise<Answer> {
    const { matrix, metric, start, end, where, count } = prepared;
    const query = prepared.query.slice();
    const candidates = prepared.candidates?.slice();
    const queries = deviceQueries(metric, query, matrix.dimensions);
    return this.#timed(async (uploaded) => {
      if (queries.numbers.length > 0) {
        const source = await this.#source(prepared, { start, end, where, candidates }, signal);
        if ('error' in source) return source;
        uploaded();
        try {
          const { copy, selection, rowOf, place } = source;
          const scan = this.#scanOf(source, metric, signal);
          const ranking = { prepared, query, selection, queries, copy, scan, cpu: this.#cpu, rowOf, signal };
          const failure = await place.residents.makingRoom(() => rank(ranking, output));
          if (failure !== undefined) return this.#failures.of(failure.error.kind, failure.error.message, failure.error);
        } finally {
          source.done();
        }
      }
      for (const q of queries.left) {
        const one = query.subarray(q * matrix.dimensions, (q + 1) * matrix.dimensions);
        const best = {
          indices: output.indices.subarray(q * count, (q + 1) * count),
          scores: output.scores.subarray(q * count, (q + 1) * count),
          count,
        };
        const request = {
          operation: 'top-k',
          matrix,
          query: one,
          k: count,
          metric,
          start,
          end,
          where,
          candidates,
        } as const;
        const answer = await this.#cpu.topK(request, best, signal);
        if (!answer.ok) return this.#failures.of(answer.error.kind, answer.error.message);
      }
      return undefined;
    });
  }

  #scanOf(
    { place, copy, selection }: Source,
    metric: PreparedTopK['metric'],
    signal: AbortSignal | undefined,
  ): DeviceScan {
    const items = itemsOf(copy, selection);
    return new DeviceScan(place.gpu, this.#failures, copy, metric, selectionKind(selection), items, signal);
  }

  /** The resident copy, or a copy of the considered rows for this request. */
  async #source(
    { matrix }: { readonly matrix: VectorMatrix },
    selection: RowSelection,
    signal: AbortSignal | undefined,
  ): Promise<Source | Failure> {
    const refusal = await this.#refuseWithoutDevice();
    if (refusal !== undefined) return refusal;
    const place = this.#place;
    const { gpu, residents } = place;
    const resident = residents.borrow(matrix);
    if (resident?.copy instanceof MatrixCopy) {
      const { start, end, where, candidates } = selection;
      const selected = { start, end, where, candidates };
      return { place, copy: resident.copy, selection: selected, rowOf: (row) => row, firstRow: 0, done: resident.done };
    }
    const copy = new MatrixCopy(gpu, this.#failures, matrix.dimensions);
    const rows = rowsOf(selection);
    const count = rows?.length ?? selection.end - selection.start;
    const failure =
      (await residents.makingRoom(() => copy.reserve(count))) ??
      (await residents.makingRoom(() => copy.uploadRows(matrix, rows ?? selection.start, count, signal)));
    if (failure !== undefined) {
      copy.destroy();
      return failure;
    }
    copy.rows = count;
    return {
      place,
      copy,
      selection: { start: 0, end: count, where: undefined, candidates: undefined },
      rowOf: rows === undefined ? (row) => row + selection.start : (row) => rows[row],
      firstRow: selection.start,
      done: () => copy.destroy(),
    };
  }
}

/** The rows that a request considers, ascending, if they are fewer than its range. */
function rowsOf({ start, end, where, candidates }: RowSelection): Uint32Array | undefined {
  if (candidates !== undefined) return candidates.toSorted();
  return where === undefined ? undefined : listRows(where.words, start, end);
}

function copyBytes(operand: Operand): number {
  if (isMatrix(operand)) return operand.rows * MatrixCopy.bytesPerRow(operand.dimensions);
  return (operand.nodes + 1) * 4 + operand.columns.length * 8;
}

function describe({ info, isSoftware }: OpenedDevice): BackendDescription {
  const names = [info.description, info.device, info.architecture, info.vendor].filter((name) => name !== '');
  return {
    id: 'webgpu:0',
    kind: 'gpu',
    device: info.device === '' ? (names[0] ?? 'a GPU') : info.device,
    version: PACKAGE_VERSION,
    source: 'prebuilt',
    driver: [info.description, `webgpu ${dawnVersion()}`].filter((name) => name !== '').join(', '),
    limitations: isSoftware ? ['a software driver: the CPU runs the kernels of the GPU'] : [],
  };
}
