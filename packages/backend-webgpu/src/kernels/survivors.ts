export const SURVIVORS_LANES = 256;

export interface SurvivorsParameters {
  /** The row of the first item, and how many items there are. */
  readonly start: number;
  readonly items: number;
  /** As for the bounds. */
  readonly firstBound: number;
  readonly bounds: number;
  readonly queries: number;
  readonly kept: number;
  /** Which of the counters counts them. */
  readonly counter: number;
  /** How many there is room for. */
  readonly most: number;
}

export function survivorsParameters(p: SurvivorsParameters): Uint32Array {
  return Uint32Array.of(p.start, p.items, p.firstBound, p.bounds, p.queries, p.kept, p.counter, p.most);
}

/**
 * Lists the rows that an upper bound of any query allows among its best ones, in any order: their bound reaches the `kept`-th lower bound
 * of the query, or its floor. Counts also those for which there is no room. Reads 4 bytes an item and query.
 */
export const SURVIVORS = /* wgsl */ `
struct Parameters {
  start: u32, items: u32, first_bound: u32, bounds: u32, queries: u32, kept: u32, counter: u32, most: u32,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> uppers: array<u32>;
@group(0) @binding(2) var<storage, read> lowest: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> floors: array<u32>;
@group(0) @binding(4) var<storage, read_write> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> counters: array<atomic<u32>>;

@compute @workgroup_size(${SURVIVORS_LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * ${SURVIVORS_LANES}u;
  if (item >= p.items) { return; }
  var survives = false;
  for (var q = 0u; q < p.queries; q++) {
    let upper = uppers[q * p.bounds + p.first_bound + item];
    let limit = max(lowest[q * p.kept + p.kept - 1u].x, floors[q]);
    survives = survives || (upper != 0u && upper >= limit);
  }
  if (!survives) { return; }
  let at = atomicAdd(&counters[p.counter], 1u);
  if (at < p.most) { rows[at] = p.start + item; }
}
`;
