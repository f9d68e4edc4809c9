import type { PreparedCosineSimilarity } from '@gearshift/contracts';
import type { CpuAddon } from './addon.js';
import { STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** Scores of every query with every row, a group of queries at a time. */
export class SlicedScore implements SlicedWork {
  readonly #addon: CpuAddon;
  readonly #context: number;
  readonly #source: number | Float32Array;
  readonly #request: PreparedCosineSimilarity;
  readonly #output: Float32Array;
  #row: number;
  #query = 0;

  constructor(
    addon: CpuAddon,
    context: number,
    source: number | Float32Array,
    request: PreparedCosineSimilarity,
    output: Float32Array,
  ) {
    this.#addon = addon;
    this.#context = context;
    this.#source = source;
    this.#request = request;
    this.#output = output;
    this.#row = request.start;
  }

  step(): number {
    const { matrix, query, queries, start, end } = this.#request;
    const next = this.#addon.score(
      this.#context,
      this.#source,
      matrix.dimensions,
      query,
      this.#output,
      start,
      end,
      this.#row,
      this.#query,
    );
    if (next < 0) return next;
    this.#row = next;
    if (next < end) return STEP_MORE;
    this.#row = start;
    this.#query += this.#addon.queryGroup;
    return this.#query < queries ? STEP_MORE : STEP_DONE;
  }
}
