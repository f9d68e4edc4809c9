import { ok, type BackendError, type Metric, type Result } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { GpuDevice } from '../device/gpu-device.js';
import type { GpuWork, Kernel } from '../device/gpu-work.js';
import type { KernelTimes } from '../device/kernel-clock.js';
import { MERGE, mergeParameters } from '../kernels/merge.js';
import { SORTED_ENTRIES } from '../kernels/ordered-keys.js';
import {
  ROWS_OF_WORKGROUP,
  scanParameters,
  scanShader,
  type ScanOutput,
  type ScanSelection,
  type ScanVariant,
} from '../kernels/scan.js';
import { ROWS_TOGETHER } from '../kernels/lay-out.js';
import type { MatrixCopy } from '../residency/matrix-copy.js';
import type { DeviceQueries } from './device-queries.js';
import type { TileItems } from './selection.js';

/** Entries that a workgroup keeps for {@link DeviceScan.best}: a merge must be left with fewer than it was given. */
export const MOST_KEPT = SORTED_ENTRIES / 4;
const MOST_WORKGROUPS = 65_535;
/** Of the output of one submit. */
const MOST_OUTPUT_BYTES = 16 * 2 ** 20;
const MOST_QUERIES = 64;

/** A key and a row for each entry, best first, without entries that are not there. */
export interface BestEntries {
  readonly keys: Uint32Array;
  readonly rows: Uint32Array;
}

/** Items of one tile that one submit scans. */
interface Piece extends TileItems {
  readonly groups: number;
}

/** Scans of a matrix on a device for some queries, in submits that are short enough for the pace of the device. */
export class DeviceScan {
  readonly #device: GpuDevice;
  readonly #failures: BackendFailures;
  readonly #copy: MatrixCopy;
  readonly #metric: Metric;
  readonly #selection: ScanSelection;
  readonly #items: readonly TileItems[];
  readonly #signal: AbortSignal | undefined;
  readonly #times: KernelTimes;

  constructor(
    device: GpuDevice,
    failures: BackendFailures,
    copy: MatrixCopy,
    metric: Metric,
    selection: ScanSelection,
    items: readonly TileItems[],
    signal: AbortSignal | undefined,
    times: KernelTimes,
  ) {
    this.#device = device;
    this.#failures = failures;
    this.#copy = copy;
    this.#metric = metric;
    this.#selection = selection;
    this.#items = items;
    this.#signal = signal;
    this.#times = times;
  }

  /** The rows with the best scores for each query: `kept` of them, or all if there are fewer. */
  async best(queries: DeviceQueries, kept: number): Promise<Result<BestEntries[], BackendError>> {
    const found: BestEntries[] = queries.numbers.map(() => ({ keys: new Uint32Array(0), rows: new Uint32Array(0) }));
    const together = Math.min(MOST_QUERIES, queries.numbers.length);
    const kernel = await this.#kernel('best', together);
    const merge = await this.#device.kernel('merge', () => MERGE);
    if (!kernel.ok) return kernel;
    if (!merge.ok) return merge;
    for (let first = 0; first < queries.numbers.length; first += together) {
      const count = Math.min(together, queries.numbers.length - first);
      const mostGroups = Math.max(1, Math.floor(MOST_OUTPUT_BYTES / (count * kept * 8)));
      for (const pieces of this.#submits(count, mostGroups)) {
        const results = await this.#run(pieces, count, (work) => {
          const lists = pieces.reduce((sum, { groups }) => sum + groups, 0);
          const output = work.scratch(count * lists * kept * 8);
          const input = this.#queryInput(work, queries, first, count);
          let firstList = 0;
          for (const piece of pieces) {
            this.#dispatch(work, kernel.value, piece, input, count, together, output, { kept, firstList, lists });
            firstList += piece.groups;
          }
          work.read(mergeLists(work, merge.value, output, { lists, kept, queries: count }), count * kept * 8);
        });
        if (!results.ok) return results;
        const entries = new Uint32Array(results.value[0]);
        for (let q = 0; q < count; q++) {
          const list = entries.subarray(q * kept * 2, (q + 1) * kept * 2);
          found[first + q] = mergeEntries(found[first + q], list, kept);
        }
      }
    }
    return ok(found);
  }

  /**
   * Scores of all items for all queries, piece by piece.
   *
   * @param take receives what was computed for a query, by its place among the queries, for the items of a tile from `start` on
   */
  async all(
    queries: DeviceQueries,
    take: (query: number, items: TileItems, start: number, values: Float32Array) => void,
  ): Promise<Failure | undefined> {
    const together = Math.min(MOST_QUERIES, queries.numbers.length);
    const kernel = await this.#kernel('scores', together);
    if (!kernel.ok) return kernel;
    for (let first = 0; first < queries.numbers.length; first += together) {
      const count = Math.min(together, queries.numbers.length - first);
      const mostGroups = Math.max(1, Math.floor(MOST_OUTPUT_BYTES / (count * ROWS_OF_WORKGROUP * 4)));
      for (const pieces of this.#submits(count, mostGroups)) {
        const results = await this.#run(pieces, count, (work) => {
          const input = this.#queryInput(work, queries, first, count);
          for (const piece of pieces) {
            const bytes = count * (piece.stop - piece.start) * 4;
            const target = work.scratch(bytes);
            this.#dispatch(work, kernel.value, piece, input, count, together, target, {
              kept: 0,
              firstList: 0,
              lists: 0,
            });
            work.read(target, bytes);
          }
        });
        if (!results.ok) return results;
        for (const [i, piece] of pieces.entries()) {
          const values = new Float32Array(results.value[i]);
          const length = piece.stop - piece.start;
          for (let q = 0; q < count; q++)
            take(first + q, piece, piece.start, values.subarray(q * length, (q + 1) * length));
        }
      }
    }
    return undefined;
  }

  #kernel(output: ScanOutput, queries: number): Promise<Result<Kernel, BackendError>> {
    const sums = this.#metric === 'euclidean' ? 'squares' : 'products';
    const variant: ScanVariant = { sums, output, queriesTogether: queries === 1 ? 1 : 8 };
    return this.#device.kernel(`scan ${Object.values(variant).join(' ')}`, () => scanShader(variant));
  }

  async #run(
    pieces: readonly Piece[],
    queries: number,
    record: (work: GpuWork) => void,
  ): Promise<Result<ArrayBuffer[], BackendError>> {
    if (this.#signal?.aborted === true) return this.#failures.aborted();
    const rows = pieces.reduce((sum, { start, stop }) => sum + stop - start, 0);
    return this.#device.run(record, rows * this.#copy.quads * 4 * queries, this.#times);
  }

  /** The items in submits of at most so many workgroups, and of the work that the pace of the device allows. */
  *#submits(queries: number, mostGroups: number): Generator<Piece[]> {
    let pieces: Piece[] = [];
    let groupsLeft = this.#groupsOfSubmit(queries, mostGroups);
    for (const items of this.#items) {
      for (let start = items.start; start < items.stop;) {
        if (groupsLeft === 0) {
          yield pieces;
          pieces = [];
          groupsLeft = this.#groupsOfSubmit(queries, mostGroups);
        }
        const origin = originOf(start);
        const stop = Math.min(items.stop, origin + Math.min(groupsLeft, MOST_WORKGROUPS) * ROWS_OF_WORKGROUP);
        const groups = Math.ceil((stop - origin) / ROWS_OF_WORKGROUP);
        pieces.push({ ...items, start, stop, groups });
        groupsLeft -= groups;
        start = stop;
      }
    }
    if (pieces.length > 0) yield pieces;
  }

  #groupsOfSubmit(queries: number, mostGroups: number): number {
    const workOfGroup = ROWS_OF_WORKGROUP * this.#copy.quads * 4 * queries;
    return Math.max(1, Math.min(mostGroups, Math.floor(this.#device.pace.workPerSubmit / workOfGroup)));
  }

  #queryInput(work: GpuWork, { values }: DeviceQueries, first: number, count: number): GPUBuffer {
    const width = this.#copy.quads * 4;
    return work.input(values.subarray(first * width, (first + count) * width));
  }

  #dispatch(
    work: GpuWork,
    kernel: Kernel,
    piece: Piece,
    input: GPUBuffer,
    queries: number,
    together: number,
    output: GPUBuffer,
    lists: { readonly kept: number; readonly firstList: number; readonly lists: number },
  ): void {
    const { tile, start, stop, selected, wordBase, groups } = piece;
    const parameters = work.parameters(
      scanParameters({
        ...lists,
        quads: this.#copy.quads,
        first: originOf(start),
        start,
        stop,
        rowBase: tile.first,
        queries,
        selection: this.#selection,
        wordBase,
        metric: this.#metric,
      }),
    );
    const selection = work.input(selected ?? NO_SELECTION);
    work.dispatch(
      kernel,
      [parameters, tile.rows, tile.norms, input, selection, output],
      groups,
      Math.ceil(queries / (together === 1 ? 1 : 8)),
    );
  }
}

/** A binding has at least one element. */
const NO_SELECTION = new Uint32Array(1);

/** Workgroups begin with whole groups of rows. */
function originOf(item: number): number {
  return Math.floor(item / ROWS_TOGETHER) * ROWS_TOGETHER;
}

/** Merges the lists of each query until there is one. */
function mergeLists(
  work: GpuWork,
  merge: Kernel,
  output: GPUBuffer,
  { lists, kept, queries }: { readonly lists: number; readonly kept: number; readonly queries: number },
): GPUBuffer {
  let current = output;
  let left = lists;
  while (left > 1) {
    const entries = left * kept;
    left = Math.ceil(entries / SORTED_ENTRIES);
    const next = work.scratch(queries * left * kept * 8);
    work.dispatch(merge, [work.parameters(mergeParameters(entries, kept, left)), current, next], left, queries);
    current = next;
  }
  return current;
}

/** Adds a list of pairs, in which a key of 0 ends the entries, to entries of earlier pieces. */
function mergeEntries(before: BestEntries, list: Uint32Array, kept: number): BestEntries {
  let count = 0;
  while (count < kept && list[2 * count] !== 0) count += 1;
  const total = Math.min(kept, before.keys.length + count);
  const keys = new Uint32Array(total);
  const rows = new Uint32Array(total);
  for (let i = 0, a = 0, b = 0; i < total; i++) {
    const isOld =
      b >= count ||
      (a < before.keys.length &&
        (before.keys[a] > list[2 * b] || (before.keys[a] === list[2 * b] && before.rows[a] < list[2 * b + 1])));
    keys[i] = isOld ? before.keys[a] : list[2 * b];
    rows[i] = isOld ? before.rows[a++] : list[2 * b++ + 1];
  }
  return { keys, rows };
}
