/**
 * What the native addon offers, exactly as it is compiled. The only file that knows, and the only place where the loaded
 * module is cast to a type. Everything that is no typed array is a number: C++ receives pointers, counts and scalars.
 *
 * Where an entry gives a status, 0 is success, and below 0 is the negated number of an {@link ADDON_STATUS}; then
 * {@link CudaAddon.readReport} and {@link CudaAddon.failedCall} tell more. Entries throw TypeError or RangeError for
 * arguments that cannot be: a mistake of this package, never of its user.
 */
export interface CudaAddon {
  /** {@link ADDON_ABI} at the time of the build. */
  readonly abi: number;
  /** Version of the package that the addon was built for. */
  readonly version: string;

  /**
   * The device with this number, which all threads of the process share. `hangMs`: how long a piece of work, which takes
   * some milliseconds by design, may take before the device counts as hung; the first to open a device decides.
   */
  openDevice(ordinal: number, hangMs: number): OpenedDevice;
  closeDevice(device: number): void;
  /** 0 without a driver. */
  countDevices(): number;
  /** Free and total bytes into the first two numbers; a status. */
  readMemory(device: number, numbers: Float64Array): number;
  /** Whether no thread of the addon waits for the device. */
  isIdle(device: number): boolean;

  /**
   * A handle (above 0) to the process's copy of an operand, which is made if no thread has it yet, or a status. `companion`: one of
   * {@link COMPANION_CODES}; where there is no memory for it, there is none.
   */
  openMatrix(device: number, id: number, version: number, rows: number, dimensions: number, companion: number): number;
  /**
   * The same for a copy of some rows, for one request: `rows` from `first` on, or the candidates, which are copied. Requests
   * name rows by their numbers in the whole matrix.
   */
  openRows(
    device: number,
    first: number,
    rows: number,
    dimensions: number,
    candidates: Uint32Array | undefined,
  ): number;
  /**
   * Makes the ready copy of a matrix one of another version, of which rows `[start, end)` are to be filled. The handle stays
   * and is the caller's to fill. 0 when others use the copy: then nothing happened.
   */
  updateMatrix(handle: number, version: number, start: number, end: number): number;
  openGraph(device: number, id: number, version: number, nodes: number, edges: number): number;
  /** One of {@link RESIDENT_STATE}. A copy that another thread began and left behind becomes the asker's to fill. */
  operandState(handle: number): number;
  /** 0 until the copy is ready. */
  operandBytes(handle: number): number;
  /** Uploads for about so long; 1 when the copy is ready, 0 when there is more to do, else a status. */
  fillMatrix(handle: number, values: Float32Array, sliceMs: number): number;
  fillGraph(
    handle: number,
    rowPointers: Uint32Array,
    columns: Uint32Array,
    weights: Float32Array,
    sliceMs: number,
  ): number;
  /** Whether a ready copy holds these values, by a sample of them: tells two operands that carry the same id apart. */
  matchesMatrix(handle: number, values: Float32Array): boolean;
  release(handle: number): void;

  /**
   * A request on a ready copy. Inputs are copied before the call returns. Without `done` it runs on this thread, and a
   * status is returned. With `done` it runs on a thread of the addon, a number above 0 for {@link cancel} is returned (or a
   * status), and outputs are copied into the caller's arrays on this thread right before `done` is called.
   */
  score(
    handle: number,
    query: Float32Array,
    metric: number,
    start: number,
    end: number,
    candidates: Uint32Array | undefined,
    output: Float32Array,
    done?: JobDone,
  ): number;
  topK(
    handle: number,
    query: Float32Array,
    metric: number,
    start: number,
    end: number,
    candidates: Uint32Array | undefined,
    k: number,
    indices: Uint32Array,
    scores: Float32Array,
    done?: JobDone,
  ): number;
  spread(
    handle: number,
    activations: Float32Array,
    start: number,
    end: number,
    hops: number,
    decay: number,
    retention: number,
    threshold: number,
    output: Float32Array,
    done?: JobDone,
  ): number;
  /** Asks a request to end at the next opportunity; one that has ended already is left alone. */
  cancel(job: number): void;

  /** Of the last call on this thread: native code, requested bytes, then milliseconds of upload, kernels and download. */
  readReport(numbers: Float64Array): void;
  /** The call of the driver that failed last on this thread, or an empty text. */
  failedCall(): string;
}

export interface OpenedDevice {
  readonly status: number;
  /** On success. */
  readonly handle: number;
  readonly name: string;
  readonly computeMajor: number;
  readonly computeMinor: number;
  /** CUDA version of the driver: 1000 * major + 10 * minor. */
  readonly driverVersion: number;
  /** On failure: the driver's code, or 0, and a sentence for people. */
  readonly code: number;
  readonly reason: string;
}

/** Called once on the thread that started the request. */
export type JobDone = (
  status: number,
  queueMs: number,
  uploadMs: number,
  kernelMs: number,
  downloadMs: number,
  nativeCode: number,
  requestedBytes: number,
  failedCall: string,
) => void;

/** Raised whenever an entry of {@link CudaAddon} changes. */
const ADDON_ABI = 3;

/** Why an entry did not do its work. */
export const ADDON_STATUS = {
  outOfMemory: -1,
  cancelled: -2,
  fault: -3,
  timeout: -4,
  deviceLost: -5,
  inputGone: -6,
  outputGone: -7,
  shapeConflict: -8,
  invalidGraph: -9,
  noHostMemory: -10,
  invalidResult: -11,
  noThread: -12,
} as const;

export const RESIDENT_STATE = {
  ready: 0,
  /** The asker fills it. */
  ours: 1,
  /** Another thread is, or another handle of this one. */
  theirs: 2,
} as const;

export const COMPANION_CODES = { none: 0, float16: 1, int8: 2 } as const;

export const METRIC_CODES = { cosine: 0, dot: 1, euclidean: 2 } as const;

/** A loaded module as the addon, after checking that it is one of this ABI and version; else what is wrong with it. */
export function asCudaAddon(
  module: unknown,
  version: string,
): { readonly addon: CudaAddon } | { readonly problem: string } {
  if (typeof module !== 'object' || module === null || !('abi' in module) || !('version' in module)) {
    return { problem: 'it is not the CUDA addon of Gearshift' };
  }
  if (module.version !== version) {
    return { problem: `it was built for version ${String(module.version)}, this package is version ${version}` };
  }
  if (module.abi !== ADDON_ABI) {
    return { problem: `it has interface ${String(module.abi)}, this package needs interface ${ADDON_ABI}` };
  }
  return { addon: module as unknown as CudaAddon };
}
