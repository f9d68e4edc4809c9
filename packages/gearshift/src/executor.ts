import type {
  Backend,
  BackendDescription,
  CsrGraph,
  CsrParts,
  Edge,
  Metric,
  OperationName,
  OperationRequest,
  Result,
  RowRange,
  TopKOutput,
  VectorMatrix,
} from '@gearshift/contracts';
import type {
  Completed,
  DecisionCounts,
  DispatchPolicy,
  FallbackMode,
  OutputOf,
  PolicySnapshot,
  RunError,
} from '@gearshift/dispatcher';
import type { MetricsSnapshot, Tracker } from '@gearshift/tracker';

/**
 * Answers requests about vectors and graphs on the device that suits each.
 *
 * Belongs to one thread; any number of requests may be under way. The methods named after operations return the bare
 * answer, and throw
 * - TypeError or RangeError for a mistake of the caller, before any device is touched,
 * - the signal's reason (an `AbortError` unless you gave another) after an abort,
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
  cosineSimilaritySync(query: Vector, matrix: VectorMatrix, options?: RowRange): Float32Array;
  /** The twin of {@link topK} on the CPU; blocks the event loop for as long as the work takes. */
  topKSync(query: Vector, matrix: VectorMatrix, options: Omit<TopKOptions, 'signal'>): TopKOutput;
  /** The twin of {@link spreadActivation} on the CPU; blocks the event loop for as long as the work takes. */
  spreadActivationSync(
    graph: CsrGraph,
    activations: Vector,
    options?: Omit<SpreadActivationOptions, 'signal'>,
  ): Float32Array;

  /** Any operation, with the whole story: output, decision, every attempt and the times, or why there is no answer. */
  run<R extends OperationRequest>(
    request: R,
    options?: RunOptions<R>,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>>;

  /** What was measured for an operation, as of one instant, and how often this executor decided for which reason. */
  snapshot(operation: OperationName): ExecutorSnapshot;
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
  /** Default `thresholdPolicy()`. */
  readonly policy?: DispatchPolicy | undefined;
  /** `'never'` fails a request with the device that was chosen for it. Default `'cpu'`. */
  readonly fallback?: FallbackMode | undefined;
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
  readonly signal?: AbortSignal | undefined;
}

export type OwnedMatrix = VectorMatrix & AsyncDisposable;
export type OwnedGraph = CsrGraph & AsyncDisposable;

/** A list of edges, or arrays in compressed-row form. */
export type GraphSource = { readonly nodes: number; readonly edges: Iterable<Edge> } | CsrParts;

export interface GraphOptions {
  /** Use the arrays in compressed-row form themselves instead of copies. Default false. */
  readonly adopt?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CosineSimilarityOptions extends RowRange {
  readonly signal?: AbortSignal | undefined;
}

export interface TopKOptions extends RowRange {
  /** At least 1; clamped to the number of rows considered. */
  readonly k: number;
  /** Default `'cosine'`. */
  readonly metric?: Metric | undefined;
  /** Only these rows are considered, without duplicates. */
  readonly candidates?: Uint32Array | readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SpreadActivationOptions {
  /** Default 1. */
  readonly hops?: number | undefined;
  /** Default 0.85. */
  readonly decay?: number | undefined;
  /** Default 0. */
  readonly retention?: number | undefined;
  /** Default 0. */
  readonly threshold?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RunOptions<R extends OperationRequest> {
  /** Receives the answer; made for you when left out. */
  readonly output?: OutputOf<R> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExecutorSnapshot extends MetricsSnapshot {
  readonly decisions: DecisionCounts;
}

export interface ExecutorDescription {
  readonly backends: readonly BackendStatus[];
  readonly policy: PolicySnapshot;
  readonly fallback: FallbackMode;
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
