import type { Metric } from '@gearshift/contracts';
import type { DeviceFeatures } from './device-features.js';
import { decodeQuad, QUADS_OF_BLOCK, type DeviceCompanion } from './companion-code.js';
import { ROWS_TOGETHER } from './lay-out.js';
import { orderedKeys } from './ordered-keys.js';
import { sortEnables, sortInputs, sortLane, WORKGROUP_LANES } from './sort.js';
import { countsFunction, ROWS_OF_WORKGROUP, SELECTIONS, type ScanSelection } from './scan.js';

/** Each variant is a kernel of its own. */
export interface BoundsVariant {
  readonly companion: DeviceCompanion;
  /** Queries that share one reading of the codes. */
  readonly queriesTogether: 1 | 8;
}

export interface BoundsParameters {
  readonly blocks: number;
  /** The first item of the first workgroup: a row of the tile. */
  readonly first: number;
  /** The items in `[start, stop)` count. */
  readonly start: number;
  readonly stop: number;
  readonly queries: number;
  /** Lower bounds of each list, the number of the first list, and the lists of a query. */
  readonly kept: number;
  readonly firstList: number;
  readonly lists: number;
  readonly selection: Exclude<ScanSelection, 'list'>;
  /** Of `'words'`: the item of bit 0 of the first word; may be below 0. */
  readonly wordBase: number;
  readonly metric: Metric;
  /** Where the upper bounds of the items begin among those of a query, and how many a query has. */
  readonly firstBound: number;
  readonly bounds: number;
  readonly distanceFactor: number;
}

const METRICS: readonly Metric[] = ['cosine', 'dot', 'euclidean'];

export function boundsParameters(p: BoundsParameters): Int32Array {
  const { blocks, first, start, stop, queries, kept, firstList, lists, selection, wordBase, metric } = p;
  const words = new Int32Array(16);
  words.set([blocks, first, start, stop, queries, kept, firstList, lists, SELECTIONS.indexOf(selection), wordBase]);
  words.set([METRICS.indexOf(metric), p.firstBound, p.bounds], 10);
  new Float32Array(words.buffer)[13] = p.distanceFactor;
  return words;
}

/** Elements of a query for {@link boundsShader}: its blocks, and four more of which two are used. */
export function boundsQueryWidth(companion: DeviceCompanion, blocks: number): number {
  return (blocks * QUADS_OF_BLOCK[companion] + 1) * 4;
}

/**
 * Bounds of the scores that a scan computes, from the codes of the rows: for each item the key of its upper bound, 0 if it does not count,
 * and of each {@link ROWS_OF_WORKGROUP} items some of the best lower bounds, of which each lane has at most one. Workgroup (x, y) has the items from `first + x *`
 * {@link ROWS_OF_WORKGROUP} on and the queries from `y * queriesTogether` on. Reads 1 or 2 bytes an element and 16 a row.
 *
 * Bindings after the parameters: codes, (scale, allowance) of each row, norms as for a scan, queries with (length rounded up, squared
 * length) behind each, the words of the selection, the lists of lower bounds, and the upper bounds.
 */
export function boundsShader({ companion, queriesTogether }: BoundsVariant, features: DeviceFeatures): string {
  const rowsTogether = queriesTogether === 1 ? 4 : 1;
  const turns = ROWS_OF_WORKGROUP / (WORKGROUP_LANES * rowsTogether);
  const queries = Array.from({ length: queriesTogether }, (_, q) => q);
  const rows = Array.from({ length: rowsTogether }, (_, r) => r);
  const quads = Array.from({ length: QUADS_OF_BLOCK[companion] }, (_, i) => i);
  const lines = (parts: readonly string[]) => parts.join('\n      ');
  const each = (write: (r: number, q: number) => string) => lines(rows.flatMap((r) => queries.map((q) => write(r, q))));
  return /* wgsl */ `
${sortEnables(features)}struct Parameters {
  blocks: u32, first: u32, start: u32, stop: u32, queries: u32, kept: u32, first_list: u32, lists: u32,
  selection: u32, word_base: i32, metric: u32, first_bound: u32, bounds: u32, distance_factor: f32,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> codes: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> scales: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> norms: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> selected: array<u32>;
@group(0) @binding(6) var<storage, read_write> lowest: array<vec2<u32>>;
@group(0) @binding(7) var<storage, read_write> uppers: array<u32>;
${orderedKeys(features)}
fn row_of(item: u32) -> u32 { return item; }
${countsFunction()}
${BOUND_OF}
@compute @workgroup_size(${WORKGROUP_LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32${sortInputs(features)}) {
  let first_query = group.y * ${queriesTogether}u;
  let width = p.blocks * ${quads.length}u + 1u;
  var best: array<u32, ${queriesTogether}>;
  ${lines(queries.map((q) => `let query${q} = min(first_query + ${q}u, p.queries - 1u) * width;`))}
  for (var turn = 0u; turn < ${turns}u; turn++) {
    ${lines(
      rows.map(
        (
          r,
        ) => `let item${r} = p.first + group.x * ${ROWS_OF_WORKGROUP}u + (turn * ${rowsTogether}u + ${r}u) * ${WORKGROUP_LANES}u + lane;
      let counts${r} = counts(item${r});
      let row${r} = select(p.start, item${r}, counts${r});
      let at${r} = row${r} / ${ROWS_TOGETHER}u * p.blocks * ${ROWS_TOGETHER}u + row${r} % ${ROWS_TOGETHER}u;`,
      ),
    )}
    ${each((r, q) => `var sums${r}_${q} = vec4<f32>();`)}
    for (var block = 0u; block < p.blocks; block++) {
      ${lines(rows.map((r) => `let code${r} = codes[at${r} + block * ${ROWS_TOGETHER}u];`))}
      ${lines(
        quads.map(
          (quad) => `{
      ${lines(rows.map((r) => `let values${r} = ${decodeQuad(companion, `code${r}`, quad)};`))}
      ${lines(queries.map((q) => `let wanted${q} = queries[query${q} + block * ${quads.length}u + ${quad}u];`))}
      ${each((r, q) => `sums${r}_${q} = fma(wanted${q}, values${r}, sums${r}_${q});`)}
      }`,
        ),
      )}
    }
    ${each(
      (r, q) => `{
      let bound = bounds_of(sums${r}_${q}, scales[row${r}], norms[row${r}], queries[query${q} + width - 1u].xy);
      best[${q}] = max(best[${q}], select(0u, key_of(bound.x), counts${r}));
      if (item${r} >= p.start && item${r} < p.stop && first_query + ${q}u < p.queries) {
        let at = (first_query + ${q}u) * p.bounds + p.first_bound + item${r} - p.start;
        uppers[at] = select(0u, key_of(bound.y), counts${r});
      }
      }`,
    )}
  }
  for (var q = 0u; q < ${queriesTogether}u && first_query + q < p.queries; q++) {
    keys[lane] = best[q];
    rows_of_keys[lane] = lane;
    sort_entries(${sortLane(features)}, ${WORKGROUP_LANES}u);
    let list = (first_query + q) * p.lists + p.first_list + group.x;
    for (var i = lane; i < p.kept; i += ${WORKGROUP_LANES}u) {
      lowest[list * p.kept + i] = vec2<u32>(keys[i], rows_of_keys[i]);
    }
    workgroupBarrier();
  }
}
`;
}

/** The least and the most that a scan can compute for a row; see "Bounds" in docs/webgpu-backend.md. */
const BOUND_OF = `
fn bounds_of(sums: vec4<f32>, scale: vec2<f32>, norm: vec2<f32>, query: vec2<f32>) -> vec2<f32> {
  let product = ((sums.x + sums.y) + (sums.z + sums.w)) * scale.x;
  let margin = query.x * scale.y;
  if (p.metric == 0u) {
    let cosine = vec2<f32>(product - margin, product + margin) * norm.x;
    return clamp(cosine, vec2<f32>(-1.0), vec2<f32>(1.0));
  }
  if (p.metric == 1u) { return vec2<f32>(product - margin, product + margin); }
  let squares = query.y + norm.y * norm.y;
  let distance = 2.0 * product - squares;
  let away = 2.0 * margin + squares * p.distance_factor;
  return min(vec2<f32>(distance - away, distance + away), vec2<f32>());
}
`;
