import {
  expected,
  requireExpectedUses,
  requireFloat32Array,
  requireInteger,
  requireAwaited,
  requireUint32Array,
} from './arguments.js';
import { nextOperandId } from './operand-id.js';
import { optionNames, own, readOptions } from './options.js';

/**
 * A weighted directed graph as a sparse matrix in compressed-row form: the row is the receiving node, the column the
 * sending node. Plain data; a backend finds its resident copy by `id` and `version`.
 */
export interface CsrGraph {
  readonly id: number;
  readonly version: number;
  readonly nodes: number;
  /** `nodes + 1` ascending offsets into `columns` and `weights`, from 0 to the number of edges. */
  readonly rowPointers: Uint32Array;
  /** Sending node of each edge, below `nodes`. */
  readonly columns: Uint32Array;
  readonly weights: Float32Array;
  /** Expected number of requests that use the graph, Infinity to keep it on a device; a hint for dispatchers. */
  readonly expectedUses?: number | undefined;
}

/** Whether an operand is a graph and not a matrix. */
export function isGraph(operand: object): operand is CsrGraph {
  // A stored graph has them from its class; a polluted Object.prototype makes no graph.
  return Object.hasOwn(operand, 'rowPointers') || ('rowPointers' in operand && !('rowPointers' in Object.prototype));
}

/** `[from, to, weight]`; weight 1 when omitted. */
export type Edge = readonly [from: number, to: number, weight?: number];

export interface CsrParts {
  readonly nodes: number;
  readonly rowPointers: Uint32Array;
  readonly columns: Uint32Array;
  readonly weights: Float32Array;
  /** See {@link CsrGraph.expectedUses}. */
  readonly expectedUses?: number | undefined;
}

/** The parts, and those that only a graph has, because a graph may be wrapped again. */
const CSR_PARTS = optionNames<CsrParts & Pick<CsrGraph, 'id' | 'version'>>({
  nodes: true,
  rowPointers: true,
  columns: true,
  weights: true,
  expectedUses: true,
  id: true,
  version: true,
});

/**
 * Wraps arrays that are already in compressed-row form, without copying them.
 *
 * @throws TypeError or RangeError when lengths do not match, offsets descend or a column is not a node: checked once here, in
 * O(edges), so that no kernel reads out of bounds.
 */
export function createGraph(parts: CsrParts): CsrGraph {
  const given = readOptions('parts', parts, CSR_PARTS);
  const nodes = requireNodes('nodes', given.nodes);
  const rowPointers = requireUint32Array('rowPointers', given.rowPointers);
  const columns = requireUint32Array('columns', given.columns);
  const weights = requireFloat32Array('weights', given.weights);
  checkCsr(nodes, rowPointers, columns, weights);
  const expectedUses = requireExpectedUses('expectedUses', given.expectedUses);
  const graph = { id: nextOperandId(), version: 1, nodes, rowPointers, columns, weights };
  return expectedUses === undefined ? graph : { ...graph, expectedUses };
}

/**
 * Builds a graph from a list of edges. Repeated edges stay separate and their weights add up when spreading. A
 * node's incoming edges are in the order of the list; spreading adds them up by ascending sender.
 *
 * @throws RangeError when an edge names a node outside `[0, nodes)`.
 *
 * @example
 * const graph = graphFromEdges(3, [[0, 1], [1, 2, 0.5]]); // 0 activates 1, 1 activates 2 by half
 */
export function graphFromEdges(nodes: number, edges: Iterable<Edge>): CsrGraph {
  requireNodes('nodes', nodes);
  const list = [...edges];
  const rowPointers = new Uint32Array(nodes + 1);
  const columns = new Uint32Array(list.length);
  const weights = new Float32Array(list.length);
  enterEdges(list, { rowPointers, columns, weights });
  return { id: nextOperandId(), version: 1, nodes, rowPointers, columns, weights };
}

/**
 * Enters a list of edges into arrays of zeros in compressed-row form, for `rowPointers.length - 1` nodes.
 *
 * @throws TypeError or RangeError for an edge that names no node; then the arrays have useless contents
 */
export function enterEdges(
  edges: readonly Edge[],
  arrays: Pick<CsrGraph, 'rowPointers' | 'columns' | 'weights'>,
): void {
  const { rowPointers, columns, weights } = arrays;
  const nodes = rowPointers.length - 1;
  for (const [index, edge] of edges.entries()) {
    if (typeof edge !== 'object' || edge === null) {
      throw new TypeError(expected(`edges[${index}]`, 'an edge [from, to, weight]', edge));
    }
    requireInteger(`edges[${index}] from`, edge[0], 0, nodes - 1);
    rowPointers[requireInteger(`edges[${index}] to`, edge[1], 0, nodes - 1) + 1] += 1;
  }
  for (let node = 0; node < nodes; node++) rowPointers[node + 1] += rowPointers[node];

  const nextSlot = rowPointers.slice(0, nodes);
  for (const [index, edge] of edges.entries()) {
    const { 0: from, 1: to, 2: weight = 1 } = edge;
    if (typeof weight !== 'number') throw new TypeError(expected(`edges[${index}] weight`, 'a number', weight));
    const slot = nextSlot[to]++;
    columns[slot] = from;
    weights[slot] = weight;
  }
}

/** The number of nodes of a graph: columns of 32 bits number them. */
export function requireNodes(name: string, nodes: unknown): number {
  return requireInteger(name, nodes, 0, 0xffff_fffe);
}

/** Checked graphs by the memory of their row pointers. The check reads every edge, so it runs once per version. */
const checkedGraphs = new WeakMap<Uint32Array, CsrGraph>();

/**
 * A checked copy of a graph, including graphs written by hand or received from another thread. Later changes of the graph by
 * the caller do not affect a checked request.
 */
export function requireGraph(value: CsrGraph): CsrGraph {
  requireAwaited('graph', value);
  const { id, version, nodes, rowPointers, columns, weights } = value;
  const expectedUses = own(value, 'expectedUses');
  if (rowPointers === undefined && Object.hasOwn(value, 'stored')) {
    throw new TypeError(
      'graph: this is a copy of a stored graph, without its edges; pass the graph itself, or get it back with attach() of an executor',
    );
  }
  requireInteger('graph.id', id, 0);
  requireInteger('graph.version', version, 0);
  requireNodes('graph.nodes', nodes);
  requireUint32Array('graph.rowPointers', rowPointers);
  requireUint32Array('graph.columns', columns);
  requireFloat32Array('graph.weights', weights);
  const before = checkedGraphs.get(rowPointers);
  const isUnchanged =
    before?.columns === columns &&
    before.weights === weights &&
    before.version === version &&
    rowPointers.length === nodes + 1 &&
    columns.length === rowPointers[nodes];
  if (!isUnchanged) checkCsr(nodes, rowPointers, columns, weights);
  requireExpectedUses('graph.expectedUses', expectedUses);
  if (isUnchanged && before.id === id && before.expectedUses === expectedUses) return before;
  const checked = Object.freeze({ id, version, nodes, rowPointers, columns, weights, expectedUses });
  checkedGraphs.set(rowPointers, checked);
  return checked;
}

function checkCsr(nodes: number, rowPointers: Uint32Array, columns: Uint32Array, weights: Float32Array): void {
  if (rowPointers.length !== nodes + 1) {
    throw new RangeError(`rowPointers: expected ${nodes + 1} elements (nodes + 1), got ${rowPointers.length}`);
  }
  if (columns.length !== weights.length) {
    throw new RangeError(`weights: expected ${columns.length} elements (one per column), got ${weights.length}`);
  }
  if (rowPointers[0] !== 0) throw new RangeError(`rowPointers[0]: expected 0, got ${rowPointers[0]}`);
  for (let node = 0; node < nodes; node++) {
    if (rowPointers[node + 1] < rowPointers[node]) {
      throw new RangeError(
        `rowPointers[${node + 1}]: expected at least ${rowPointers[node]}, got ${rowPointers[node + 1]}`,
      );
    }
  }
  if (rowPointers[nodes] !== columns.length) {
    throw new RangeError(
      `rowPointers[${nodes}]: expected ${columns.length} (the number of edges), got ${rowPointers[nodes]}`,
    );
  }
  for (let edge = 0; edge < columns.length; edge++) {
    if (columns[edge] >= nodes) {
      throw new RangeError(`columns[${edge}]: expected a node below ${nodes}, got ${columns[edge]}`);
    }
  }
}
