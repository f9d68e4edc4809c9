import type { Operand } from './operand.js';
import type { CosineSimilarityRequest } from './operations/cosine-similarity.js';
import type { OperationRequest } from './operations/operations.js';
import type { SpreadActivationRequest } from './operations/spread-activation.js';
import type { TopKOutput, TopKRequest } from './operations/top-k.js';
import type { Result } from './result.js';

/**
 * A device that can run the operations. Methods return failures of the device as a {@link BackendError}. They throw TypeError or
 * RangeError only for wrong arguments, before they use the device.
 */
export interface Backend {
  /** `'cpu'`, `'cuda:0'`, `'webgpu:0'`. */
  readonly id: string;
  readonly kind: DeviceKind;
  /**
   * True if calls may hang, the device may be lost, and results may be wrong, so that attempts need a time limit, a circuit
   * breaker and verification. Default: true for every kind except `'cpu'`.
   */
  readonly isGuarded?: boolean | undefined;
  describe(): BackendDescription;
  memory(): MemoryReading;
  supports(request: OperationRequest): true | UnsupportedReason;
  /** Makes a copy of an operand on the device, so that later requests do not upload it. */
  makeResident?(operand: Operand, signal?: AbortSignal): Promise<Result<PhaseTimes, BackendError>>;
  /** Reads only the id and version of the operand, and the lengths of its arrays. */
  residency?(operand: Operand): Residency;
  /** Drops the copy on the device; requests under way keep it until they end. Reads only the id of the operand. */
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

/** A backend that also runs the operations synchronously, on the calling thread. */
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
  /** Name of the device, such as a CPU or GPU model. */
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
  /** Why no better level is in use, one line for each reason; empty if this is the best one. */
  readonly limitations: readonly string[];
}

export interface MemoryReading {
  /** `null` if unknown. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  /** Monotonic clock (`performance.now()`) at the reading. */
  readonly readAtMs: number;
}

export interface Residency {
  readonly residentBytes: number;
  /** Bytes that a request would have to upload first; 0 with a resident copy. */
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
  /** Time on the network; absent for a device of this machine. */
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
  /** The network failed; a later request may succeed. */
  'unreachable',
  /** The device has another version of the operand than the request. */
  'stale',
] as const;
export type BackendErrorKind = (typeof BACKEND_ERROR_KINDS)[number];

/** Why a device failed. Only `kind` decides what happens next; `message` is for people. */
export interface BackendError {
  readonly kind: BackendErrorKind;
  readonly message: string;
  /** Id of the backend that failed. */
  readonly backend: string;
  readonly nativeCode?: number | undefined;
  readonly requestedBytes?: number | undefined;
  readonly freeBytes?: number | undefined;
}
