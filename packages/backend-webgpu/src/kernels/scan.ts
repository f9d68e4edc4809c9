import type { Metric } from '@gearshift/contracts';
import { ROWS_TOGETHER } from './lay-out.js';
import { NO_FEATURES, type DeviceFeatures } from './device-features.js';
import { orderedKeys } from './ordered-keys.js';
import { SORTED_ENTRIES, sortEnables, sortInputs, sortLane, WORKGROUP_LANES } from './sort.js';

/** What a scan writes: the scores of all rows, or the rows with the best scores of each {@link SORTED_ENTRIES}. */
export type ScanOutput = 'scores' | 'best';

/** Which items count: a range of rows, those of it that are in a set, or the entries of a list of rows. */
export type ScanSelection = 'range' | 'words' | 'list';

/** Each variant is a kernel of its own. */
export interface ScanVariant {
  readonly sums: 'products' | 'squares';
  readonly output: ScanOutput;
  /** Queries that share one reading of the rows. */
  readonly queriesTogether: 1 | 8;
}

/** Rows of one workgroup. */
export const ROWS_OF_WORKGROUP = SORTED_ENTRIES;

export interface ScanParameters {
  readonly quads: number;
  /** The first item of the first workgroup: a row of the tile, or an entry of the list. */
  readonly first: number;
  /** The items in `[start, stop)` count. */
  readonly start: number;
  readonly stop: number;
  /** The number of the tile's first row in the matrix. */
  readonly rowBase: number;
  readonly queries: number;
  /** Of `'best'`: entries of each list, the number of the first list, and the lists of a query. */
  readonly kept: number;
  readonly firstList: number;
  readonly lists: number;
  readonly selection: ScanSelection;
  /** Of `'words'`: the item of bit 0 of the first word; may be below 0. */
  readonly wordBase: number;
  readonly metric: Metric;
}

export const SELECTIONS: readonly ScanSelection[] = ['range', 'words', 'list'];

/** Where the parameters have `stop`, in bytes: a kernel may set it. */
export const STOP_OFFSET = 12;

export function scanParameters(p: ScanParameters): Int32Array {
  const { quads, first, start, stop, rowBase, queries, kept, firstList, lists, selection, wordBase, metric } = p;
  const isCosine = metric === 'cosine' ? 1 : 0;
  const words = [quads, first, start, stop, rowBase, queries, kept, firstList, lists];
  return Int32Array.from([...words, SELECTIONS.indexOf(selection), wordBase, isCosine]);
}

/**
 * One pass over rows for up to `queriesTogether` queries in each workgroup: workgroup (x, y) has the items from `first + x *`
 * {@link ROWS_OF_WORKGROUP} on and the queries from `y * queriesTogether` on. Each lane adds up whole rows, in four sums of every fourth
 * element, in the same order for any number of queries. Reads 4 bytes an element and 8 a row.
 *
 * Bindings after the parameters: rows, (1 / norm, norm) of each row or (0, -1) for one that the host scores, queries padded to whole quads, the
 * words or the list of the selection, and the output. Scores of distances are negated squares, of which the host takes the roots: WGSL
 * does not say how exact a root is. An item that does not count has a score that no other has.
 */
export function scanShader({ sums, output, queriesTogether }: ScanVariant, given: DeviceFeatures): string {
  const features = output === 'best' ? given : NO_FEATURES;
  const rowsTogether = queriesTogether === 1 ? 4 : 1;
  const turns = ROWS_OF_WORKGROUP / (WORKGROUP_LANES * rowsTogether);
  const queries = Array.from({ length: queriesTogether }, (_, q) => q);
  const rows = Array.from({ length: rowsTogether }, (_, r) => r);
  const lines = (parts: readonly string[]) => parts.join('\n      ');
  const each = (write: (r: number, q: number) => string) => lines(rows.flatMap((r) => queries.map((q) => write(r, q))));
  const outputType = output === 'best' ? 'vec2<u32>' : 'f32';
  return /* wgsl */ `
${sortEnables(features)}struct Parameters {
  quads: u32, first: u32, start: u32, stop: u32, row_base: u32, queries: u32, kept: u32, first_list: u32, lists: u32,
  selection: u32, word_base: i32, is_cosine: u32,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> matrix: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norms: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> selected: array<u32>;
@group(0) @binding(5) var<storage, read_write> found: array<${outputType}>;
${output === 'best' ? orderedKeys(features) : ''}
const NOT_COUNTED = ${NOT_COUNTED};

fn row_of(item: u32) -> u32 {
  if (p.selection == ${SELECTIONS.indexOf('list')}u) { return selected[item]; }
  return item;
}

${countsFunction()}
fn score_of(sums: vec4<f32>, inverse_norm: f32) -> f32 {
  let sum = (sums.x + sums.y) + (sums.z + sums.w);
  ${sums === 'squares' ? 'return -sum;' : 'if (p.is_cosine == 0u) { return sum; }\n  return clamp(sum * inverse_norm, -1.0, 1.0);'}
}

@compute @workgroup_size(${WORKGROUP_LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32${sortInputs(features)}) {
  let first_query = group.y * ${queriesTogether}u;
  var scores: array<f32, ${queriesTogether * turns * rowsTogether}>;
  ${lines(queries.map((q) => `let query${q} = min(first_query + ${q}u, p.queries - 1u) * p.quads;`))}
  for (var turn = 0u; turn < ${turns}u; turn++) {
    ${lines(
      rows.map(
        (
          r,
        ) => `let item${r} = p.first + group.x * ${ROWS_OF_WORKGROUP}u + (turn * ${rowsTogether}u + ${r}u) * ${WORKGROUP_LANES}u + lane;
      let counts${r} = counts(item${r});
      let row${r} = row_of(select(p.start, item${r}, counts${r}));
      let at${r} = row${r} / ${ROWS_TOGETHER}u * p.quads * ${ROWS_TOGETHER}u + row${r} % ${ROWS_TOGETHER}u;`,
      ),
    )}
    ${each((r, q) => `var sums${r}_${q} = vec4<f32>();`)}
    for (var quad = 0u; quad < p.quads; quad++) {
      ${lines(rows.map((r) => `let values${r} = matrix[at${r} + quad * ${ROWS_TOGETHER}u];`))}
      ${lines(queries.map((q) => `let wanted${q} = queries[query${q} + quad];`))}
      ${each((r, q) =>
        sums === 'squares'
          ? `let away${r}_${q} = wanted${q} - values${r}; sums${r}_${q} = fma(away${r}_${q}, away${r}_${q}, sums${r}_${q});`
          : `sums${r}_${q} = fma(wanted${q}, values${r}, sums${r}_${q});`,
      )}
    }
    ${each(
      (r, q) =>
        `scores[${q * turns * rowsTogether}u + turn * ${rowsTogether}u + ${r}u] = select(NOT_COUNTED, score_of(sums${r}_${q}, norms[row${r}].x), counts${r});`,
    )}
  }
  for (var q = 0u; q < ${queriesTogether}u && first_query + q < p.queries; q++) {
    ${output === 'best' ? writeBest(features) : WRITE_SCORES}
  }
}
`;
}

/** Whether an item counts, for kernels with these parameters, `selected`, `norms` and `row_of`. */
export function countsFunction(): string {
  return `fn counts(item: u32) -> bool {
  if (item < p.start || item >= p.stop) { return false; }
  if (p.selection == ${SELECTIONS.indexOf('words')}u) {
    let bit = u32(i32(item) - p.word_base);
    if (((selected[bit >> 5u] >> (bit & 31u)) & 1u) == 0u) { return false; }
  }
  return norms[row_of(item)].y >= 0.0;
}
`;
}

/** Below every score. */
const NOT_COUNTED = '-3.0e38';
/** Scores of a lane for each query. */
const ROWS_OF_LANE = ROWS_OF_WORKGROUP / WORKGROUP_LANES;

const WRITE_SCORES = `for (var r = 0u; r < ${ROWS_OF_LANE}u; r++) {
      let item = p.first + group.x * ${ROWS_OF_WORKGROUP}u + r * ${WORKGROUP_LANES}u + lane;
      if (item < p.start || item >= p.stop) { continue; }
      found[(first_query + q) * (p.stop - p.start) + item - p.start] = scores[q * ${ROWS_OF_LANE}u + r];
    }`;

const writeBest = (features: DeviceFeatures) => `for (var r = 0u; r < ${ROWS_OF_LANE}u; r++) {
      let place = r * ${WORKGROUP_LANES}u + lane;
      let item = p.first + group.x * ${ROWS_OF_WORKGROUP}u + place;
      let score = scores[q * ${ROWS_OF_LANE}u + r];
      let is_there = score > NOT_COUNTED;
      keys[place] = select(0u, key_of(score), is_there);
      rows_of_keys[place] = p.row_base + row_of(select(p.start, item, is_there));
    }
    let begin = p.first + group.x * ${ROWS_OF_WORKGROUP}u;
    sort_entries(${sortLane(features)}, min(max(p.stop, begin) - begin, ${ROWS_OF_WORKGROUP}u));
    let list = (first_query + q) * p.lists + p.first_list + group.x;
    for (var i = lane; i < p.kept; i += ${WORKGROUP_LANES}u) {
      found[list * p.kept + i] = vec2<u32>(keys[i], rows_of_keys[i]);
    }
    workgroupBarrier();`;

/** Whether a score was computed, as opposed to that of an item that does not count. */
export function isCounted(score: number): boolean {
  return score > Number(NOT_COUNTED) / 2;
}
