import type { Mismatch, PreparedSpreadActivation } from '@gearshift/contracts';
import type { TimeSlices } from '../operations/dispatch-operation.js';
import type { SampleSequence } from './sample-sequence.js';

const UNIT_ROUNDOFF = 2 ** -24;
const SMALLEST_NORMAL = 2 ** -126;
const MAY_OVERFLOW = 2 ** 127;
/** Sampled nodes, and sampled nodes that receive activation. */
const NODES = 5;
const REACHED_NODES = 5;
/** The most edges to search for one with an active sender. */
const MAX_EDGES_PASSED = 4096;
/** Nodes between two clock readings. */
const STRIDE = 1024;

/**
 * Activations in double precision, and the allowed error of float32 after the hops so far: Infinity when any result is
 * allowed.
 */
interface Activations {
  readonly values: Float32Array | Float64Array;
  readonly tolerances: Float64Array | null;
}

/**
 * Recomputes the first node, the last one and a few in between, for one hop or none. Most nodes of most graphs receive
 * nothing, so zeros would mostly be correct. Therefore half of the nodes are found by an edge from an active node.
 */
export function verifySpreadSamples(
  request: PreparedSpreadActivation,
  output: Float32Array,
  samples: SampleSequence,
): Mismatch | null {
  const given: Activations = { values: request.activations, tolerances: null };
  const node: Reference = { value: 0, tolerance: 0 };
  for (let i = 0; i < NODES + REACHED_NODES; i++) {
    const row = request.start + (i < NODES ? placeOf(i, output.length, samples) : placeOfReached(request, samples));
    if (request.hops === 0) node.value = given.values[row];
    else spreadTo(request, row, given, node);
    const mismatch = compare(row, output[row - request.start], node);
    if (mismatch !== null) return mismatch;
  }
  return null;
}

function placeOf(sample: number, count: number, samples: SampleSequence): number {
  if (sample === 0) return 0;
  return sample === 1 ? count - 1 : samples.next(count);
}

function placeOfReached({ graph, activations, start, end }: PreparedSpreadActivation, samples: SampleSequence): number {
  const { rowPointers, columns, weights } = graph;
  const firstEdge = rowPointers[start];
  const edges = rowPointers[end] - firstEdge;
  if (edges === 0) return samples.next(end - start);
  let edge = firstEdge + samples.next(edges);
  const lastEdge = Math.min(edge + MAX_EDGES_PASSED, rowPointers[end] - 1);
  while (edge < lastEdge && weights[edge] * activations[columns[edge]] === 0) edge += 1;
  // The last row that begins at or before the edge; earlier rows that begin there are empty.
  let low = start;
  let high = end;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (rowPointers[middle] <= edge) low = middle;
    else high = middle;
  }
  return low - start;
}

/** Recomputes all nodes through all hops, in time slices. */
export async function verifySpreadWholly(
  request: PreparedSpreadActivation,
  output: Float32Array,
  slices: TimeSlices,
): Promise<Mismatch | null> {
  const { nodes } = request.graph;
  const node: Reference = { value: 0, tolerance: 0 };
  let before: Activations = { values: request.activations, tolerances: null };
  for (let hop = 0; hop < request.hops; hop++) {
    const values = new Float64Array(nodes);
    const tolerances = new Float64Array(nodes);
    for (let i = 0; i < nodes; i++) {
      spreadTo(request, i, before, node);
      values[i] = node.value;
      tolerances[i] = node.tolerance;
      if (i % STRIDE === STRIDE - 1 && slices.isOver()) await slices.next();
    }
    before = { values, tolerances };
  }
  for (let place = 0; place < output.length; place++) {
    node.value = before.values[request.start + place];
    node.tolerance = before.tolerances?.[request.start + place] ?? 0;
    const mismatch = compare(request.start + place, output[place], node);
    if (mismatch !== null) return mismatch;
  }
  return null;
}

interface Reference {
  value: number;
  tolerance: number;
}

/**
 * The activation of one node in one hop. Its tolerance includes that of the received values and adds the rounding of its own
 * hop: a sum of n products of up to three factors, twice (n + 4) * u of their magnitudes (Higham, section 3.1). Near the
 * threshold, where rounding decides, both the value and 0 are accepted.
 */
function spreadTo(request: PreparedSpreadActivation, node: number, before: Activations, out: Reference): void {
  const { graph, decay, retention, threshold } = request;
  const { values, tolerances } = before;
  let received = 0;
  let magnitudes = Math.abs(retention * values[node]);
  let carried = tolerances === null ? 0 : Math.abs(retention) * tolerances[node];
  const firstEdge = graph.rowPointers[node];
  const lastEdge = graph.rowPointers[node + 1];
  for (let edge = firstEdge; edge < lastEdge; edge++) {
    const sender = graph.columns[edge];
    const weight = graph.weights[edge];
    received += weight * values[sender];
    magnitudes += Math.abs(decay * weight * values[sender]);
    if (tolerances !== null) carried += Math.abs(decay * weight) * tolerances[sender];
  }
  out.value = retention * values[node] + decay * received;
  out.tolerance = carried + 2 * (lastEdge - firstEdge + 4) * (UNIT_ROUNDOFF * magnitudes + SMALLEST_NORMAL);
  if (Number.isNaN(out.value)) {
    out.tolerance = 0;
    return;
  }
  if (!(magnitudes < MAY_OVERFLOW) || Number.isNaN(out.tolerance)) {
    out.tolerance = Infinity;
    return;
  }
  const magnitude = Math.abs(out.value);
  if (threshold > 0 && Math.abs(magnitude - threshold) <= out.tolerance + UNIT_ROUNDOFF * threshold) {
    out.tolerance += magnitude;
  } else if (magnitude < threshold) {
    out.value = 0;
    out.tolerance = 0;
  }
}

function compare(row: number, got: number, { value: expected, tolerance }: Reference): Mismatch | null {
  if (tolerance === Infinity) return null;
  const isRight = Number.isNaN(expected)
    ? Number.isNaN(got)
    : Math.abs(got - expected) <= tolerance || got === Math.fround(expected);
  return isRight ? null : { rule: 'activation', query: 0, row, got, expected, tolerance };
}
