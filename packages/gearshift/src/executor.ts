import type {
  Backend,
  BackendDescription,
  Companion,
  Completed,
  CsrGraph,
  CsrParts,
  DispatchPolicy,
  Edge,
  Metric,
  OperationName,
  OperationRequest,
  OutputOf,
  PartialAnswer,
  PolicySnapshot,
  Result,
  RowRange,
  RowSet,
  RunError,
  TopKOutput,
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
import type { Tracker } from '@gearshift/tracker';

/**
 * Answers requests about vectors and graphs on the device that suits each.
 *
 * Belongs to one thread; any number of requests may be under way. The methods named after operations return the bare
 * answer, and throw
 * - TypeError or RangeError for a mistake of the caller, before any device is touched,
 * - the signal's reason (an `AbortError` unless you gave another) after an abort,
 * - {@link DeadlineExceededError} when the time allowed was over,
 * - {@link AllDevicesFailedError} when every allowed device failed.
 *
 * {@link run} throws for the caller's mistakes alone, and tells everything else in its result.
 */
export interface Executor extends AsyncDisposable {
  /**
   * Makes a matrix of float32 vectors that belongs to this executor until it is disposed.
   *
   * The values are copied once into shared memory, and once more into the CPU's resident copy with the norms of all rows,
   * here rather than at the first query. When there is no memory for the resident copy, requests go without.
   *
   * @param values rows one after the other, with `dimensions`; or an array of equally long rows of numbers.
   * @returns plain data besides its disposal: `postMessage` carries it to another thread, without copying the values.
   * Disposing it releases the copies on every device; any later use throws TypeError.
   */
  matrix(values: Float32Array | ArrayLike<ArrayLike<number>>, options?: MatrixOptions): Promise<OwnedMatrix>;

  /** Makes a graph that belongs to this executor until it is disposed, with its own copy of the edges. */
  graph(source: GraphSource, options?: GraphOptions): Promise<OwnedGraph>;

  /** One score per row; `queries x rows`, row-major, for several queries. */
  cosineSimilarity(query: Vector, matrix: VectorMatrix, options?: CosineSimilarityOptions): Promise<Float32Array>;

  /** The `k` best rows, best first; `queries x count` entries for several queries. */
  topK(query: Vector, matrix: VectorMatrix, options: TopKOptions): Promise<TopKOutput>;

  /** The activation of every node after spreading. */
  spreadActivation(graph: CsrGraph, activations: Vector, options?: SpreadActivationOptions): Promise<Float32Array>;

  /** The twin of {@link cosineSimilarity} on the CPU; blocks the event loop for as long as the work takes. */
  cosineSimilaritySync(
    query: Vector,
    matrix: VectorMatrix,
    options?: Omit<CosineSimilarityOptions, keyof LimitOptions>,
  ): Float32Array;
  /** The twin of {@link topK} on the CPU; blocks the event loop for as long as the work takes. */
  topKSync(query: Vector, matrix: VectorMatrix, options: Omit<TopKOptions, keyof LimitOptions>): TopKOutput;
  /** The twin of {@link spreadActivation} on the CPU; blocks the event loop for as long as the work takes. */
  spreadActivationSync(
    graph: CsrGraph,
    activations: Vector,
    options?: Omit<SpreadActivationOptions, keyof LimitOptions>,
  ): Float32Array;

  /** Any operation, with the whole story: output, decision, every attempt and the times, or why there is no answer. */
  run<R extends OperationRequest>(
    request: R,
    options?: RunOptions<R>,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /**
   * Goes on with a request that ended early, from the `partial` of its error: does what remains and nothing else. What was
   * finished stays as it is, bit for bit; refused with kind `'invalid-input'` when the operand has changed since.
   */
  resume<R extends OperationRequest>(
    request: R,
    partial: PartialAnswer,
    options?: LimitOptions,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /** Changes options for the requests to come; those under way go on as they began. */
  updateOptions(options: ChangeableOptions): void;

  /**
   * Everything about an operation as of one instant: what was measured, how often was decided for which reason, what is
   * predicted, and the state of every device (breaker, memory, resident copies, queue).
   */
  snapshot(operation: OperationName): ExecutorSnapshot;
  /** What was learned about the devices, as plain data for {@link ExecutorOptions.calibration} of another process. */
  exportCalibration(): Calibration;
  /** Takes over what was learned on the same devices; tells what was left out, and why. */
  importCalibration(calibration: Calibration): Result<CalibrationImport, CalibrationError>;
  /** The devices in use, in order of preference. */
  backends(): BackendDescription[];
  /** How this executor is set up: every backend it looked for, and why those that are missing are. */
  describe(): ExecutorDescription;
  readonly tracker: Tracker;

  /**
   * Waits for requests under way, then closes the backends that this executor opened; backends that were handed in stay
   * open. Later requests throw TypeError. Closing again waits for the same end.
   */
  close(): Promise<void>;
}

/** A query or activations; several queries are one Float32Array of `queries x dimensions`. */
export type Vector = Float32Array | readonly number[];

/** Backends that {@link createExecutor} finds by name; those of a GPU are packages to be installed besides. */
export type BackendName = 'cpu' | 'cuda' | 'webgpu';

export interface ExecutorOptions {
  /**
   * In order of preference: names, or backends of your own making, which stay yours to close. Default: the GPU backends
   * that are installed, and the CPU. No name, no probing: `['cpu']` touches nothing but the CPU.
   */
  readonly backends?: readonly (Backend | BackendName)[] | undefined;
  /** Default `adaptivePolicy()`. */
  readonly policy?: DispatchPolicy | undefined;
  /** `'never'` fails a request with the device that was chosen for it. Default `'cpu'`. */
  readonly fallback?: FallbackMode | undefined;
  /** How much of each GPU's memory may be taken. Default: 80 % of what is free. */
  readonly memory?: MemoryLimits | undefined;
  /** One in so many results of a GPU is verified on the CPU; 0 for none. Default 1000. */
  readonly verifyEveryNth?: number | undefined;
  /** When an attempt on a GPU is given up. */
  readonly hangLimits?: HangLimits | undefined;
  /**
   * What another process learned about the devices, from {@link Executor.exportCalibration}. What does not fit is left out;
   * {@link Executor.describe} says why.
   */
  readonly calibration?: Calibration | undefined;
  /** One that knows all operations of `OPERATIONS`, perhaps shared with other threads. Default: a new one. */
  readonly tracker?: Tracker | undefined;
  /** Threads that the CPU may use for one request. Default: the CPUs this process may really use. */
  readonly threads?: number | undefined;
}

export interface MatrixOptions {
  /** Elements per row; needed with a Float32Array, and with an array of no rows. */
  readonly dimensions?: number | undefined;
  /**
   * Use the Float32Array itself instead of a copy. Its contents must not change until the matrix is disposed. Put it in a
   * SharedArrayBuffer to have it carried to other threads without copying. Default false.
   */
  readonly adopt?: boolean | undefined;
  /** How many requests are going to use it: a hint when sending it to a GPU pays. Default: nobody knows. */
  readonly expectedUses?: number | undefined;
  /** Keep it on the GPU that suits it, and never give it up to make room. Default false. */
  readonly pin?: boolean | undefined;
  /** A smaller copy that a GPU keeps besides, so that top-k is faster with the same result. Default: none. */
  readonly companion?: Companion | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type OwnedMatrix = VectorMatrix & AsyncDisposable;
export type OwnedGraph = CsrGraph & AsyncDisposable;

/** A list of edges, or arrays in compressed-row form. */
export type GraphSource = { readonly nodes: number; readonly edges: Iterable<Edge> } | CsrParts;

export interface GraphOptions {
  /** Use the arrays in compressed-row form themselves instead of copies. Default false. */
  readonly adopt?: boolean | undefined;
  /** How many requests are going to use it: a hint when sending it to a GPU pays. Default: nobody knows. */
  readonly expectedUses?: number | undefined;
  /** Keep it on the GPU that suits it, and never give it up to make room. Default false. */
  readonly pin?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** When a request has to end. */
export interface LimitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole request from now on, in milliseconds; counts in the choice of the device. Default Infinity. */
  readonly deadlineMs?: number | undefined;
}

export interface CosineSimilarityOptions extends RowRange, LimitOptions {
  /** Number of query vectors, for a check: a RangeError unless the query holds exactly so many. */
  readonly queries?: number | undefined;
  /** Only rows of this set are considered. Not supported yet: a RangeError when given. */
  readonly where?: RowSet | undefined;
}

export interface TopKOptions extends RowRange, LimitOptions {
  /** At least 1; clamped to the number of rows considered. */
  readonly k: number;
  /** Default `'cosine'`. */
  readonly metric?: Metric | undefined;
  /** Only these rows are considered, without duplicates. */
  readonly candidates?: Uint32Array | readonly number[] | undefined;
  /** Number of query vectors, for a check: a RangeError unless the query holds exactly so many. */
  readonly queries?: number | undefined;
  /** Only rows of this set are considered. Not supported yet: a RangeError when given. */
  readonly where?: RowSet | undefined;
  /** Only rows that score at least this are ranked. Not supported yet: a RangeError when given. */
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

export interface RunOptions<R extends OperationRequest> extends LimitOptions {
  /** Receives the answer; made for you when left out. */
  readonly output?: OutputOf<R> | undefined;
}

export type ExecutorSnapshot = DispatchSnapshot;

export interface ExecutorDescription {
  readonly backends: readonly BackendStatus[];
  readonly policy: PolicySnapshot;
  readonly fallback: FallbackMode;
  /** What came of the calibration that was handed in at the start; `null` when none was. */
  readonly calibration: Result<CalibrationImport, CalibrationError> | null;
}

/** What became of one backend that was asked for, or looked for. */
export interface BackendStatus {
  /** The name it was asked for by, or the id of a backend that was handed in. */
  readonly name: string;
  readonly status: 'ready' | 'not-installed' | 'failed';
  /** Why it is not ready and what would help; `null` when it is. */
  readonly reason: string | null;
  /** `null` unless it is ready. */
  readonly description: BackendDescription | null;
}
