import type { Operand } from './operand.js';
import type { CosineSimilarityRequest } from './operations/cosine-similarity.js';
import type { OperationRequest } from './operations/operations.js';
import type { SpreadActivationRequest } from './operations/spread-activation.js';
import type { TopKOutput, TopKRequest } from './operations/top-k.js';
import type { Result } from './result.js';

/**
 * A device that can run the operations. Methods never throw for the world's failures: these come back as a
 * {@link BackendError}. They throw TypeError or RangeError for a caller's mistake, before touching the device.
 */
export interface Backend {
  /** `'cpu'`, `'cuda:0'`, `'webgpu:0'`. */
  readonly id: string;
  readonly kind: DeviceKind;
  /**
   * Its calls may hang, its device may vanish, and its answers may be wrong, so that attempts need a limit on time, a circuit
   * breaker and verification. Default: true for every kind but `'cpu'`.
   */
  readonly isGuarded?: boolean | undefined;
  describe(): BackendDescription;
  memory(): MemoryReading;
  supports(request: OperationRequest): true | UnsupportedReason;
  /** Makes the device's own copy of an operand, so that later requests move no data. */
  makeResident?(operand: Operand, signal?: AbortSignal): Promise<Result<PhaseTimes, BackendError>>;
  /** Looks at the operand's id and version, and at its arrays for their length alone. */
  residency?(operand: Operand): Residency;
  /** Drops the device's copy; requests under way keep it until they end. Looks at the operand's id alone. */
  release?(operand: Operand): void;
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

/** What a backend on the caller's own thread offers besides: the same operations without a promise. */
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
  /** What a person calls the device, such as a CPU or GPU model. */
  readonly device: string;
  /** Version of the package that drives it. */
  readonly version: string;
  /** Where the code came from: a published binary, one built on this machine, or plain TypeScript. */
  readonly source: 'prebuilt' | 'local' | 'portable';
  /** Instruction-set level of a CPU, such as `'avx2'`. */
  readonly level?: string | undefined;
  /** Driver of a GPU, with its version. */
  readonly driver?: string | undefined;
  /** Threads a CPU backend may use for one request. */
  readonly threads?: number | undefined;
  /** Why nothing better is in use, one line each; empty when this is the best there is. */
  readonly limitations: readonly string[];
}

export interface MemoryReading {
  /** `null` where the device does not tell. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  /** Monotonic clock (`performance.now()`) at the reading. */
  readonly readAtMs: number;
}

export interface Residency {
  readonly residentBytes: number;
  /** Bytes that a request naming the operand would have to move first; 0 when the copy is there. */
  readonly bytesToUpload: number;
}

export interface UnsupportedReason {
  readonly reason: string;
}

/** How long the phases of a request took. */
export interface PhaseTimes {
  readonly queueMs: number;
  readonly uploadMs: number;
  readonly kernelMs: number;
  readonly downloadMs: number;
  /** On the way to another machine and back; absent where there is no network between. */
  readonly networkMs?: number | undefined;
  readonly totalMs: number;
  /** The backend cannot tell phases apart: everything is in `kernelMs`. */
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
  /** The network between does not carry the request or its answer; another time it may. */
  'unreachable',
  /** The device holds another version of the operand than the request names, and gives no answer from it. */
  'stale',
] as const;
export type BackendErrorKind = (typeof BACKEND_ERROR_KINDS)[number];

/** Why a device did not do the work. `kind` decides everything downstream; `message` is for people only. */
export interface BackendError {
  readonly kind: BackendErrorKind;
  readonly message: string;
  /** Id of the backend that failed. */
  readonly backend: string;
  readonly nativeCode?: number | undefined;
  readonly requestedBytes?: number | undefined;
  readonly freeBytes?: number | undefined;
}
