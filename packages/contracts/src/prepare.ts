import {
  expected,
  requireFinite,
  requireFloat32Array,
  requireInteger,
  requireObject,
  requireUint32Array,
} from './arguments.js';
import { checkCsr, type CsrGraph } from './graph.js';
import type { VectorMatrix } from './matrix.js';
import {
  METRICS,
  SPREAD_DEFAULTS,
  type CosineSimilarityRequest,
  type Metric,
  type OperationRequest,
  type SpreadActivationRequest,
  type TopKOutput,
  type TopKRequest,
} from './operations.js';

/*
 * A request is checked once, here, by one rule for every backend. What comes out is a frozen request with every default
 * filled in and every length worked out; passing it to a backend does not check it again. All of the caller's properties
 * are read exactly once, and only own ones: getters and a polluted Object.prototype cannot change the answer later.
 */

interface PreparedMatrixRequest {
  readonly matrix: VectorMatrix;
  readonly query: Float32Array;
  /** Number of query vectors, at least 1. */
  readonly queries: number;
  readonly start: number;
  readonly end: number;
}

export interface PreparedCosineSimilarity extends PreparedMatrixRequest {
  readonly operation: 'cosine-similarity';
  /** Elements of the output: `queries * (end - start)`. */
  readonly outputLength: number;
}

export interface PreparedTopK extends PreparedMatrixRequest {
  readonly operation: 'top-k';
  readonly metric: Metric;
  readonly candidates: Uint32Array | undefined;
  /** The caller's k. */
  readonly k: number;
  /** Entries per query: `min(k, rows considered)`. */
  readonly count: number;
  /** Elements of each output array: `queries * count`. */
  readonly outputLength: number;
}

export interface PreparedSpreadActivation {
  readonly operation: 'spread-activation';
  readonly graph: CsrGraph;
  readonly activations: Float32Array;
  readonly hops: number;
  readonly decay: number;
  readonly retention: number;
  readonly threshold: number;
  readonly start: number;
  readonly end: number;
  /** Elements of the output: `end - start`. */
  readonly outputLength: number;
}

export type PreparedRequest = PreparedCosineSimilarity | PreparedTopK | PreparedSpreadActivation;

/** Marks what this module made. A second copy of this package has another symbol and checks again: the safe side. */
const PREPARED = Symbol('prepared');

/** @throws TypeError or RangeError that names the argument, what was expected and what came. */
export function prepareCosineSimilarity(request: CosineSimilarityRequest): PreparedCosineSimilarity {
  if (isPrepared(request)) return request as PreparedCosineSimilarity;
  requireOperation(request, 'cosine-similarity');
  const { matrix, query, queries, start, end } = prepareMatrixRequest(request);
  return prepared({
    operation: 'cosine-similarity',
    matrix,
    query,
    queries,
    start,
    end,
    outputLength: queries * (end - start),
  });
}

/** @throws TypeError or RangeError that names the argument, what was expected and what came. */
export function prepareTopK(request: TopKRequest): PreparedTopK {
  if (isPrepared(request)) return request as PreparedTopK;
  requireOperation(request, 'top-k');
  const k = requireInteger('k', request.k, 1);
  const metric = own(request, 'metric') ?? 'cosine';
  if (!METRICS.includes(metric)) throw new RangeError(expected('metric', `one of ${METRICS.join(', ')}`, metric));
  const candidates = own(request, 'candidates');
  const { matrix, query, queries, start, end } = prepareMatrixRequest(request);
  if (candidates !== undefined) requireCandidates(candidates, start, end);
  const count = Math.min(k, candidates === undefined ? end - start : candidates.length);
  return prepared({
    operation: 'top-k',
    matrix,
    query,
    queries,
    start,
    end,
    metric,
    candidates,
    k,
    count,
    outputLength: queries * count,
  });
}

/** @throws TypeError or RangeError that names the argument, what was expected and what came. */
export function prepareSpreadActivation(request: SpreadActivationRequest): PreparedSpreadActivation {
  if (isPrepared(request)) return request as PreparedSpreadActivation;
  requireOperation(request, 'spread-activation');
  const hops = requireInteger('hops', own(request, 'hops') ?? SPREAD_DEFAULTS.hops, 0);
  const decay = requireFinite('decay', own(request, 'decay') ?? SPREAD_DEFAULTS.decay);
  const retention = requireFinite('retention', own(request, 'retention') ?? SPREAD_DEFAULTS.retention);
  const threshold = requireFinite('threshold', own(request, 'threshold') ?? SPREAD_DEFAULTS.threshold, 0);
  const graph = requireGraph(request.graph);
  const activations = requireFloat32Array('activations', request.activations);
  if (activations.length !== graph.nodes) {
    throw new RangeError(`activations: expected ${graph.nodes} elements (one per node), got ${activations.length}`);
  }
  const [start, end] = requireRange(request, graph.nodes);
  if (hops !== 1 && (start !== 0 || end !== graph.nodes)) {
    throw new RangeError(`hops: expected 1 when only the nodes [${start}, ${end}) are asked for, got ${hops}`);
  }
  return prepared({
    operation: 'spread-activation',
    graph,
    activations,
    hops,
    decay,
    retention,
    threshold,
    start,
    end,
    outputLength: end - start,
  });
}

/** Prepares any of the known operations. */
export function prepareRequest(request: OperationRequest): PreparedRequest {
  requireObject('request', request);
  switch (request.operation) {
    case 'cosine-similarity':
      return prepareCosineSimilarity(request);
    case 'top-k':
      return prepareTopK(request);
    case 'spread-activation':
      return prepareSpreadActivation(request);
    default:
      throw new RangeError(
        expected(
          'operation',
          'cosine-similarity, top-k or spread-activation',
          (request as { operation: unknown }).operation,
        ),
      );
  }
}

/** Checks that `output` has exactly the elements the request writes and shares no memory with `input`. */
export function requireOutput(
  request: PreparedCosineSimilarity | PreparedSpreadActivation,
  output: Float32Array,
): Float32Array {
  requireFloat32Array('output', output);
  if (output.length !== request.outputLength) {
    throw new RangeError(`output: expected ${request.outputLength} elements, got ${output.length}`);
  }
  const inputs =
    request.operation === 'spread-activation' ? [request.activations] : [request.query, request.matrix.values];
  if (inputs.some((input) => overlaps(output, input))) {
    throw new RangeError('output: expected memory of its own, got memory that it shares with an input');
  }
  return output;
}

/** Checks that both arrays of `output` have room for what the request writes. */
export function requireTopKOutput(request: PreparedTopK, output: TopKOutput): TopKOutput {
  requireObject('output', output);
  const indices = requireUint32Array('output.indices', output.indices);
  const scores = requireFloat32Array('output.scores', output.scores);
  for (const [name, array] of [
    ['output.indices', indices],
    ['output.scores', scores],
  ] as const) {
    if (array.length < request.outputLength) {
      throw new RangeError(`${name}: expected at least ${request.outputLength} elements, got ${array.length}`);
    }
  }
  return output;
}

/** A fresh output with room for what the request writes. */
export function createTopKOutput(request: PreparedTopK): TopKOutput {
  return {
    indices: new Uint32Array(request.outputLength),
    scores: new Float32Array(request.outputLength),
    count: request.count,
  };
}

function prepareMatrixRequest(request: CosineSimilarityRequest | TopKRequest): PreparedMatrixRequest {
  const matrix = requireMatrix(request.matrix);
  const query = requireFloat32Array('query', request.query);
  if (query.length === 0 || query.length % matrix.dimensions !== 0) {
    throw new RangeError(
      `query: expected one or more vectors of ${matrix.dimensions} dimensions, got ${query.length} elements`,
    );
  }
  const [start, end] = requireRange(request, matrix.rows);
  return { matrix, query, queries: query.length / matrix.dimensions, start, end };
}

function requireOperation(request: OperationRequest, operation: OperationRequest['operation']): void {
  requireObject('request', request);
  if (request.operation !== operation) throw new RangeError(expected('operation', `'${operation}'`, request.operation));
}

function requireMatrix(value: VectorMatrix): VectorMatrix {
  requireObject('matrix', value);
  const { id, version, rows, dimensions, values } = value;
  requireInteger('matrix.id', id, 0);
  requireInteger('matrix.version', version, 0);
  requireInteger('matrix.rows', rows, 0);
  requireInteger('matrix.dimensions', dimensions, 1);
  requireFloat32Array('matrix.values', values);
  if (values.length !== rows * dimensions) {
    throw new RangeError(
      `matrix.values: expected ${rows * dimensions} elements (${rows} rows of ${dimensions}), got ${values.length}`,
    );
  }
  // A copy, so that nothing the caller does later to the operand reaches a request that was already checked.
  return { id, version, rows, dimensions, values };
}

/** Graphs whose edges were checked, by the version that was: the check reads every edge, so it happens once. */
const checkedGraphs = new WeakMap<Uint32Array, { columns: Uint32Array; weights: Float32Array; version: number }>();

function requireGraph(value: CsrGraph): CsrGraph {
  requireObject('graph', value);
  const { id, version, nodes, rowPointers, columns, weights } = value;
  requireInteger('graph.id', id, 0);
  requireInteger('graph.version', version, 0);
  requireInteger('graph.nodes', nodes, 0, 0xffff_fffe);
  requireUint32Array('graph.rowPointers', rowPointers);
  requireUint32Array('graph.columns', columns);
  requireFloat32Array('graph.weights', weights);
  const checked = checkedGraphs.get(rowPointers);
  const unchanged =
    checked?.columns === columns &&
    checked.weights === weights &&
    checked.version === version &&
    rowPointers.length === nodes + 1;
  if (!unchanged) {
    checkCsr(nodes, rowPointers, columns, weights);
    checkedGraphs.set(rowPointers, { columns, weights, version });
  }
  return { id, version, nodes, rowPointers, columns, weights };
}

function requireRange(request: OperationRequest, rows: number): [start: number, end: number] {
  const start = requireInteger('start', own(request, 'start') ?? 0, 0, rows);
  const end = requireInteger('end', own(request, 'end') ?? rows, start, rows);
  return [start, end];
}

function requireCandidates(candidates: Uint32Array, start: number, end: number): void {
  requireUint32Array('candidates', candidates);
  for (let i = 0; i < candidates.length; i++) {
    if (candidates[i] < start || candidates[i] >= end) {
      throw new RangeError(`candidates[${i}]: expected a row in [${start}, ${end}), got ${candidates[i]}`);
    }
  }
}

function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function overlaps(a: Float32Array, b: Float32Array): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
  );
}

function prepared<T extends PreparedRequest>(request: T): T {
  Object.defineProperty(request, PREPARED, { value: true });
  return Object.freeze(request);
}

function isPrepared(request: object | null | undefined): boolean {
  return typeof request === 'object' && request !== null && Object.hasOwn(request, PREPARED);
}
