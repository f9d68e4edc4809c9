import { mergeRanked, type PreparedTopK, type RankedList, type TopKOutput } from '@gearshift/contracts';
import type { CpuAddon } from './addon.js';
import { STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** The best rows for every query, a group of queries at a time; a group that takes several slices is merged as it goes. */
export class SlicedTopK implements SlicedWork {
  readonly #addon: CpuAddon;
  readonly #context: number;
  readonly #source: number | Float32Array;
  readonly #request: PreparedTopK;
  readonly #output: TopKOutput;
  readonly #first: number;
  readonly #last: number;
  /** Next row, or next candidate where the request names some. */
  #position: number;
  #query = 0;

  constructor(
    addon: CpuAddon,
    context: number,
    source: number | Float32Array,
    request: PreparedTopK,
    output: TopKOutput,
  ) {
    this.#addon = addon;
    this.#context = context;
    this.#source = source;
    this.#request = request;
    this.#output = output;
    this.#first = request.candidates === undefined ? request.start : 0;
    this.#last = request.candidates === undefined ? request.end : request.candidates.length;
    this.#position = this.#first;
  }

  step(): number {
    const isFirstSlice = this.#position === this.#first;
    const next = isFirstSlice ? this.#select(this.#output, 0) : this.#selectAndMerge();
    if (next < 0) return next;
    this.#position = next;
    if (next < this.#last) return STEP_MORE;
    this.#position = this.#first;
    this.#query += this.#addon.queryGroup;
    return this.#query < this.#request.queries ? STEP_MORE : STEP_DONE;
  }

  /** Writes the best of one slice for the current group; the entries of `outputQuery` stand at the front. */
  #select(output: RankedList, outputQuery: number): number {
    const { matrix, query, count, candidates } = this.#request;
    return this.#addon.topK(
      this.#context,
      this.#source,
      matrix.dimensions,
      query,
      output.indices,
      output.scores,
      count,
      outputQuery,
      this.#position,
      this.#last,
      this.#query,
      candidates,
    );
  }

  #selectAndMerge(): number {
    const { count, queries, metric } = this.#request;
    const inGroup = Math.min(this.#addon.queryGroup, queries - this.#query);
    const slice = { indices: new Uint32Array(inGroup * count), scores: new Float32Array(inGroup * count) };
    const next = this.#select(slice, this.#query);
    if (next < 0) return next;
    const known = Math.min(count, this.#position - this.#first);
    const found = Math.min(count, next - this.#position);
    for (let q = 0; q < inGroup; q++) {
      const target = part(this.#output, (this.#query + q) * count, count);
      const before = part(this.#output, (this.#query + q) * count, known);
      const copy = { indices: before.indices.slice(), scores: before.scores.slice() };
      mergeRanked(metric, [copy, part(slice, q * count, found)], target);
    }
    return next;
  }
}

function part(list: RankedList, from: number, length: number): RankedList {
  return { indices: list.indices.subarray(from, from + length), scores: list.scores.subarray(from, from + length) };
}
