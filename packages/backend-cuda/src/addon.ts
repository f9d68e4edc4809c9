import type { Elements } from '@gearshift/contracts';
import type { AddonModule, JobEntries, ResidentEntries } from '@gearshift/native-kit';

/**
 * The interface of the compiled native addon. This is the only file with it, and the only place where the loaded module is
 * cast to a type. All arguments are typed arrays or numbers: C++ receives pointers, counts and scalars. A `dtype` is one of
 * `DTYPE_CODES`, and arrays of elements must be of its kind; a `scale` has a meaning for int8 alone.
 *
 * A status of 0 is success, and one below 0 is one of `ADDON_STATUS`; then {@link CudaAddon.readReport} and
 * {@link CudaAddon.failedCall} return the details. Entries throw a TypeError or RangeError for invalid arguments: a mistake of
 * this package, never of its user.
 */
export interface CudaAddon extends AddonModule, ResidentEntries, JobEntries {
  /**
   * The device with this number, which all threads of the process share. `hangMs`: how long a piece of work, normally a few
   * milliseconds, may take before the device counts as hung; the first call for a device sets it.
   */
  openDevice(ordinal: number, hangMs: number): OpenedDevice;
  closeDevice(device: number): void;
  /** 0 without a driver. */
  countDevices(): number;
  /** Writes free and total bytes into the first two numbers; returns a status. */
  readMemory(device: number, numbers: Float64Array): number;
  /** Whether no thread of the addon waits for the device. */
  isIdle(device: number): boolean;

  /**
   * A handle (above 0) to the copy of an operand in this process, which is created if no thread has it yet, or a status.
   * `companion`: one of {@link COMPANION_CODES}; omitted if there is not enough memory for it.
   */
  openMatrix(
    device: number,
    id: number,
    version: number,
    rows: number,
    dimensions: number,
    companion: number,
    dtype: number,
    scale: number,
  ): number;
  /**
   * The same for a copy of some rows, for one request: `rows` from `first` on, or the candidates, which are copied. Requests use
   * the row numbers of the whole matrix.
   */
  openRows(
    device: number,
    first: number,
    rows: number,
    dimensions: number,
    candidates: Uint32Array | undefined,
    dtype: number,
    scale: number,
  ): number;
  /**
   * Turns the ready copy of a matrix into one of another version with rows `[start, end)` to be filled by the caller. The handle
   * stays the same. Returns 0, without a change, when others use the copy.
   */
  updateMatrix(handle: number, version: number, start: number, end: number): number;
  openGraph(device: number, id: number, version: number, nodes: number, edges: number): number;
  /**
   * Uploads for about this time, as float32; 1 when everything has arrived, 0 when there is more to do, else a status. Then the
   * copy is complete, but no thread may use it before {@link markReady}.
   */
  fillMatrix(handle: number, values: Elements, sliceMs: number): number;
  /** Lets all threads use a matrix that this handle has filled. If it is released instead, the next thread fills the copy anew. */
  markReady(handle: number): void;
  /** The same as {@link fillMatrix} for a graph, which is ready at once. */
  fillGraph(
    handle: number,
    rowPointers: Uint32Array,
    columns: Uint32Array,
    weights: Float32Array,
    sliceMs: number,
  ): number;

  /**
   * A request on a ready copy. Inputs are copied before the call returns. Without `done` it runs on this thread, and a
   * status is returned. With `done` it runs on a thread of the addon, a number above 0 for {@link JobEntries.cancel} is returned (or a
   * status), and outputs are copied into the caller's arrays on this thread right before `done` is called.
   *
   * @param words of the row set that is considered, from the word of row `start` on; without candidates. Other rows score NaN
   * @param rowsInWords how many rows of the range are in it; 0 without words
   */
  score(
    handle: number,
    query: Float32Array,
    metric: number,
    start: number,
    end: number,
    candidates: Uint32Array | undefined,
    words: Uint32Array | undefined,
    rowsInWords: number,
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
    words: Uint32Array | undefined,
    rowsInWords: number,
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

  /** Report of the last call on this thread: native code, requested bytes, then milliseconds of upload, kernels and download. */
  readReport(numbers: Float64Array): void;
  /** The driver call that failed last on this thread, or an empty string. */
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

/** Incremented with every change of an entry of {@link CudaAddon}. */
export const ADDON_ABI = 6;

/** Codes of rows are for CPUs: a GPU keeps none. */
export const COMPANION_CODES = { auto: 0, none: 0, float16: 1, int8: 2, codes: 0 } as const;

/** The loader has checked that the module is the addon with this version and interface. */
export function asCudaAddon(module: AddonModule): CudaAddon {
  return module as CudaAddon;
}
