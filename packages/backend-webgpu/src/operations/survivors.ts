import { ok, type BackendError, type Metric, type Result } from '@gearshift/contracts';
import type { GpuDevice } from '../device/gpu-device.js';
import type { GpuWork, Kernel } from '../device/gpu-work.js';
import type { KernelTimes } from '../device/kernel-clock.js';
import { boundsParameters, boundsQueryWidth, boundsShader } from '../kernels/bounds.js';
import { roundedUp } from '../kernels/companion-code.js';
import { mergeShader } from '../kernels/merge.js';
import { SORTED_ENTRIES } from '../kernels/sort.js';
import { SURVIVORS, SURVIVORS_LANES, survivorsParameters } from '../kernels/survivors.js';
import type { MatrixCompanion } from '../residency/matrix-companion.js';
import type { MatrixCopy } from '../residency/matrix-copy.js';
import { mergeLists } from './best-entries.js';
import { groupCount, itemCount, MOST_WORKGROUPS, originOf, type Piece } from './scan-pieces.js';

/** More rows than this share of a piece are not worth a score each by a list: a scan reads memory in order. */
const MOST_SHARE = 1 / 8;
const MOST_ROWS = 16 * SORTED_ENTRIES;

export interface SurvivorKernels {
  readonly bounds: Kernel;
  readonly merge: Kernel;
  readonly survivors: Kernel;
}

export interface SurvivorQueries {
  /** Padded to `dimensions` rounded up to fours. */
  readonly values: Float32Array;
  readonly count: number;
  /** Whether the kernels are those for several queries. */
  readonly isOfMany: boolean;
  /** Of each query, the key that an entry has to reach; 0 if there is none yet. */
  readonly floors: Uint32Array;
  readonly kept: number;
  readonly metric: Metric;
  readonly selection: 'range' | 'words';
}

/** For each piece, the rows of its tile that may be among the best of a query, in any order. */
export interface Survivors {
  readonly rows: readonly GPUBuffer[];
  /** How many there are: more than there is room for where the bounds exclude too few. */
  readonly counts: GPUBuffer;
}

export async function survivorKernels(
  device: GpuDevice,
  { kind }: MatrixCompanion,
  queries: number,
  times: KernelTimes,
): Promise<Result<SurvivorKernels, BackendError>> {
  const queriesTogether = queries === 1 ? 1 : 8;
  const code = () => boundsShader({ companion: kind, queriesTogether }, device.features);
  const bounds = await device.kernel(`bounds ${kind} ${queriesTogether}`, code, times);
  const merge = await device.kernel('merge', () => mergeShader(device.features), times);
  const survivors = await device.kernel('survivors', () => SURVIVORS, times);
  if (!bounds.ok) return bounds;
  if (!merge.ok) return merge;
  if (!survivors.ok) return survivors;
  return ok({ bounds: bounds.value, merge: merge.value, survivors: survivors.value });
}

/** How many rows of a piece there is room for. */
export function mostSurvivors({ start, stop }: Piece): number {
  return Math.min(MOST_ROWS, Math.max(SORTED_ENTRIES, Math.floor((stop - start) * MOST_SHARE)));
}

/** Records the search for rows of some pieces that the companion does not exclude. */
export function recordSurvivors(
  work: GpuWork,
  kernels: SurvivorKernels,
  copy: MatrixCopy,
  companion: MatrixCompanion,
  pieces: readonly Piece[],
  queries: SurvivorQueries,
): Survivors {
  const { count, kept, floors } = queries;
  const { uppers, lowest } = recordBounds(work, kernels.bounds, copy, companion, pieces, queries);
  const bounds = itemCount(pieces);
  const lists = groupCount(pieces);
  const best = mergeLists(work, kernels.merge, lowest, { lists, kept, queries: count });
  const limits = work.input(floors);
  const counts = work.input(new Uint32Array(pieces.length));
  let firstBound = 0;
  const rows = pieces.map((piece, counter) => {
    const { start, stop } = piece;
    const most = mostSurvivors(piece);
    const list = work.scratch(most * 4);
    const items = stop - start;
    const parameters = work.parameters(
      survivorsParameters({ start, items, firstBound, bounds, queries: count, kept, counter, most }),
    );
    const groups = Math.ceil(items / SURVIVORS_LANES);
    const x = Math.min(groups, MOST_WORKGROUPS);
    work.dispatch(kernels.survivors, [parameters, uppers, best, limits, list, counts], x, Math.ceil(groups / x));
    firstBound += items;
    return list;
  });
  return { rows, counts };
}

/**
 * Records the bounds of the scores of all items.
 *
 * @returns for each query the keys of the upper bounds, piece after piece, and a list of some of the best lower bounds for each workgroup
 */
export function recordBounds(
  work: GpuWork,
  kernel: Kernel,
  copy: MatrixCopy,
  companion: MatrixCompanion,
  pieces: readonly Piece[],
  queries: SurvivorQueries,
): { readonly uppers: GPUBuffer; readonly lowest: GPUBuffer } {
  const { count, kept } = queries;
  const lists = groupCount(pieces);
  const bounds = itemCount(pieces);
  const uppers = work.scratch(count * bounds * 4);
  const lowest = work.scratch(count * lists * kept * 8);
  const input = work.input(withLengths(queries, copy, companion));
  let firstList = 0;
  let firstBound = 0;
  for (const piece of pieces) {
    const { tile, start, stop, selected, wordBase, groups } = piece;
    const parameters = work.parameters(
      boundsParameters({
        blocks: companion.blocks,
        first: originOf(start),
        start,
        stop,
        queries: count,
        kept,
        firstList,
        lists,
        selection: queries.selection,
        wordBase,
        metric: queries.metric,
        firstBound,
        bounds,
        distanceFactor: companion.factors.distance,
      }),
    );
    const { codes, scales } = companion.tile(copy.tiles.indexOf(tile));
    const selection = work.input(selected ?? new Uint32Array(1));
    work.dispatch(
      kernel,
      [parameters, codes, scales, tile.norms, input, selection, lowest, uppers],
      groups,
      Math.ceil(count / (queries.isOfMany ? 8 : 1)),
    );
    firstList += groups;
    firstBound += stop - start;
  }
  return { uppers, lowest };
}

/** The queries as the bounds read them: padded to whole blocks, with their length, rounded up, and its square behind. */
function withLengths(
  { values, count }: SurvivorQueries,
  { quads }: MatrixCopy,
  { kind, blocks }: MatrixCompanion,
): Float32Array {
  const width = boundsQueryWidth(kind, blocks);
  const padded = new Float32Array(count * width);
  for (let q = 0; q < count; q++) {
    const query = values.subarray(q * quads * 4, (q + 1) * quads * 4);
    padded.set(query, q * width);
    let squares = 0;
    for (const element of query) squares += element * element;
    const at = (q + 1) * width - 4;
    // The sum is in double precision: it has far fewer roundings than the next float is away.
    padded[at] = roundedUp(Math.sqrt(squares) * (1 + 2 ** -40));
    padded[at + 1] = squares;
  }
  return padded;
}
