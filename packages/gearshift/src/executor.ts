import type {
  Backend,
  BackendDescription,
  Companion,
  CompanionState,
  Completed,
  CosineSimilarityRequest,
  CsrGraph,
  CsrParts,
  DispatchPolicy,
  Dtype,
  Edge,
  Elements,
  Float16Elements,
  Metric,
  OperationName,
  OutputOf,
  PartialAnswer,
  PlacedFiles,
  PlacedMatrix,
  PolicySnapshot,
  Result,
  RowRange,
  RowSetLike,
  RowSpan,
  RunError,
  SpreadActivationRequest,
  TopKOutput,
  TopKRequest,
  VectorMatrix,
} from '@gearshift/contracts';
import type {
  ChangeableOptions,
  DispatchSnapshot,
  FallbackMode,
  HangLimits,
  MemoryLimits,
} from '@gearshift/dispatcher';
import type { Calibration, CalibrationError, CalibrationImport } from '@gearshift/policies';
import type {
  GraphHandle,
  MatrixFile,
  PinnedMatrix,
  RowElements,
  RowUpdate,
  RowValues,
  SaveOptions,
  StoredHandle,
} from '@gearshift/storage';
import type { Tracker } from '@gearshift/tracker';
import type { MatrixValues } from './matrix-from-values.js';

/**
 * Runs each request about vectors or a graph on the device that suits it.
 *
 * Belongs to one thread; any number of requests may be under way. The methods named after operations return the bare
 * output, and throw
 * - TypeError or RangeError for wrong arguments, before any device is used,
 * - the signal's reason (an `AbortError` unless you gave another one) after an abort,
 * - {@link DeadlineExceededError} after the deadline,
 * - {@link OverloadedError} when {@link ExecutorOptions.maxPending} requests were under way,
 * - {@link AllDevicesFailedError} when every allowed device failed.
 *
 * {@link run} throws only for wrong arguments; its result contains every other failure.
 */
export interface Executor extends AsyncDisposable {
  /**
   * Makes a matrix that belongs to this executor until it is disposed: of float32 vectors, or in fewer bits with
   * {@link MatrixOptions.dtype}.
   *
   * Copies the values once, into memory that all threads share and the CPU reads in place, and computes the norms of all rows,
   * so that the first query does not pay for it.
   *
   * @param values all rows one after the other, with `dimensions`: a Float32Array, a Float16Array, a Uint16Array of the bits of float16
   * or bfloat16, or an Int8Array; or an array of equally long rows of numbers
   * @returns a matrix that grows and changes in place. `postMessage` sends it to another thread without the rows. Disposing it
   * gives back its memory on the host and on every device as soon as requests under way have ended; any later use throws
   * TypeError.
   */
  matrix(
    values: Float32Array | ArrayLike<ArrayLike<number>>,
    options?: MatrixOptions & { readonly dtype?: 'float32' | undefined },
  ): Promise<Float32Matrix>;
  matrix(values: MatrixValues, options?: MatrixOptions): Promise<OwnedMatrix>;

  /**
   * Opens a file that {@link OwnedMatrix.save} made. The rows are read from it when they are used first, if native code can map
   * it into memory, so opening takes no longer for a large file; processes that open the same file share its memory.
   *
   * The matrix refuses changes unless it is opened with `writable`. Then each change is durable when its promise resolves.
   *
   * @throws FileError for a file that cannot be read, is damaged, or is open for writing elsewhere
   */
  open(path: string | URL, options?: OpenOptions): Promise<OwnedMatrix>;

  /**
   * The matrix or graph behind a handle that another thread sent with `postMessage`, with its methods. Requests take the handle
   * itself too. Every request is answered from the version that is the newest when it begins.
   */
  attach(handle: StoredHandle | OwnedMatrix): OwnedMatrix;
  attach(handle: GraphHandle | OwnedGraph): OwnedGraph;

  /**
   * Makes a graph that belongs to this executor until it is disposed. Copies the edges once, into memory that all threads share.
   *
   * @returns a graph that does not change. `postMessage` sends it to another thread without the edges. Disposing it gives back
   * its memory on the host and on every device as soon as requests under way have ended; any later use throws TypeError.
   */
  graph(source: GraphSource, options?: GraphOptions): Promise<OwnedGraph>;

  /**
   * Lets other machines load rows by themselves, on the first backend that can place matrices, such as that of
   * `@gearshift/backend-cluster`. The rows never enter this process.
   *
   * Placing again under the same name makes a new generation. {@link placed} gives the old one until all of the new one is loaded; then
   * that is dropped, and requests for it fail with the kind `'stale'`.
   *
   * @param name which every process that uses the same machines shares
   * @throws TypeError without such a backend, or for wrong arguments; {@link AllDevicesFailedError} when the machines cannot load the
   * files; the signal's reason after an abort
   */
  place(name: string, source: PlacedFiles, options?: PlaceOptions): Promise<PlacedMatrix>;
  /** The newest complete generation of a placed matrix, whichever process placed it; undefined if there is none. */
  placed(name: string): PlacedMatrix | undefined;

  /** One score per row, NaN for rows outside of `where`; `queries x rows`, row-major, for several queries. */
  cosineSimilarity(
    query: Vector,
    matrix: VectorMatrix | PlacedMatrix,
    options?: CosineSimilarityOptions,
  ): Promise<Float32Array>;

  /** The `k` best rows, best first; `queries x count` entries for several queries. */
  topK(query: Vector, matrix: VectorMatrix | PlacedMatrix, options: TopKOptions): Promise<TopKOutput>;

  /** The activation of every node after spreading. */
  spreadActivation(graph: CsrGraph, activations: Vector, options?: SpreadActivationOptions): Promise<Float32Array>;

  /** {@link cosineSimilarity} on the CPU, synchronously: blocks the event loop until it is done. */
  cosineSimilaritySync(
    query: Vector,
    matrix: VectorMatrix,
    options?: Omit<CosineSimilarityOptions, keyof LimitOptions>,
  ): Float32Array;
  /** {@link topK} on the CPU, synchronously: blocks the event loop until it is done. */
  topKSync(query: Vector, matrix: VectorMatrix, options: Omit<TopKOptions, keyof LimitOptions>): TopKOutput;
  /** {@link spreadActivation} on the CPU, synchronously: blocks the event loop until it is done. */
  spreadActivationSync(
    graph: CsrGraph,
    activations: Vector,
    options?: Omit<SpreadActivationOptions, keyof LimitOptions>,
  ): Float32Array;

  /** Runs any operation and returns the output, the decision, every attempt and the times, or the error. */
  run<R extends RunRequest>(request: R, options?: RunOptions<R>): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /**
   * Continues a request that ended early, from the `partial` of its error: computes only the remaining items. Finished
   * items stay the same, bit for bit. Fails with kind `'invalid-input'` if the operand has changed since.
   */
  resume<R extends RunRequest>(
    request: R,
    partial: PartialAnswer,
    options?: LimitOptions,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /** Changes options for later requests. Requests under way keep the options they began with. */
  updateOptions(options: ChangeableOptions): void;

  /**
   * The state of an operation at one instant: measurements, number of decisions by reason, predictions, and the state of
   * every device (breaker, memory, resident copies, queue).
   */
  snapshot(operation: OperationName): ExecutorSnapshot;
  /** The learned speeds of the devices, as plain data for {@link ExecutorOptions.calibration} of another process. */
  exportCalibration(): Calibration;
  /** Imports speeds that were learned on the same devices; the result names the parts left out, and why. */
  importCalibration(calibration: Calibration): Result<CalibrationImport, CalibrationError>;
  /** The devices in use, in order of preference. */
  backends(): BackendDescription[];
  /** The configuration: every backend that was looked for, and why one is missing. */
  describe(): ExecutorDescription;
  /** Whether rankings of a matrix use a companion, and why not. */
  describe(matrix: VectorMatrix | PlacedMatrix): MatrixDescription;
  readonly tracker: Tracker;

  /**
   * Waits for requests under way, then closes the backends that this executor opened. Backends passed to it stay open.
   * Later requests throw TypeError. Further calls return the same promise.
   */
  close(): Promise<void>;
}

/** A query or activations. Several queries are one after the other, `queries x dimensions`, with the option `queries`. */
export type Vector = Float32Array | Float16Elements | readonly number[];

/** Backends that {@link createExecutor} finds by name. GPU backends are separate packages. */
export type BackendName = 'cpu' | 'cuda' | 'webgpu';

export interface ExecutorOptions {
  /**
   * Names, or backends of your own, which you close yourself, in order of preference. Default: the installed GPU backends,
   * then the CPU. Only the named backends are looked for: `['cpu']` does not look for a GPU.
   */
  readonly backends?: readonly (Backend | BackendName)[] | undefined;
  /** Default `adaptivePolicy()`. */
  readonly policy?: DispatchPolicy | undefined;
  /** With `'never'`, a request fails if the device chosen for it fails. Default `'cpu'`. */
  readonly fallback?: FallbackMode | undefined;
  /** Limits on the memory of each GPU, by default 80 % of what is free there, and on that of the host for companions. */
  readonly memory?: ExecutorMemory | undefined;
  /** Verifies one in this many GPU results on the CPU; 0 for none. Default 1000. */
  readonly verifyEveryNth?: number | undefined;
  /** Time after which an attempt on a GPU counts as hung and is abandoned. */
  readonly hangLimits?: HangLimits | undefined;
  /**
   * So many requests may be under way; more are refused at once, instead of waiting longer and longer. At least 1, default
   * Infinity.
   */
  readonly maxPending?: number | undefined;
  /**
   * Speeds that another process learned, from {@link Executor.exportCalibration}. Parts for other devices are left out;
   * {@link Executor.describe} says why.
   */
  readonly calibration?: Calibration | undefined;
  /** Must know all operations of `OPERATIONS`; may be shared with other threads. Default: a new one. */
  readonly tracker?: Tracker | undefined;
  /** Threads that the CPU backend may use for one request. Default: the number of CPUs available to the process. */
  readonly threads?: number | undefined;
  /**
   * The CPU answers `topK` requests that arrive while the same rows are being scanned with one further scan for all of them.
   * Every ranking stays the same, bit for bit; nothing waits when nothing runs. Default true.
   */
  readonly coalesce?: boolean | undefined;
}

export interface ExecutorMemory extends MemoryLimits {
  /**
   * How many bytes of host memory the companions may take that the CPU makes automatically ({@link MatrixOptions.companion}), together
   * with those that matrices ask for; 0 for none. Those of files are not counted. Only for the CPU backend that this executor opens. Default:
   * half of the memory that is free when one is to be made.
   */
  readonly companionBytes?: number | undefined;
}

export interface MatrixOptions {
  /** Elements per row. Required with a Float32Array and with an empty array. */
  readonly dimensions?: number | undefined;
  /**
   * The type in which the rows are kept; scores are float32 for every type. Numbers are rounded once to the nearest element; int8
   * saturates at -127 and 127 times `scale`. Default: that of the given array; for rows of numbers float32. A Uint16Array needs it.
   */
  readonly dtype?: Dtype | undefined;
  /**
   * Of int8: the value of an element is `element * scale`, with the scale rounded to float32. Default: the one with which the largest
   * given number becomes 127; for an Int8Array 1.
   */
  readonly scale?: number | undefined;
  /**
   * Use the array itself instead of a copy. Change it only while no request is under way, and announce the change with
   * `markChanged`; rows cannot be appended or removed. In a SharedArrayBuffer it is read in place, and other threads receive
   * it without copying. Default false.
   */
  readonly adopt?: boolean | undefined;
  /** Expected number of requests: helps the policy to decide on an upload to a GPU. Default: unknown. */
  readonly expectedUses?: number | undefined;
  /** Keep it on the GPU that suits it, and never evict it. Default false. */
  readonly pin?: boolean | undefined;
  /**
   * What a device also keeps of the rows in fewer bits, which makes top-k faster with the same result: `'codes'` on the CPU, `'float16'`
   * or `'int8'` on a GPU; or `'none'`. Default `'auto'`: the CPU makes codes in the background once they would have saved as much time as
   * that takes, within {@link ExecutorMemory.companionBytes}.
   */
  readonly companion?: Companion | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface OpenOptions {
  /**
   * Changes of the matrix go to the file. One matrix at a time can be open for writing; others that opened the file keep the
   * state that they opened. Default false.
   */
  readonly writable?: boolean | undefined;
  /**
   * `'copy'` reads all rows into memory at once. `'map'` reads them when they are used; if another program makes the file
   * shorter meanwhile, the process ends with the signal SIGBUS. Default `'map'`, or `'copy'` where mapping is not possible.
   */
  readonly mode?: 'map' | 'copy' | undefined;
  /** Read the whole file and compare every checksum. Default false. */
  readonly verify?: boolean | undefined;
  /** Expected number of requests: helps the policy to decide on an upload to a GPU. Default: unknown. */
  readonly expectedUses?: number | undefined;
  /** Keep it on the GPU that suits it, and never evict it. Default false. */
  readonly pin?: boolean | undefined;
  /**
   * What a device also keeps of the rows in fewer bits, which makes top-k faster with the same result: `'codes'` on the CPU, `'float16'`
   * or `'int8'` on a GPU; or `'none'`. Default `'auto'`: the CPU makes codes in the background once they would have saved as much time as
   * that takes, within {@link ExecutorMemory.companionBytes}. With `'auto'` and `'codes'` those of the file are used from the first search
   * on.
   */
  readonly companion?: Companion | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A matrix of an executor. Requests under way are answered from the version they began with, whatever changes meanwhile; a
 * change is visible to later requests as soon as its method returns.
 */
export interface OwnedMatrix extends VectorMatrix, AsyncDisposable {
  /** The rows of the newest version, in place. Change them with {@link update} only. */
  readonly values: Elements;
  /** The file that {@link Executor.open} opened; undefined for any other matrix. */
  readonly file: MatrixFile | undefined;
  /** Number of rows that are not removed. */
  readonly liveRows: number;
  /** A copy of a row in float32, also of a removed one. */
  row(row: number): Float32Array;
  /** Adds rows at the end, without copying the others; returns their numbers. */
  append(rows: RowValues): Promise<RowSpan>;
  /** Replaces the values of a row. */
  update(row: number, values: RowElements): Promise<void>;
  /** Replaces the values of several rows. */
  update(update: RowUpdate): Promise<void>;
  /** Removes rows: no ranking contains them, and their cosine similarity is NaN. Other rows keep their numbers. */
  remove(rows: number | readonly number[] | Uint32Array): Promise<void>;
  /**
   * Gives back the memory of removed rows by moving the others together. Returns for each old row its new number, or
   * `REMOVED_ROW`. Other threads have to get the matrix again.
   */
  compact(): Promise<Uint32Array>;
  /**
   * Writes the newest version to a file, for {@link Executor.open}. Requests and changes go on meanwhile. At any time, also
   * after a power failure, the file is the old one or the new one.
   *
   * @throws FileError, for example when the disk is full; the signal's reason after an abort
   */
  save(path: string | URL, options?: SaveOptions): Promise<void>;
  /** Keeps the newest version as it is for several requests, until `Symbol.dispose`. */
  pin(): PinnedMatrix;
}

/** A matrix of float32 elements. */
export interface Float32Matrix extends OwnedMatrix {
  readonly values: Float32Array;
}

/** A graph of an executor. Its arrays are views of its memory: read them only, and not after its disposal. */
export type OwnedGraph = CsrGraph & AsyncDisposable;

/** A list of edges, or arrays in compressed-row form. */
export type GraphSource = EdgeList | CsrParts;

export interface EdgeList {
  readonly nodes: number;
  readonly edges: Iterable<Edge>;
}

export interface GraphOptions {
  /** Use the arrays in compressed-row form themselves instead of copies. Default false. */
  readonly adopt?: boolean | undefined;
  /** Expected number of requests: helps the policy to decide on an upload to a GPU. Default: unknown. */
  readonly expectedUses?: number | undefined;
  /** Keep it on the GPU that suits it, and never evict it. Default false. */
  readonly pin?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PlaceOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Limits on the time of a request. */
export interface LimitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole request in milliseconds, from the call on. Taken into account in the decision. Default Infinity. */
  readonly deadlineMs?: number | undefined;
}

export interface CosineSimilarityOptions extends RowRange, LimitOptions {
  /** Number of query vectors, one after the other in `query`. Default 1. */
  readonly queries?: number | undefined;
  /** Only these rows are scored; other rows score NaN. A RowSet or its data, with a `rowCount` of at most `matrix.rows`. */
  readonly where?: RowSetLike | undefined;
}

export interface TopKOptions extends RowRange, LimitOptions {
  /** At least 1; clamped to the number of rows considered. */
  readonly k: number;
  /** Default `'cosine'`. */
  readonly metric?: Metric | undefined;
  /** Only these rows are considered. A RangeError for a repeated row. */
  readonly candidates?: Uint32Array | readonly number[] | undefined;
  /** Number of query vectors, one after the other in `query`. Default 1. */
  readonly queries?: number | undefined;
  /**
   * Only these rows are considered; with `candidates`, only rows that are in both. A RowSet or its data, with a `rowCount` of at most
   * `matrix.rows`.
   */
  readonly where?: RowSetLike | undefined;
  /**
   * Only rows that score at least as well are ranked: at or above it for cosine and dot, at or below it for euclidean, which is a
   * distance. With several queries the output has a count for each in `counts`.
   */
  readonly minScore?: number | undefined;
}

export interface SpreadActivationOptions extends LimitOptions {
  /** Default 1. */
  readonly hops?: number | undefined;
  /** Default 0.85. */
  readonly decay?: number | undefined;
  /** Default 0. */
  readonly retention?: number | undefined;
  /** Default 0. */
  readonly threshold?: number | undefined;
}

/** A request of an operation. Unlike in a request for a backend, arrays of numbers are accepted in place of typed arrays. */
export type RunRequest =
  | WithNumbers<CosineSimilarityRequest, 'query'>
  | WithNumbers<SpreadActivationRequest, 'activations'>
  | WithNumbers<Omit<TopKRequest, 'candidates'> & Pick<TopKOptions, 'candidates'>, 'query'>;

type WithNumbers<Request, Name extends keyof Request> = Omit<Request, Name> & Readonly<Record<Name, Vector>>;

export interface RunOptions<R extends RunRequest> extends LimitOptions {
  /** Receives the output. Default: a new one. */
  readonly output?: OutputOf<R> | undefined;
}

export type ExecutorSnapshot = DispatchSnapshot;

export interface ExecutorDescription {
  readonly backends: readonly BackendStatus[];
  readonly policy: PolicySnapshot;
  readonly fallback: FallbackMode;
  /** Result of importing {@link ExecutorOptions.calibration}; `null` without one. */
  readonly calibration: Result<CalibrationImport, CalibrationError> | null;
}

export interface MatrixDescription {
  readonly id: number;
  readonly version: number;
  /** One for each backend that says whether its rankings use a companion: the CPU, and a GPU through WebGPU. */
  readonly companions: readonly CompanionState[];
}

/** State of one backend that was requested or looked for. */
export interface BackendStatus {
  /** The name in {@link ExecutorOptions.backends}, or the id of a backend passed there. */
  readonly name: string;
  readonly status: 'ready' | 'not-installed' | 'failed';
  /** Why it is not ready, and how to fix that; `null` if it is ready. */
  readonly reason: string | null;
  /** `null` if it is not ready. */
  readonly description: BackendDescription | null;
}
