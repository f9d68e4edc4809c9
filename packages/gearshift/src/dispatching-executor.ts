import {
  placementOf,
  type Backend,
  type BackendDescription,
  type CompanionSource,
  type Completed,
  type CsrGraph,
  type NativeRows,
  type Operand,
  type OperationName,
  type OutputOf,
  type PartialAnswer,
  type PlacedFiles,
  type PlacedMatrix,
  type PreparedRequest,
  type Result,
  type RunError,
  type TopKOutput,
  type VectorMatrix,
} from '@gearshift/contracts';
import {
  expected,
  isTurnDue,
  nextTurn,
  optionNames,
  own,
  readOptions,
  requireMatrix,
  requireObject,
  requirePlain,
  requireSignal,
} from '@gearshift/contracts/internal';
import type { ChangeableOptions, Dispatcher } from '@gearshift/dispatcher';
import {
  exportCalibration,
  importCalibration,
  type Calibration,
  type CalibrationError,
  type CalibrationImport,
} from '@gearshift/policies';
import {
  openMatrix,
  StoredGraph,
  StoredMatrix,
  type GraphHandle,
  type StoredHandle,
  type Version,
} from '@gearshift/storage';
import type { Tracker } from '@gearshift/tracker';
import type { AdoptedGraph } from './adopted-graph.js';
import type { AdoptedMatrix } from './adopted-matrix.js';
import type {
  BackendStatus,
  CosineSimilarityOptions,
  Executor,
  ExecutorDescription,
  ExecutorSnapshot,
  Float32Matrix,
  GraphOptions,
  GraphSource,
  LimitOptions,
  MatrixDescription,
  MatrixOptions,
  OpenOptions,
  OwnedGraph,
  OwnedMatrix,
  PlaceOptions,
  RunOptions,
  RunRequest,
  SpreadActivationOptions,
  TopKOptions,
  Vector,
} from './executor.js';
import { graphFromSource } from './graph-from-source.js';
import { usesOf } from './expected-uses.js';
import { attach, holdVersion, isPosted } from './hold-version.js';
import { matrixFromValues, type MatrixValues } from './matrix-from-values.js';
import { makeResident } from './make-resident.js';
import type { OperandOwner } from './operand-owner.js';
import {
  cosineArguments,
  spreadArguments,
  topKArguments,
  withTypedArrays,
  type OperationArguments,
} from './operation-requests.js';
import { placeMatrix, placerOf } from './place-matrix.js';
import { throwAbort, throwRunError } from './run-errors.js';

/** Gives the error that `k` is missing. */
const NO_K = Object.freeze({}) as TopKOptions;
const LIMITS = { signal: true, deadlineMs: true } as const;
const LIMIT_OPTIONS = optionNames<LimitOptions>(LIMITS);
const RUN_OPTIONS = optionNames<RunOptions<RunRequest>>({ ...LIMITS, output: true });
const GRAPH = { adopt: true, expectedUses: true, pin: true, signal: true } as const;
const GRAPH_OPTIONS = optionNames<GraphOptions>(GRAPH);
const PLACE_OPTIONS = optionNames<PlaceOptions>({ signal: true });
const MATRIX_OPTIONS = optionNames<MatrixOptions>({
  ...GRAPH,
  dimensions: true,
  dtype: true,
  scale: true,
  companion: true,
});

const OPEN_OPTIONS = optionNames<OpenOptions>({
  writable: true,
  mode: true,
  verify: true,
  expectedUses: true,
  pin: true,
  companion: true,
  signal: true,
});

/** Implements {@link Executor}: makes requests from the arguments and passes them to the dispatcher. */
export class DispatchingExecutor implements Executor {
  readonly tracker: Tracker;
  readonly #dispatcher: Dispatcher;
  readonly #opened: readonly Backend[];
  readonly #statuses: readonly BackendStatus[];
  readonly #calibrated: Result<CalibrationImport, CalibrationError> | null;
  readonly #owner: OperandOwner;
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
    native: NativeRows | undefined,
  ) {
    this.tracker = tracker;
    this.#dispatcher = dispatcher;
    this.#opened = opened;
    this.#statuses = statuses;
    this.#calibrated = calibrated;
    this.#owner = {
      native,
      companionOf: (...request) => this.#companionOf(...request),
      onDispose: ({ id }) => dispatcher.release({ id } as Operand),
    };
  }

  async matrix(
    values: Float32Array | ArrayLike<ArrayLike<number>>,
    options?: MatrixOptions & { readonly dtype?: 'float32' | undefined },
  ): Promise<Float32Matrix>;
  async matrix(values: MatrixValues, options?: MatrixOptions): Promise<OwnedMatrix>;
  async matrix(values: MatrixValues, options?: MatrixOptions): Promise<OwnedMatrix> {
    this.#requireOpen();
    const given = readOptions('options', options, MATRIX_OPTIONS);
    checkSignal(given.signal);
    return this.#madeResident(matrixFromValues(values, given, this.#owner), given.signal);
  }

  async open(path: string | URL, options?: OpenOptions): Promise<OwnedMatrix> {
    this.#requireOpen();
    const { pin, ...given } = readOptions('options', options, OPEN_OPTIONS);
    // Norms are computed by the first request, so that opening reads no rows.
    return openMatrix(path, {
      ...given,
      expectedUses: usesOf({ pin, expectedUses: given.expectedUses }),
      ...this.#owner,
    });
  }

  attach(handle: StoredHandle | OwnedMatrix): OwnedMatrix;
  attach(handle: GraphHandle | OwnedGraph): OwnedGraph;
  attach(handle: StoredHandle | OwnedMatrix | GraphHandle | OwnedGraph): OwnedMatrix | OwnedGraph {
    this.#requireOpen();
    if (handle instanceof StoredMatrix || handle instanceof StoredGraph) return handle;
    if (isPosted(handle)) return attach(handle, this.#owner);
    throw new TypeError(expected('handle', 'a matrix or a graph that another thread posted', handle));
  }

  async graph(source: GraphSource, options?: GraphOptions): Promise<OwnedGraph> {
    this.#requireOpen();
    const given = readOptions('options', options, GRAPH_OPTIONS);
    checkSignal(given.signal);
    return this.#madeResident(graphFromSource(source, given, this.#owner), given.signal);
  }

  async place(name: string, source: PlacedFiles, options?: PlaceOptions): Promise<PlacedMatrix> {
    this.#requireOpen();
    const { signal } = readOptions('options', options, PLACE_OPTIONS);
    checkSignal(signal);
    return placeMatrix(this.#dispatcher.backends, name, source, signal);
  }

  placed(name: string): PlacedMatrix | undefined {
    this.#requireOpen();
    return placerOf(this.#dispatcher.backends).find(name);
  }

  cosineSimilarity(
    query: Vector,
    matrix: VectorMatrix | PlacedMatrix,
    options: CosineSimilarityOptions = {},
  ): Promise<Float32Array> {
    return this.#answer(cosineArguments, matrix, query, options);
  }

  topK(query: Vector, matrix: VectorMatrix | PlacedMatrix, options: TopKOptions = NO_K): Promise<TopKOutput> {
    return this.#answer(topKArguments, matrix, query, options);
  }

  spreadActivation(graph: CsrGraph, activations: Vector, options: SpreadActivationOptions = {}): Promise<Float32Array> {
    return this.#answer(spreadArguments, graph, activations, options);
  }

  cosineSimilaritySync(
    query: Vector,
    matrix: VectorMatrix,
    options: Omit<CosineSimilarityOptions, keyof LimitOptions> = {},
  ): Float32Array {
    return this.#answerSync(cosineArguments, matrix, query, options);
  }

  topKSync(query: Vector, matrix: VectorMatrix, options: Omit<TopKOptions, keyof LimitOptions> = NO_K): TopKOutput {
    return this.#answerSync(topKArguments, matrix, query, options);
  }

  spreadActivationSync(
    graph: CsrGraph,
    activations: Vector,
    options: Omit<SpreadActivationOptions, keyof LimitOptions> = {},
  ): Float32Array {
    return this.#answerSync(spreadArguments, graph, activations, options);
  }

  async run<R extends RunRequest>(
    request: R,
    options?: RunOptions<R>,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>> {
    const given = readOptions('options', options, RUN_OPTIONS);
    return this.#tracked<R>(request, (held) =>
      this.#dispatcher.run(withTypedArrays(held), given.output, limitsOf(given)),
    );
  }

  async resume<R extends RunRequest>(
    request: R,
    partial: PartialAnswer,
    options?: LimitOptions,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>> {
    const given = readOptions('options', options, LIMIT_OPTIONS);
    return this.#tracked<R>(request, (held) => this.#dispatcher.resume(withTypedArrays(held), partial, given));
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

  describe(): ExecutorDescription;
  describe(matrix: VectorMatrix | PlacedMatrix): MatrixDescription;
  describe(matrix?: VectorMatrix | PlacedMatrix): ExecutorDescription | MatrixDescription {
    if (matrix !== undefined) return this.#describeMatrix(matrix);
    const { policy, fallback } = this.#dispatcher;
    return { backends: this.#statuses, policy: policy.snapshot(), fallback, calibration: this.#calibrated };
  }

  #describeMatrix(given: VectorMatrix | PlacedMatrix): MatrixDescription {
    this.#requireOpen();
    const version = holdVersion(given, this.#owner);
    try {
      const matrix = requireMatrix((version?.operand ?? given) as VectorMatrix);
      const backends = placementOf(matrix) === undefined ? this.#dispatcher.backends : [];
      const companions = backends.flatMap((backend) => backend.describeCompanion?.(matrix) ?? []);
      return { id: matrix.id, version: matrix.version, companions };
    } finally {
      version?.release();
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The first companion that a device has of a matrix; undefined also where its file can do without. */
  async #companionOf(
    matrix: VectorMatrix,
    make: boolean,
    signal: AbortSignal | undefined,
  ): Promise<CompanionSource | undefined> {
    if (this.#closing !== undefined) return undefined;
    for (const backend of this.#dispatcher.backends) {
      const source = await backend.companionSource?.(matrix, make, signal);
      if (source !== undefined) return source;
    }
    return undefined;
  }

  /** The same operand, resident on the CPU; disposed if that is aborted. */
  async #madeResident<O extends StoredMatrix | AdoptedMatrix | StoredGraph | AdoptedGraph>(
    operand: O,
    signal: AbortSignal | undefined,
  ): Promise<O> {
    const version = holdVersion(operand, this.#owner);
    try {
      await makeResident(version?.operand ?? operand, this.#dispatcher, signal);
    } catch (error) {
      await operand[Symbol.asyncDispose]();
      throw error;
    } finally {
      version?.release();
    }
    if (isTurnDue()) await nextTurn();
    return operand;
  }

  /** Checks the arguments inside the promise, so that their errors reject it like all others. */
  async #answer<R extends PreparedRequest, Given, O extends object>(
    { ownOptions, prepare }: OperationArguments<Given, O, R>,
    operand: Given,
    vector: Vector,
    options: O,
  ): Promise<OutputOf<R>> {
    this.#underWay += 1;
    let version: Version | undefined;
    try {
      if (this.#closing !== undefined) throw closedError();
      if (typeof options !== 'object' || options === null) requireObject('options', options);
      const given = ownOptions(options, false);
      version = holdVersion(operand, this.#owner);
      const request = prepare((version?.operand ?? operand) as Given, vector, given);
      const limits = limitsOf(given);
      return outputOrThrow<OutputOf<R>>(await this.#dispatcher.run(request, undefined, limits), limits?.signal);
    } catch (error) {
      // A program may await one wrong request after the other. The dispatcher does the same for others.
      if (isTurnDue()) await nextTurn();
      throw error;
    } finally {
      version?.release();
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#whenIdle?.();
    }
  }

  #answerSync<R extends PreparedRequest, Given, O extends object>(
    { ownOptions, prepare }: OperationArguments<Given, O, R>,
    operand: Given,
    vector: Vector,
    options: O,
  ): OutputOf<R> {
    this.#requireOpen();
    requireObject('options', options);
    const given = ownOptions(options, true);
    const version = holdVersion(operand, this.#owner);
    try {
      const request = prepare((version?.operand ?? operand) as Given, vector, given);
      return outputOrThrow<OutputOf<R>>(this.#dispatcher.runSync(request));
    } finally {
      version?.release();
    }
  }

  /** Runs a request with one version of its matrix or graph. */
  async #tracked<R extends RunRequest>(
    request: R,
    run: (held: R) => Promise<unknown>,
  ): Promise<Result<Completed<OutputOf<R>>, RunError>> {
    this.#requireOpen();
    this.#underWay += 1;
    let version: Version | undefined;
    try {
      const name = operandNameOf(request);
      version = name === undefined ? undefined : holdVersion(own(request as OperandFields, name), this.#owner);
      // A request keeps its operation when its arrays and its operand are replaced, so the output has the type that belongs to R.
      if (name === undefined || version === undefined)
        return (await run(request)) as Result<Completed<OutputOf<R>>, RunError>;
      requirePlain('request', request);
      return (await run({ ...request, [name]: version.operand })) as Result<Completed<OutputOf<R>>, RunError>;
    } finally {
      version?.release();
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
  if (requireSignal('signal', signal)?.aborted === true) throwAbort('the signal was aborted before', signal);
}

type OperandFields = Partial<Record<'matrix' | 'graph', unknown>>;

/** The field with the operand of a request, if it is one at all. */
function operandNameOf(request: RunRequest): keyof OperandFields | undefined {
  if (typeof request !== 'object' || request === null) return undefined;
  return Object.hasOwn(request, 'graph') ? 'graph' : 'matrix';
}

/** Requests without limits cost less. */
function limitsOf({ signal, deadlineMs }: LimitOptions): LimitOptions | undefined {
  return signal === undefined && deadlineMs === undefined ? undefined : { signal, deadlineMs };
}

function outputOrThrow<Output extends Float32Array | TopKOutput>(
  result: Result<Completed<Output>, RunError>,
  signal?: AbortSignal,
): Output {
  return result.ok ? result.value.output : throwRunError(result.error, signal);
}
