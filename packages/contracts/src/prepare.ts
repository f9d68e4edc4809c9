import {
  expected,
  requireFinite,
  requireExpectedUses,
  requireOneOf,
  requireFloat32Array,
  requireInteger,
  requireObject,
  requireUint32Array,
} from './arguments.js';
import type { Operand } from './backend.js';
import { checkCsr, type CsrGraph } from './graph.js';
import { COMPANIONS, type VectorMatrix } from './matrix.js';
import {
  METRICS,
  SPREAD_DEFAULTS,
  type CosineSimilarityRequest,
  type OperationRequest,
  type SpreadActivationRequest,
  type TopKRequest,
} from './operations.js';
import {
  isPrepared,
  PreparedCosineSimilarity,
  PreparedSpreadActivation,
  PreparedTopK,
  type PreparedRequest,
} from './prepared.js';

/*
 * A request is checked once, here, by one rule for every backend; passing what comes out to a backend does not check it
 * again. The caller's properties are read exactly once, and optional ones only where they are its own: neither a getter
 * nor a polluted Object.prototype can change the answer later.
 */

/** @throws TypeError or RangeError that names the argument, what was expected and what came. */
export function prepareCosineSimilarity(request: CosineSimilarityRequest): PreparedCosineSimilarity {
  if (isPrepared(request) && request.operation === 'cosine-similarity') return request;
  requireOperation(request, 'cosine-similarity');
  refuseUnsupported('where', own(request, 'where'));
  const matrix = requireMatrix(request.matrix);
  const query = requireQuery(request.query, own(request, 'queries'), matrix);
  const end = requireEnd(request, matrix.rows);
  return new PreparedCosineSimilarity(matrix, query, requireStart(request, end), end);
}

/** @throws TypeError or RangeError that names the argument, what was expected and what came. */
export function prepareTopK(request: TopKRequest): PreparedTopK {
  if (isPrepared(request) && request.operation === 'top-k') return request;
  requireOperation(request, 'top-k');
  refuseUnsupported('where', own(request, 'where'));
  refuseUnsupported('minScore', own(request, 'minScore'));
  const k = requireInteger('k', request.k, 1);
  const metric = own(request, 'metric') ?? 'cosine';
  if (!METRICS.includes(metric)) throw new RangeError(expected('metric', `one of ${METRICS.join(', ')}`, metric));
  const matrix = requireMatrix(request.matrix);
  const query = requireQuery(request.query, own(request, 'queries'), matrix);
  const end = requireEnd(request, matrix.rows);
  const start = requireStart(request, end);
  const candidates = own(request, 'candidates');
  if (candidates !== undefined) requireCandidates(candidates, start, end);
  return new PreparedTopK(matrix, query, start, end, k, metric, candidates);
}

/** @throws TypeError or RangeError that names the argument, what was expected and what came. */
export function prepareSpreadActivation(request: SpreadActivationRequest): PreparedSpreadActivation {
  if (isPrepared(request) && request.operation === 'spread-activation') return request;
  requireOperation(request, 'spread-activation');
  const options = {
    hops: requireInteger('hops', own(request, 'hops') ?? SPREAD_DEFAULTS.hops, 0),
    decay: requireFinite('decay', own(request, 'decay') ?? SPREAD_DEFAULTS.decay),
    retention: requireFinite('retention', own(request, 'retention') ?? SPREAD_DEFAULTS.retention),
    threshold: requireFinite('threshold', own(request, 'threshold') ?? SPREAD_DEFAULTS.threshold, 0),
  };
  const graph = requireGraph(request.graph);
  const activations = requireFloat32Array('activations', request.activations);
  if (activations.length !== graph.nodes) {
    throw new RangeError(`activations: expected ${graph.nodes} elements (one per node), got ${activations.length}`);
  }
  const end = requireEnd(request, graph.nodes);
  const start = requireStart(request, end);
  if (options.hops !== 1 && (start !== 0 || end !== graph.nodes)) {
    throw new RangeError(`hops: expected 1 when only the nodes [${start}, ${end}) are asked for, got ${options.hops}`);
  }
  return new PreparedSpreadActivation(graph, activations, start, end, options);
}

/** Prepares any of the known operations. */
export function prepareRequest(request: OperationRequest): PreparedRequest {
  if (isPrepared(request)) return request;
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

/** A checked copy of an operand, as prepared requests hold one: for what a backend does with an operand alone. */
export function prepareOperand(operand: Operand): Operand {
  requireObject('operand', operand);
  return 'rowPointers' in operand ? requireGraph(operand) : requireMatrix(operand);
}

function requireOperation(request: OperationRequest, operation: OperationRequest['operation']): void {
  requireObject('request', request);
  if (request.operation !== operation) throw new RangeError(expected('operation', `'${operation}'`, request.operation));
}

/** A checked copy, so that nothing the caller does later to the operand reaches a request that was already checked. */
function requireMatrix(value: VectorMatrix): VectorMatrix {
  requireObject('matrix', value);
  const { id, version, rows, dimensions, values, expectedUses, companion, changes } = value;
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
  return {
    id,
    version,
    rows,
    dimensions,
    values,
    expectedUses: requireExpectedUses('matrix.expectedUses', expectedUses),
    companion: requireOneOf('matrix.companion', COMPANIONS, companion),
    ...(Array.isArray(changes) ? { changes } : {}),
  };
}

/** An option of the types that no backend honours yet: to ignore it would be to answer another question. */
function refuseUnsupported(name: string, value: unknown): void {
  if (value !== undefined) throw new RangeError(expected(name, 'none, because it is not supported yet', value));
}

function requireQuery(value: Float32Array, queries: number | undefined, matrix: VectorMatrix): Float32Array {
  const query = requireFloat32Array('query', value);
  if (query.length === 0 || query.length % matrix.dimensions !== 0) {
    throw new RangeError(
      `query: expected one or more vectors of ${matrix.dimensions} dimensions, got ${query.length} elements`,
    );
  }
  const count = query.length / matrix.dimensions;
  if (queries !== undefined && requireInteger('queries', queries, 1) !== count) {
    throw new RangeError(`queries: expected ${count}, the number of vectors in query, got ${queries}`);
  }
  return query;
}

/** Graphs whose edges were checked, by the version that was: the check reads every edge, so it happens once. */
const checkedGraphs = new WeakMap<Uint32Array, { columns: Uint32Array; weights: Float32Array; version: number }>();

function requireGraph(value: CsrGraph): CsrGraph {
  requireObject('graph', value);
  const { id, version, nodes, rowPointers, columns, weights, expectedUses } = value;
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
    rowPointers.length === nodes + 1 &&
    columns.length === rowPointers[nodes];
  if (!unchanged) {
    checkCsr(nodes, rowPointers, columns, weights);
    checkedGraphs.set(rowPointers, { columns, weights, version });
  }
  requireExpectedUses('graph.expectedUses', expectedUses);
  return { id, version, nodes, rowPointers, columns, weights, expectedUses };
}

function requireEnd(request: OperationRequest, rows: number): number {
  const end = own(request, 'end');
  return end === undefined ? rows : requireInteger('end', end, 0, rows);
}

function requireStart(request: OperationRequest, end: number): number {
  const start = own(request, 'start');
  return start === undefined ? 0 : requireInteger('start', start, 0, end);
}

function requireCandidates(candidates: Uint32Array, start: number, end: number): void {
  requireUint32Array('candidates', candidates);
  for (let i = 0; i < candidates.length; i++) {
    if (candidates[i] < start || candidates[i] >= end) {
      throw new RangeError(`candidates[${i}]: expected a row in [${start}, ${end}), got ${candidates[i]}`);
    }
  }
}

/** `object[key]` where it is the object's own. Reads before it asks: absent options, the common case, cost nothing. */
function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  const value = object[key];
  return value === undefined || Object.hasOwn(object, key) ? value : undefined;
}
