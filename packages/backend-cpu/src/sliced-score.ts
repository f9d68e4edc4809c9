import type { Elements, PreparedCosineSimilarity } from '@gearshift/contracts';
import { DTYPE_CODES } from '@gearshift/native-kit';
import type { CpuAddon } from './addon.js';
import { SCALAR, type AddonOfThread, type CallBlock } from './call-block.js';
import { storedArrays } from './stored-arrays.js';
import { STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** Scores every query with every row, a group of queries at a time. */
export class SlicedScore implements SlicedWork {
  readonly #addon: CpuAddon;
  readonly #block: CallBlock;
  readonly #context: number;
  readonly #source: number | Elements;
  readonly #request: PreparedCosineSimilarity;
  readonly #output: Float32Array;
  #row: number;
  #query = 0;

  constructor(
    { addon, block }: AddonOfThread,
    context: number,
    source: number | Elements,
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
    const { matrix, query, queries, start, end, where } = this.#request;
    const { scalars } = this.#block;
    scalars[SCALAR.context] = this.#context;
    scalars[SCALAR.start] = start;
    scalars[SCALAR.end] = end;
    scalars[SCALAR.from] = this.#row;
    scalars[SCALAR.firstQuery] = this.#query;
    const isResident = typeof this.#source === 'number';
    const values = isResident ? undefined : this.#source;
    scalars[SCALAR.handle] = isResident ? this.#source : 0;
    scalars[SCALAR.dimensions] = matrix.dimensions;
    scalars[SCALAR.dtype] = DTYPE_CODES[matrix.dtype ?? 'float32'];
    scalars[SCALAR.scale] = matrix.scale ?? 1;
    let next: number;
    if (values !== undefined && matrix.snapshot !== undefined) {
      const { sequence, memory } = matrix.snapshot;
      scalars[SCALAR.sequence] = sequence;
      next = this.#addon.score(query, this.#output, values, where?.words, ...storedArrays(memory));
    } else if (where !== undefined) {
      next = this.#addon.score(query, this.#output, values, where.words);
    } else {
      next =
        values === undefined ? this.#addon.score(query, this.#output) : this.#addon.score(query, this.#output, values);
    }
    if (next < 0) return next;
    this.#row = next;
    if (next < end) return STEP_MORE;
    this.#row = start;
    this.#query += this.#addon.queryGroup;
    return this.#query < queries ? STEP_MORE : STEP_DONE;
  }
}
