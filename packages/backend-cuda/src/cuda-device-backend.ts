import {
  finishTopK,
  ok,
  type BackendDescription,
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PlacedMatrix,
  type PreparedCosineSimilarity,
  type PreparedSpreadActivation,
  type PreparedTopK,
  type Residency,
  type RowSetLike,
  type TopKOutput,
  type VectorMatrix,
} from '@gearshift/contracts';
import { listRows, refusePlaced } from '@gearshift/contracts/internal';
import {
  CheckedBackend,
  DTYPE_CODES,
  formatOf,
  METRIC_CODES,
  runJob,
  shapeOf,
  type Answer,
  type Failure,
} from '@gearshift/native-kit';
import type { CudaAddon, JobDone } from './addon.js';
import { CudaFailures } from './cuda-failures.js';
import { copyBytes, CudaResidents } from './cuda-residents.js';

/** Work on a ready copy that every GPU does in about 100 microseconds runs on the caller's thread, because a hand-over takes longer. */
const INLINE_BYTES = 16 * 2 ** 20;
/** A row must fit in one piece of an upload. */
const MAX_DIMENSIONS = 2 ** 20;
/** Row numbers have 32 bits, and one value means none. */
const MAX_ROWS = 2 ** 32 - 1;
/** Below one row in so many, a list of the rows of a set is smaller than its words. */
const ROWS_PER_LISTED = 32;

/** A request on a ready copy: run on this thread, or started when there is a callback. */
type Start = (handle: number, done?: JobDone) => number;

interface Scan {
  readonly matrix: VectorMatrix;
  readonly start: number;
  readonly end: number;
  readonly candidates: Uint32Array | undefined;
  /** The rows that are read from a resident copy. */
  readonly rowsRead: number;
  readonly queries: number;
}

export interface DeviceBackendParts {
  readonly addon: CudaAddon;
  /** The addon's handle. */
  readonly device: number;
  readonly description: BackendDescription;
}

/** The operations on one CUDA device. */
export class CudaDeviceBackend extends CheckedBackend {
  readonly id: string;
  readonly kind = 'gpu';
  readonly #addon: CudaAddon;
  readonly #device: number;
  readonly #description: BackendDescription;
  declare protected readonly failures: CudaFailures;
  readonly #residents: CudaResidents;
  readonly #numbers = new Float64Array(5);
  #lost: string | undefined;

  constructor({ addon, device, description }: DeviceBackendParts) {
    super(new CudaFailures(description.id));
    this.id = description.id;
    this.#addon = addon;
    this.#device = device;
    this.#description = description;
    this.#residents = new CudaResidents(addon, device, this.failures);
  }

  describe(): BackendDescription {
    return this.#lost === undefined ? this.#description : { ...this.#description, limitations: [this.#lost] };
  }

  memory(): MemoryReading {
    const isThere = !this.state.isClosed && this.#addon.readMemory(this.#device, this.#numbers) === 0;
    const [freeBytes, totalBytes] = isThere ? this.#numbers : [null, null];
    return { freeBytes, totalBytes, readAtMs: performance.now() };
  }

  /** The companion that bounds of the rows come from; without one, or for candidates, the rows themselves are read. */
  formOf(request: OperationRequest): string | undefined {
    if (request.operation !== 'top-k' || request.candidates !== undefined) return undefined;
    const { companion } = request.matrix as VectorMatrix;
    return companion === 'float16' || companion === 'int8' ? companion : undefined;
  }

  residency(operand: Operand): Residency {
    const residentBytes = this.#residents.residentBytes(operand);
    if (residentBytes > 0) return { residentBytes, bytesToUpload: 0 };
    const missing = this.#residents.missingRows(operand);
    const share = missing === undefined ? 1 : (missing.end - missing.start) / shapeOf(operand)[0];
    return { residentBytes, bytesToUpload: Math.ceil(copyBytes(operand) * share) };
  }

  release(operand: Operand): void {
    this.#residents.release(operand);
  }

  protected override get isLost(): boolean {
    return this.#lost !== undefined;
  }

  protected override whyUnusable(): string | undefined {
    return this.#lost;
  }

  protected override whyNotMatrix(matrix: VectorMatrix | PlacedMatrix): string | undefined {
    const placed = refusePlaced(matrix);
    if (placed !== undefined) return placed;
    if (matrix.rows > MAX_ROWS) return `a matrix of more than ${MAX_ROWS} rows`;
    return matrix.dimensions > MAX_DIMENSIONS ? `more than ${MAX_DIMENSIONS} dimensions` : undefined;
  }

  protected override async ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const failure = await this.#residents.ensure(operand, signal);
    return failure === undefined ? undefined : this.#remember(failure);
  }

  protected override async free(): Promise<void> {
    await this.#residents.close();
    this.#addon.closeDevice(this.#device);
  }

  protected override score(
    prepared: PreparedCosineSimilarity,
    output: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const { matrix, queries, start, end, where, rowsConsidered } = prepared;
    const query = this.#stable(matrix, prepared.query);
    const words = where && wordsFrom(where, start);
    const inWords = words === undefined ? 0 : rowsConsidered;
    const scan: Scan = { matrix, start, end, candidates: undefined, rowsRead: rowsConsidered, queries };
    return this.#scan(scan, signal, (handle, done) =>
      this.#addon.score(handle, query, METRIC_CODES.cosine, start, end, undefined, words, inWords, output, done),
    );
  }

  protected override async rank(
    prepared: PreparedTopK,
    output: TopKOutput,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const { matrix, queries, start, end, where, count, metric, rowsConsidered } = prepared;
    const query = this.#stable(matrix, prepared.query);
    // The device reads only the rows of the set; without a resident copy only these are uploaded, so that they are listed.
    const isListed = this.#residents.handleOf(matrix) === undefined || rowsConsidered * ROWS_PER_LISTED < end - start;
    const words = where === undefined || isListed ? undefined : wordsFrom(where, start);
    const inWords = words === undefined ? 0 : rowsConsidered;
    const rows = where === undefined || !isListed ? undefined : listRows(where.words, start, end);
    const candidates = rows ?? (prepared.candidates && this.#stable(matrix, prepared.candidates));
    const { indices, scores } = output;
    const code = METRIC_CODES[metric];
    const scan: Scan = { matrix, start, end, candidates, rowsRead: rowsConsidered, queries };
    const answer = await this.#scan(scan, signal, (handle, done) =>
      this.#addon.topK(handle, query, code, start, end, candidates, words, inWords, count, indices, scores, done),
    );
    if (answer.ok) finishTopK(prepared, output);
    return answer;
  }

  protected override async spread(
    prepared: PreparedSpreadActivation,
    output: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const { graph, start, end, hops, decay, retention, threshold } = prepared;
    const wasResident = this.#residents.use(graph) !== undefined;
    const activations = wasResident ? prepared.activations : prepared.activations.slice();
    const startedAtMs = performance.now();
    const failure = await this.ensure(graph, signal);
    if (failure !== undefined) return failure;
    const handle = this.#residents.use(graph);
    if (handle === undefined)
      return this.failures.of('fault', 'the copy of the graph was released as soon as it was created');
    const uploadMs = performance.now() - startedAtMs;
    const isSmall = wasResident && copyBytes(graph) * hops <= INLINE_BYTES;
    return this.#run(isSmall, signal, startedAtMs, uploadMs, (done) =>
      this.#addon.spread(handle, activations, start, end, hops, decay, retention, threshold, output, done),
    );
  }

  /** Runs on a resident copy, or on a copy of the requested rows for this request. */
  async #scan(scan: Scan, signal: AbortSignal | undefined, start: Start): Promise<Answer> {
    const startedAtMs = performance.now();
    const resident = this.#residents.use(scan.matrix);
    if (resident !== undefined) {
      // Rows that a set leaves out are not read, but have scores.
      const scores = scan.candidates?.length ?? scan.end - scan.start;
      const floats = Math.max(scan.rowsRead * scan.matrix.dimensions, scores) * scan.queries;
      const isSmall = floats * 4 <= INLINE_BYTES;
      return this.#run(isSmall, signal, startedAtMs, 0, (done) => start(resident, done));
    }
    const handle = this.#openRows(scan);
    if (handle < 0) return this.#remember(this.failures.ofStatus(this.#addon, handle, this.#freeBytes));
    try {
      // No other thread has this handle, so this thread always has to fill the copy.
      this.#addon.residentState(handle);
      const failure = await this.#residents.fill(scan.matrix, handle, signal);
      if (failure !== undefined) return this.#remember(failure);
      const uploadMs = performance.now() - startedAtMs;
      return await this.#run(false, signal, startedAtMs, uploadMs, (done) => start(handle, done));
    } finally {
      this.#addon.release(handle);
    }
  }

  #openRows({ matrix, start, end, candidates }: Scan): number {
    const { dtype, scale } = formatOf(matrix);
    const [first, rows] = candidates === undefined ? [start, end - start] : [0, candidates.length];
    return this.#addon.openRows(this.#device, first, rows, matrix.dimensions, candidates, DTYPE_CODES[dtype], scale);
  }

  async #run(
    isSmall: boolean,
    signal: AbortSignal | undefined,
    startedAtMs: number,
    uploadMs: number,
    start: (done?: JobDone) => number,
  ): Promise<Answer> {
    if (isSmall && this.#addon.isIdle(this.#device)) {
      const status = start();
      if (status < 0) return this.#remember(this.failures.ofStatus(this.#addon, status, this.#freeBytes));
      this.#addon.readReport(this.#numbers);
      const [, , ownUploadMs, kernelMs, downloadMs] = this.#numbers;
      const totalMs = performance.now() - startedAtMs;
      return ok({ queueMs: 0, uploadMs: uploadMs + ownUploadMs, kernelMs, downloadMs, totalMs, fused: false });
    }
    const report = await runJob(this.#addon, start, signal);
    const [status, queueMs = 0, ownUploadMs = 0, kernelMs = 0, downloadMs = 0] = report;
    if (status < 0) {
      const [, , , , , nativeCode = 0, requestedBytes = 0, failedCall = ''] = report;
      const failure = this.failures.ofReport({ status, nativeCode, requestedBytes, failedCall }, this.#freeBytes);
      return this.#remember(failure);
    }
    const totalMs = performance.now() - startedAtMs;
    return ok({ queueMs, uploadMs: uploadMs + ownUploadMs, kernelMs, downloadMs, totalMs, fused: false });
  }

  readonly #freeBytes = (): number | null => this.memory().freeBytes;

  /** Stores the loss of the device, and returns the failure. */
  #remember(failure: Failure): Failure {
    const { kind, message } = failure.error;
    if (kind === 'device-lost' || kind === 'timeout') this.#lost ??= message;
    return failure;
  }

  /** The other arrays of a request may change while its operand is uploaded, so they are copied first. */
  #stable<T extends Float32Array | Uint32Array>(matrix: VectorMatrix, array: T): T {
    return this.#residents.handleOf(matrix) === undefined ? (array.slice() as T) : array;
  }
}

/** The words of a set from that of a row on. */
function wordsFrom({ words }: RowSetLike, row: number): Uint32Array {
  return words.subarray(Math.floor(row / 32));
}
