import { ok, type BackendError, type Metric, type Result, type SearchCounts } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { GpuDevice } from '../device/gpu-device.js';
import type { GpuWork, Kernel } from '../device/gpu-work.js';
import type { KernelTimes } from '../device/kernel-clock.js';
import { mergeShader } from '../kernels/merge.js';
import { SORTED_ENTRIES } from '../kernels/sort.js';
import {
  ROWS_OF_WORKGROUP,
  scanParameters,
  scanShader,
  STOP_OFFSET,
  type ScanOutput,
  type ScanSelection,
  type ScanVariant,
} from '../kernels/scan.js';
import type { MatrixCompanion } from '../residency/matrix-companion.js';
import type { MatrixCopy } from '../residency/matrix-copy.js';
import { mergeEntries, mergeLists, NO_ENTRIES, type BestEntries } from './best-entries.js';
import type { DeviceQueries } from './device-queries.js';
import { groupCount, itemCount, originOf, piecesOf, type Piece } from './scan-pieces.js';
import { SearchCounter } from './search-counter.js';
import type { TileItems } from './selection.js';
import { mostSurvivors, recordSurvivors, survivorKernels, type SurvivorKernels } from './survivors.js';

/** Entries that a workgroup keeps for {@link DeviceScan.best}: a merge must be left with fewer than it was given. */
export const MOST_KEPT = SORTED_ENTRIES / 4;
/** Of the output of one submit. */
const MOST_OUTPUT_BYTES = 16 * 2 ** 20;
const MOST_QUERIES = 64;

/** Some queries of a request that are ranked together. */
interface Batch {
  readonly values: Float32Array;
  readonly count: number;
  /** Whether the kernels are those for several queries. */
  readonly isOfMany: boolean;
  readonly kept: number;
  /** The best entries of earlier submits. */
  readonly found: readonly BestEntries[];
}

/** A companion to use, and its kernels. */
interface Certified {
  readonly companion: MatrixCompanion;
  readonly kernels: SurvivorKernels;
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
  #counter = new SearchCounter();

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

  /** How the last ranking used the companion; undefined if it did not. */
  get search(): SearchCounts | undefined {
    return this.#counter.counts();
  }

  /** The rows with the best scores for each query: `kept` of them, or all if there are fewer. */
  async best(queries: DeviceQueries, kept: number): Promise<Result<BestEntries[], BackendError>> {
    this.#counter = new SearchCounter();
    const found: BestEntries[] = queries.numbers.map(() => NO_ENTRIES);
    const together = Math.min(MOST_QUERIES, queries.numbers.length);
    const usable = await this.#certified(together);
    if (!usable.ok) return usable;
    let certified = usable.value;
    for (let first = 0; first < queries.numbers.length; first += together) {
      const count = Math.min(together, queries.numbers.length - first);
      const bytesOfGroup = count * (kept * 8 + (certified === undefined ? 0 : ROWS_OF_WORKGROUP * 4));
      const mostGroups = Math.max(1, Math.floor(MOST_OUTPUT_BYTES / bytesOfGroup));
      const values = this.#valuesOf(queries, first, count);
      for (const pieces of piecesOf(this.#items, () => this.#groupsOfSubmit(count, mostGroups))) {
        const batch = { values, count, isOfMany: together > 1, kept, found: found.slice(first, first + count) };
        let lists = certified && (await this.#bestOfSurvivors(pieces, batch, certified));
        if (lists === undefined) {
          if (usable.value !== undefined) this.#counter.addScan(pieces, count);
          certified = undefined;
          lists = await this.#bestOfAll(pieces, batch);
        }
        if (!lists.ok) return lists;
        for (let q = 0; q < count; q++) {
          const list = lists.value.subarray(q * kept * 2, (q + 1) * kept * 2);
          found[first + q] = mergeEntries(found[first + q], list, kept);
        }
      }
    }
    usable.value?.companion.recordOutcome(this.#metric, certified === undefined);
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
    const kernel = await this.#kernel('scores', together > 1);
    if (!kernel.ok) return kernel;
    for (let first = 0; first < queries.numbers.length; first += together) {
      const count = Math.min(together, queries.numbers.length - first);
      const mostGroups = Math.max(1, Math.floor(MOST_OUTPUT_BYTES / (count * ROWS_OF_WORKGROUP * 4)));
      const values = this.#valuesOf(queries, first, count);
      for (const pieces of piecesOf(this.#items, () => this.#groupsOfSubmit(count, mostGroups))) {
        const results = await this.#run(pieces, count, (work) => {
          const input = work.input(values);
          for (const piece of pieces) {
            const bytes = count * (piece.stop - piece.start) * 4;
            const target = work.scratch(bytes);
            const lists = { kept: 0, firstList: 0, lists: 0 };
            this.#dispatch(work, kernel.value, piece, input, count, together > 1, target, lists);
            work.read(target, bytes);
          }
        });
        if (!results.ok) return results;
        if (this.#counter.isUsed) this.#counter.addScan(pieces, count);
        for (const [i, piece] of pieces.entries()) {
          const scores = new Float32Array(results.value[i]);
          const length = piece.stop - piece.start;
          for (let q = 0; q < count; q++)
            take(first + q, piece, piece.start, scores.subarray(q * length, (q + 1) * length));
        }
      }
    }
    return undefined;
  }

  /** The companion of the rows, unless a list of rows is read or it left too many rows lately. */
  async #certified(queries: number): Promise<Result<Certified | undefined, BackendError>> {
    const { companion } = this.#copy;
    const isUsable = this.#selection !== 'list' && companion?.isWorthATry(this.#metric) === true;
    if (!isUsable) return ok(undefined);
    const kernels = await survivorKernels(this.#device, companion, queries, this.#times);
    return kernels.ok ? ok({ companion, kernels: kernels.value }) : kernels;
  }

  /** The best entries of the items that the companion does not exclude; undefined if it excludes too few. */
  async #bestOfSurvivors(
    pieces: readonly Piece[],
    batch: Batch,
    { companion, kernels }: Certified,
  ): Promise<Result<Uint32Array, BackendError> | undefined> {
    const { values, count, isOfMany, kept, found } = batch;
    const kernel = await this.#kernel('best', isOfMany);
    if (!kernel.ok) return kernel;
    const floors = Uint32Array.from(found, ({ keys }) => keys[kept - 1] ?? 0);
    const selection = this.#selection === 'words' ? 'words' : 'range';
    const queries = { values, count, isOfMany, floors, kept, metric: this.#metric, selection } as const;
    const results = await this.#run(pieces, count, (work) => {
      const { rows, counts } = recordSurvivors(work, kernels, this.#copy, companion, pieces, queries);
      const lists = pieces.reduce((sum, piece) => sum + Math.ceil(mostSurvivors(piece) / ROWS_OF_WORKGROUP), 0);
      const output = work.scratch(count * lists * kept * 8);
      const input = work.input(values);
      let firstList = 0;
      for (const [i, piece] of pieces.entries()) {
        const groups = Math.ceil(mostSurvivors(piece) / ROWS_OF_WORKGROUP);
        const listed = { ...piece, start: 0, stop: 0, wordBase: 0, groups };
        const selected = { rows: rows[i], counts, counter: i };
        this.#dispatch(
          work,
          kernel.value,
          listed,
          input,
          count,
          isOfMany,
          output,
          { kept, firstList, lists },
          selected,
        );
        firstList += groups;
      }
      const best = mergeLists(work, kernels.merge, output, { lists, kept, queries: count });
      work.read(best, count * kept * 8);
      work.read(counts, pieces.length * 4);
    });
    if (!results.ok) return results;
    const left = new Uint32Array(results.value[1]);
    if (pieces.some((piece, i) => left[i] > mostSurvivors(piece))) return undefined;
    const total = left.reduce((sum, one) => sum + one, 0);
    this.#counter.addCertified(pieces, count, total);
    return ok(new Uint32Array(results.value[0]));
  }

  /** The best entries of all items. */
  async #bestOfAll(pieces: readonly Piece[], batch: Batch): Promise<Result<Uint32Array, BackendError>> {
    const { values, count, isOfMany, kept } = batch;
    const kernel = await this.#kernel('best', isOfMany);
    const merge = await this.#device.kernel('merge', () => mergeShader(this.#device.features), this.#times);
    if (!kernel.ok) return kernel;
    if (!merge.ok) return merge;
    const results = await this.#run(pieces, count, (work) => {
      const lists = groupCount(pieces);
      const output = work.scratch(count * lists * kept * 8);
      const input = work.input(values);
      let firstList = 0;
      for (const piece of pieces) {
        this.#dispatch(work, kernel.value, piece, input, count, isOfMany, output, { kept, firstList, lists });
        firstList += piece.groups;
      }
      work.read(mergeLists(work, merge.value, output, { lists, kept, queries: count }), count * kept * 8);
    });
    return results.ok ? ok(new Uint32Array(results.value[0])) : results;
  }

  #kernel(output: ScanOutput, isOfMany: boolean): Promise<Result<Kernel, BackendError>> {
    const sums = this.#metric === 'euclidean' ? 'squares' : 'products';
    const variant: ScanVariant = { sums, output, queriesTogether: isOfMany ? 8 : 1 };
    return this.#device.kernel(
      `scan ${Object.values(variant).join(' ')}`,
      () => scanShader(variant, this.#device.features),
      this.#times,
    );
  }

  #valuesOf({ values }: DeviceQueries, first: number, count: number): Float32Array {
    const width = this.#copy.quads * 4;
    return values.subarray(first * width, (first + count) * width);
  }

  async #run(
    pieces: readonly Piece[],
    queries: number,
    record: (work: GpuWork) => void,
  ): Promise<Result<ArrayBuffer[], BackendError>> {
    if (this.#signal?.aborted === true) return this.#failures.aborted();
    return this.#device.run(record, itemCount(pieces) * this.#copy.quads * 4 * queries, this.#times);
  }

  #groupsOfSubmit(queries: number, mostGroups: number): number {
    const workOfGroup = ROWS_OF_WORKGROUP * this.#copy.quads * 4 * queries;
    return Math.max(1, Math.min(mostGroups, Math.floor(this.#device.pace.workPerSubmit / workOfGroup)));
  }

  /** @param listed a list of rows that a kernel wrote, and the counter that says how many it has */
  #dispatch(
    work: GpuWork,
    kernel: Kernel,
    { tile, start, stop, selected, wordBase, groups }: Piece,
    input: GPUBuffer,
    queries: number,
    isOfMany: boolean,
    output: GPUBuffer,
    lists: { readonly kept: number; readonly firstList: number; readonly lists: number },
    listed?: { readonly rows: GPUBuffer; readonly counts: GPUBuffer; readonly counter: number },
  ): void {
    const parameters = work.parameters(
      scanParameters({
        ...lists,
        quads: this.#copy.quads,
        first: originOf(start),
        start,
        stop,
        rowBase: tile.first,
        queries,
        selection: listed === undefined ? this.#selection : 'list',
        wordBase,
        metric: this.#metric,
      }),
    );
    if (listed !== undefined) work.copy(listed.counts, listed.counter * 4, parameters, STOP_OFFSET, 4);
    const selection = listed?.rows ?? work.input(selected ?? NO_SELECTION);
    const buffers = [parameters, tile.rows, tile.norms, input, selection, output];
    work.dispatch(kernel, buffers, groups, Math.ceil(queries / (isOfMany ? 8 : 1)));
  }
}

/** A binding has at least one element. */
const NO_SELECTION = new Uint32Array(1);
