import { WIDE_SUMS } from './wide-sums.js';

export const SPREAD_LANES = 64;
/** A node with more edges has a workgroup to itself. */
export const MOST_EDGES_OF_LANE = 256;

export interface SpreadParameters {
  /** Nodes for a lane each, or entries of the list of nodes for a workgroup each. */
  readonly first: number;
  readonly count: number;
  /** The graph's edge that is the first of the buffers. */
  readonly edgeBase: number;
  /** The node of the first output. */
  readonly outputBase: number;
  readonly decay: number;
  readonly retention: number;
  readonly threshold: number;
}

export function spreadParameters(p: SpreadParameters): Uint32Array {
  const words = Uint32Array.of(p.first, p.count, p.edgeBase, p.outputBase, 0, 0, 0, 0);
  new Float32Array(words.buffer).set([p.decay, p.retention, p.threshold], 4);
  return words;
}

const COMMON = /* wgsl */ `
struct Parameters {
  first: u32, count: u32, edge_base: u32, output_base: u32, decay: u32, retention: u32, threshold: u32,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> row_pointers: array<u32>;
@group(0) @binding(2) var<storage, read> columns: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<u32>;
@group(0) @binding(4) var<storage, read> activations: array<u32>;
@group(0) @binding(5) var<storage, read_write> spread: array<u32>;
${WIDE_SUMS}
fn finish(node: u32, sum: Sum) {
  let kept = add_product(no_sum(), p.retention, activations[node]);
  let bits = bits_of(add_scaled(kept, p.decay, sum));
  spread[node - p.output_base] = select(bits, 0u, (bits & 0x7fffffffu) < p.threshold);
}
`;

/** One hop for nodes of up to {@link MOST_EDGES_OF_LANE} edges, a lane for each; others are left out. Reads 12 bytes an edge. */
export const SPREAD_SHORT = /* wgsl */ `${COMMON}
@compute @workgroup_size(${SPREAD_LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= p.count) { return; }
  let node = p.first + id.x;
  let first = row_pointers[node] - p.edge_base;
  let last = row_pointers[node + 1u] - p.edge_base;
  if (last - first > ${MOST_EDGES_OF_LANE}u) { return; }
  var sum = no_sum();
  for (var edge = first; edge < last; edge++) { sum = add_product(sum, weights[edge], activations[columns[edge]]); }
  finish(node, sum);
}
`;

/** The same for listed nodes, a workgroup for each: every lane adds up every 64th edge, then the sums of the lanes are added up. */
export const SPREAD_LONG = /* wgsl */ `${COMMON}
@group(0) @binding(6) var<storage, read> nodes: array<u32>;
var<workgroup> sums: array<Sum, ${SPREAD_LANES}>;

@compute @workgroup_size(${SPREAD_LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let node = nodes[p.first + group.x];
  let first = row_pointers[node] - p.edge_base;
  let last = row_pointers[node + 1u] - p.edge_base;
  var sum = no_sum();
  for (var edge = first + lane; edge < last; edge += ${SPREAD_LANES}u) {
    sum = add_product(sum, weights[edge], activations[columns[edge]]);
  }
  sums[lane] = sum;
  for (var half = ${SPREAD_LANES / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] = add_sums(sums[lane], sums[lane + half]); }
  }
  if (lane == 0u) { finish(node, sums[0]); }
}
`;
