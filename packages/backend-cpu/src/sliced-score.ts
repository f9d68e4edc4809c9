import type { PreparedCosineSimilarity } from '@gearshift/contracts';
import type { CpuAddon } from './addon.js';
import { SCALAR, type AddonOfThread, type CallBlock } from './call-block.js';
import { storedArrays } from './stored-arrays.js';
import { STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** Scores every query with every row, a group of queries at a time. */
export class SlicedScore implements SlicedWork {
  readonly #addon: CpuAddon;
  readonly #block: CallBlock;
  readonly #context: number;
  readonly #source: number | Float32Array;
  readonly #request: PreparedCosineSimilarity;
  readonly #output: Float32Array;
  #row: number;
  #query = 0;

  constructor(
    { addon, block }: AddonOfThread,
    context: number,
    source: number | Float32Array,
    request: PreparedCosineSimilarity,
    output: Float32Array,
  ) {
    this.#addon = addon;
    this.#block = block;
    this.#context = context;
    this.#source = source;
    this.#request = request;
    this.#output = output;
    this.#row = request.start;
  }

  step(): number {
    const { matrix, query, queries, start, end } = this.#request;
    const { scalars } = this.#block;
    scalars[SCALAR.context] = this.#context;
    scalars[SCALAR.start] = start;
    scalars[SCALAR.end] = end;
    scalars[SCALAR.from] = this.#row;
    scalars[SCALAR.firstQuery] = this.#query;
    let next: number;
    if (typeof this.#source === 'number') {
      scalars[SCALAR.handle] = this.#source;
      next = this.#addon.score(query, this.#output);
    } else {
      const { snapshot } = matrix;
      scalars[SCALAR.handle] = 0;
      scalars[SCALAR.dimensions] = matrix.dimensions;
      if (snapshot === undefined) {
        next = this.#addon.score(query, this.#output, this.#source);
      } else {
        scalars[SCALAR.sequence] = snapshot.sequence;
        next = this.#addon.score(query, this.#output, this.#source, ...storedArrays(snapshot.memory));
      }
    }
    if (next < 0) return next;
    this.#row = next;
    if (next < end) return STEP_MORE;
    this.#row = start;
    this.#query += this.#addon.queryGroup;
    return this.#query < queries ? STEP_MORE : STEP_DONE;
  }
}
