import type {
  Backend,
  BackendDescription,
  Completed,
  CosineSimilarityRequest,
  CsrGraph,
  OperationName,
  OperationRequest,
  OutputOf,
  PartialAnswer,
  Result,
  RunError,
  SpreadActivationRequest,
  TopKOutput,
  TopKRequest,
  VectorMatrix,
} from '@gearshift/contracts';
import { expected, isTurnDue, nextTurn, requireObject } from '@gearshift/contracts/internal';
import type { ChangeableOptions, Dispatcher } from '@gearshift/dispatcher';
import {
  exportCalibration,
  importCalibration,
  type Calibration,
  type CalibrationError,
  type CalibrationImport,
} from '@gearshift/policies';
import type { Tracker } from '@gearshift/tracker';
import type {
  BackendStatus,
  CosineSimilarityOptions,
  Executor,
  ExecutorDescription,
  ExecutorSnapshot,
  GraphOptions,
  GraphSource,
  LimitOptions,
  MatrixOptions,
  OwnedGraph,
  OwnedMatrix,
  RunOptions,
  SpreadActivationOptions,
  TopKOptions,
  Vector,
} from './executor.js';
import { graphFromSource } from './graph-from-source.js';
import { matrixFromValues } from './matrix-from-values.js';
import { ownOperand } from './own-operand.js';
import { throwRunError } from './run-errors.js';
import { toIndices, toVector } from './to-vector.js';

/** Implements {@link Executor}: makes requests from the arguments and passes them to the dispatcher. */
export class DispatchingExecutor implements Executor {
  readonly tracker: Tracker;
  readonly #dispatcher: Dispatcher;
  readonly #opened: readonly Backend[];
  readonly #statuses: readonly BackendStatus[];
  readonly #calibrated: Result<CalibrationImport, CalibrationError> | null;
  /** Number of requests that have not ended. */
  #underWay = 0;
  #whenIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    dispatcher: Dispatcher,
    tracker: Tracker,
    opened: readonly Backend[],
    statuses: readonly BackendStatus[],
    calibrated: Result<CalibrationImport, CalibrationError> | null,
  ) {
    this.tracker = tracker;
    this.#dispatcher = dispatcher;
    this.#opened = opened;
    this.#statuses = statuses;
    this.#calibrated = calibrated;
  }

  async matrix(values: Float32Array | ArrayLike<ArrayLike<number>>, options: MatrixOptions = {}): Promise<OwnedMatrix> {
    this.#requireOpen();
    requireObject('options', options);
    checkSignal(options.signal);
    const matrix = await ownOperand(matrixFromValues(values, options), this.#dispatcher, options.signal);
    if (isTurnDue()) await nextTurn();
    return matrix;
  }

  async graph(source: GraphSource, options: GraphOptions = {}): Promise<OwnedGraph> {
    this.#requireOpen();
    requireObject('options', options);
    checkSignal(options.signal);
    const graph = await ownOperand(graphFromSource(source, options), this.#dispatcher, options.signal);
    if (isTurnDue()) await nextTurn();
    return graph;
  }

  cosineSimilarity(query: Vector, matrix: VectorMatrix, options: CosineSimilarityOptions = {}): Promise<Float32Array> {
    return this.#answer(cosineRequest, query, matrix, options);
  }

  topK(query: Vector, matrix: VectorMatrix, options: TopKOptions): Promise<TopKOutput> {
    return this.#answer(topKRequest, query, matrix, options);
  }

  spreadActivation(graph: CsrGraph, activations: Vector, options: SpreadActivationOptions = {}): Promise<Float32Array> {
    return this.#answer(spreadRequest, graph, activations, options);
  }

  cosineSimilaritySync(
    query: Vector,
    matrix: VectorMatrix,
    options: Omit<CosineSimilarityOptions, keyof LimitOptions> = {},
  ): Float32Array {
    this.#requireOpen();
    return outputOrThrow(this.#dispatcher.runSync(cosineRequest(query, matrix, options)));
  }

  topKSync(query: Vector, matrix: VectorMatrix, options: Omit<TopKOptions, keyof LimitOptions>): TopKOutput {
    this.#requireOpen();
    return outputOrThrow(this.#dispatcher.runSync(topKRequest(query, matrix, options)));
  }

  spreadActivationSync(
    graph: CsrGraph,
    activations: Vector,
    options: Omit<SpreadActivationOptions, keyof LimitOptions> = {},
  ): Float32Array {
    this.#requireOpen();
    return outputOrThrow(this.#dispatcher.runSync(spreadRequest(graph, activations, options)));
  }

  async run<R extends OperationRequest>(
    request: R,
    options?: RunOptions<R>,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>> {
    return this.#tracked(() => this.#dispatcher.run(request, options?.output, options));
  }

  async resume<R extends OperationRequest>(
    request: R,
    partial: PartialAnswer,
    options?: LimitOptions,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>> {
    return this.#tracked(() => this.#dispatcher.resume(request, partial, options));
  }

  updateOptions(options: ChangeableOptions): void {
    this.#dispatcher.updateOptions(options);
  }

  snapshot(operation: OperationName): ExecutorSnapshot {
    return this.#dispatcher.snapshot(operation);
  }

  exportCalibration(): Calibration {
    return exportCalibration(this.#dispatcher);
  }

  importCalibration(calibration: Calibration): Result<CalibrationImport, CalibrationError> {
    return importCalibration(this.#dispatcher, calibration);
  }

  backends(): BackendDescription[] {
    return this.#dispatcher.backends.map((backend) => backend.describe());
  }

  describe(): ExecutorDescription {
    const { policy, fallback } = this.#dispatcher;
    return { backends: this.#statuses, policy: policy.snapshot(), fallback, calibration: this.#calibrated };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @param makeRequest called inside the promise, so that its errors reject it like all others */
  async #answer<R extends OperationRequest, A, B, O extends LimitOptions>(
    makeRequest: (first: A, second: B, options: O) => R,
    first: A,
    second: B,
    options: O,
  ): Promise<OutputOf<R>> {
    this.#underWay += 1;
    try {
      if (this.#closing !== undefined) throw closedError();
      const request = makeRequest(first, second, options);
      const { signal, deadlineMs } = options;
      const limits = signal === undefined && deadlineMs === undefined ? undefined : options;
      return outputOrThrow<OutputOf<R>>(await this.#dispatcher.run(request, undefined, limits), signal);
    } catch (error) {
      // A program may await one wrong request after the other. The dispatcher does the same for others.
      if (isTurnDue()) await nextTurn();
      throw error;
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#whenIdle?.();
    }
  }

  async #tracked<T>(run: () => Promise<T>): Promise<T> {
    this.#requireOpen();
    this.#underWay += 1;
    try {
      return await run();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#whenIdle?.();
    }
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await Promise.all(this.#opened.map((backend) => backend.close()));
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }
}

function closedError(): TypeError {
  return new TypeError('executor is closed');
}

/** The dispatcher checks the signals of requests, but not those of `matrix()` and `graph()`. */
function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(expected('signal', 'an AbortSignal', signal));
  }
  signal?.throwIfAborted();
}

function cosineRequest(
  query: Vector,
  matrix: VectorMatrix,
  options: Omit<CosineSimilarityOptions, keyof LimitOptions>,
): CosineSimilarityRequest {
  requireObject('options', options);
  const { start, end, queries, where } = options;
  return { operation: 'cosine-similarity', query: toVector('query', query), matrix, start, end, queries, where };
}

function topKRequest(query: Vector, matrix: VectorMatrix, options: Omit<TopKOptions, keyof LimitOptions>): TopKRequest {
  if (typeof options !== 'object' || options === null) requireObject('options', options);
  const { k, metric, start, end, queries, where, minScore } = options;
  const candidates = options.candidates === undefined ? undefined : toIndices('candidates', options.candidates);
  const vector = query instanceof Float32Array ? query : toVector('query', query);
  return { operation: 'top-k', query: vector, matrix, k, metric, candidates, start, end, queries, where, minScore };
}

function spreadRequest(
  graph: CsrGraph,
  activations: Vector,
  options: Omit<SpreadActivationOptions, keyof LimitOptions>,
): SpreadActivationRequest {
  requireObject('options', options);
  const { hops, decay, retention, threshold } = options;
  return {
    operation: 'spread-activation',
    graph,
    activations: toVector('activations', activations),
    hops,
    decay,
    retention,
    threshold,
  };
}

function outputOrThrow<Output extends Float32Array | TopKOutput>(
  result: Result<Completed<Output>, RunError>,
  signal?: AbortSignal,
): Output {
  return result.ok ? result.value.output : throwRunError(result.error, signal);
}
