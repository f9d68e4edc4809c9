import type { CompanionCounts, CompanionState } from './companion-state.js';
import type { Dtype } from './elements/dtype.js';
import type { VectorMatrix } from './matrix.js';
import type { Operand } from './operand.js';
import type { MatrixPlacer } from './placed-matrix.js';
import type { CosineSimilarityRequest } from './operations/cosine-similarity.js';
import type { OperationRequest } from './operations/operations.js';
import type { SpreadActivationRequest } from './operations/spread-activation.js';
import type { TopKOutput, TopKRequest } from './operations/top-k.js';
import type { Result } from './result.js';
import type { CompanionSource } from './stored-rows.js';

/**
 * A device that can run the operations. Methods never throw for failures of the device or the system: these are returned as a
 * {@link BackendError}. They throw a TypeError or RangeError for a caller's mistake, before using the device.
 */
export interface Backend {
  /** `'cpu'`, `'cuda:0'`, `'webgpu:0'`. */
  readonly id: string;
  readonly kind: DeviceKind;
  /**
   * Its calls may hang, its device may disappear, and its answers may be wrong, so attempts need a time limit, a circuit
   * breaker and verification. Default: true for every kind except `'cpu'`.
   */
  readonly isGuarded?: boolean | undefined;
  /**
   * How many lost devices it has replaced by new ones: a dispatcher then tries it again. Absent for a backend that never does, which stays
   * unused after `'device-lost'`.
   */
  readonly epoch?: number | undefined;
  /** The types of elements of which it reads the `values` of a matrix, or its rows with `readRow`. Default: float32 only. */
  readonly dtypes?: readonly Dtype[] | undefined;
  describe(): BackendDescription;
  memory(): MemoryReading;
  supports(request: OperationRequest): true | UnsupportedReason;
  /** Creates the device's own copy of an operand, so that later requests upload no operand data. */
  makeResident?(operand: Operand, signal?: AbortSignal): Promise<Result<PhaseTimes, BackendError>>;
  /** Reads the operand's id and version, and only the lengths of its arrays. */
  residency?(operand: Operand): Residency;
  /** Drops the device's copy; requests under way keep it until they end. Reads only the operand's id. */
  release?(operand: Operand): void;
  /**
   * The form of the operand that it would answer this request from, where it has several of different cost, such as `'codes'`;
   * undefined for the operand itself. Policies learn the cost of each form. One of a few fixed names; called for each request, so it has
   * to be fast.
   */
  formOf?(request: OperationRequest): string | undefined;
  /** What it keeps of matrices beside their rows, in host memory. */
  companions?(): CompanionCounts;
  /** Whether rankings of a matrix use its companion, or why not. */
  describeCompanion?(matrix: VectorMatrix): CompanionState;
  /**
   * The companion of a matrix that stays as it is until the source has been read, for a file; undefined if there is none.
   *
   * @param make make it first if there is none, and if it would save time
   */
  companionSource?(matrix: VectorMatrix, make: boolean, signal?: AbortSignal): Promise<CompanionSource | undefined>;
  /**
   * Matrices with rows on other machines. A backend without it is never asked about a placed matrix by a dispatcher, and answers
   * `'unsupported'` to anyone else.
   */
  readonly placed?: MatrixPlacer | undefined;
  /** Writes `queries x (end - start)` scores. */
  cosineSimilarity(
    request: CosineSimilarityRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Result<PhaseTimes, BackendError>>;
  topK(request: TopKRequest, output: TopKOutput, signal?: AbortSignal): Promise<Result<PhaseTimes, BackendError>>;
  /** Writes the activations of nodes `[start, end)`. */
  spreadActivation(
    request: SpreadActivationRequest,
    output: Float32Array,
    signal?: AbortSignal,
  ): Promise<Result<PhaseTimes, BackendError>>;
  /** Waits for work under way, then frees everything. Later calls fail with kind `'unsupported'`. */
  close(): Promise<void>;
}

/** A backend that can also run the operations synchronously on the caller's thread. */
export interface SyncBackend extends Backend {
  cosineSimilaritySync(request: CosineSimilarityRequest, output: Float32Array): Result<PhaseTimes, BackendError>;
  topKSync(request: TopKRequest, output: TopKOutput): Result<PhaseTimes, BackendError>;
  spreadActivationSync(request: SpreadActivationRequest, output: Float32Array): Result<PhaseTimes, BackendError>;
}

/** `'remote'`: another machine, behind a network. */
export const DEVICE_KINDS = ['cpu', 'gpu', 'remote'] as const;
export type DeviceKind = (typeof DEVICE_KINDS)[number];

export interface BackendDescription {
  readonly id: string;
  readonly kind: DeviceKind;
  /** The model name of the device, such as that of a CPU or GPU. */
  readonly device: string;
  /** Version of the backend package. */
  readonly version: string;
  /** The origin of the code: a published binary, one built on this machine, or plain TypeScript. */
  readonly source: 'prebuilt' | 'local' | 'portable';
  /** Instruction-set level of a CPU, such as `'avx2'`. */
  readonly level?: string | undefined;
  /** Features of a CPU that are used beyond those of the level, such as `'avx512vnni'` and `'amxint8'`; empty when there are none. */
  readonly features?: readonly string[] | undefined;
  /** Driver of a GPU, with its version. */
  readonly driver?: string | undefined;
  /** Threads a CPU backend may use for one request. */
  readonly threads?: number | undefined;
  /** Why no better variant is in use, one line each; empty when this is the best one. */
  readonly limitations: readonly string[];
}

export interface MemoryReading {
  /** `null` when the device does not report it. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  /** Monotonic clock (`performance.now()`) at the reading. */
  readonly readAtMs: number;
}

export interface Residency {
  readonly residentBytes: number;
  /** Bytes that a request with this operand would have to upload first; 0 when the copy is complete. */
  readonly bytesToUpload: number;
}

export interface UnsupportedReason {
  readonly reason: string;
}

/** Durations of the phases of a request. */
export interface PhaseTimes {
  readonly queueMs: number;
  readonly uploadMs: number;
  readonly kernelMs: number;
  readonly downloadMs: number;
  /** Time on the network to another machine and back; absent without a network. */
  readonly networkMs?: number | undefined;
  readonly totalMs: number;
  /**
   * Number of requests that one pass over the operand answered together, this one included; `kernelMs` is this request's share
   * of the pass. Absent for a request that was answered alone.
   */
  readonly mergedRequests?: number | undefined;
  /** The backend cannot measure phases separately: everything is in `kernelMs`. */
  readonly fused: boolean;
}

export const BACKEND_ERROR_KINDS = [
  'invalid-input',
  'out-of-memory',
  'fault',
  'timeout',
  'device-lost',
  'invalid-result',
  'aborted',
  'unsupported',
  /** The network did not transmit the request or its answer; a later request may succeed. */
  'unreachable',
  /** The device holds another version of the operand than the request names, and does not use it. */
  'stale',
] as const;
export type BackendErrorKind = (typeof BACKEND_ERROR_KINDS)[number];

/** Why a device did not do the work. Code decides by `kind` alone; `message` is for people only. */
export interface BackendError {
  readonly kind: BackendErrorKind;
  readonly message: string;
  /** Id of the backend that failed. */
  readonly backend: string;
  readonly nativeCode?: number | undefined;
  readonly requestedBytes?: number | undefined;
  readonly freeBytes?: number | undefined;
}
