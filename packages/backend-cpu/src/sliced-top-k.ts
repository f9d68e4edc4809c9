import { mergeRanked, type Elements, type PreparedTopK, type RankedList, type TopKOutput } from '@gearshift/contracts';
import { countRows } from '@gearshift/contracts/internal';
import { DTYPE_CODES } from '@gearshift/native-kit';
import type { CpuAddon } from './addon.js';
import { BLOCK_RESULTS, SCALAR, type AddonOfThread, type CallBlock } from './call-block.js';
import { storedArrays } from './stored-arrays.js';
import { Searched } from './searched.js';
import { STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** Ranks the best rows for every query, a group of queries at a time. The slices of a group are merged one by one. */
export class SlicedTopK implements SlicedWork {
  readonly #addon: CpuAddon;
  readonly #block: CallBlock;
  readonly #context: number;
  readonly #source: number | Elements;
  readonly #request: PreparedTopK;
  readonly #output: TopKOutput;
  readonly #first: number;
  readonly #last: number;
  /** The next row, or the next candidate if the request has candidates. */
  #position: number;
  #query = 0;
  /** Those of the current group; 0 before its first slice, which says how many. */
  #inGroup = 0;
  #searched: Searched | undefined;

  constructor(
    { addon, block }: AddonOfThread,
    context: number,
    source: number | Elements,
    request: PreparedTopK,
    output: TopKOutput,
    searched?: Searched,
  ) {
    this.#addon = addon;
    this.#block = block;
    this.#context = context;
    this.#source = source;
    this.#request = request;
    this.#output = output;
    this.#searched = searched;
    this.#first = request.candidates === undefined ? request.start : 0;
    this.#last = request.candidates === undefined ? request.end : request.candidates.length;
    this.#position = this.#first;
  }

  /** How codes were used; undefined if there is nothing to say, as of most requests. */
  get searched(): Searched | undefined {
    return this.#searched;
  }

  step(): number {
    const { count, queries } = this.#request;
    const isFirstSlice = this.#position === this.#first;
    const most = isFirstSlice ? Math.min(this.#addon.rankingGroup, queries - this.#query) : this.#inGroup;
    let next: number;
    if (most * count <= BLOCK_RESULTS) {
      next = this.#select(this.#query);
      if (next > this.#position && isFirstSlice) this.#copyFromBlock(this.#block.scalars[SCALAR.queries] * count);
      else if (next > this.#position) this.#merge(this.#block, next);
    } else if (isFirstSlice) {
      next = this.#select(0, this.#output);
    } else {
      const slice = { indices: new Uint32Array(most * count), scores: new Float32Array(most * count) };
      next = this.#select(this.#query, slice);
      if (next > this.#position) this.#merge(slice, next);
    }
    if (next < 0) return next;
    if (this.#block.scalars[SCALAR.scanned] !== 0) this.#addSearch();
    this.#inGroup = this.#block.scalars[SCALAR.queries];
    this.#position = next;
    if (next < this.#last) return STEP_MORE;
    this.#position = this.#first;
    this.#query += this.#inGroup;
    this.#inGroup = 0;
    return this.#query < queries ? STEP_MORE : STEP_DONE;
  }

  /** The best of one slice for the current group: in `output`, or in the block; the entries of `outputQuery` come first. */
  #select(outputQuery: number, output?: RankedList): number {
    const { matrix, query, count, candidates, where } = this.#request;
    const { scalars } = this.#block;
    const isResident = typeof this.#source === 'number';
    const values = isResident ? undefined : this.#source;
    scalars[SCALAR.context] = this.#context;
    scalars[SCALAR.handle] = isResident ? this.#source : 0;
    scalars[SCALAR.dimensions] = matrix.dimensions;
    scalars[SCALAR.dtype] = DTYPE_CODES[matrix.dtype ?? 'float32'];
    scalars[SCALAR.scale] = matrix.scale ?? 1;
    scalars[SCALAR.k] = count;
    scalars[SCALAR.outputQuery] = outputQuery;
    scalars[SCALAR.from] = this.#position;
    scalars[SCALAR.end] = this.#last;
    scalars[SCALAR.firstQuery] = this.#query;
    scalars[SCALAR.queries] = this.#inGroup;
    if (values !== undefined && matrix.snapshot !== undefined) {
      const { sequence, memory } = matrix.snapshot;
      const stored = storedArrays(memory);
      scalars[SCALAR.sequence] = sequence;
      return this.#addon.topK(query, values, candidates, output?.indices, output?.scores, where?.words, ...stored);
    }
    if (where !== undefined) {
      return this.#addon.topK(query, values, undefined, output?.indices, output?.scores, where.words);
    }
    if (output !== undefined) return this.#addon.topK(query, values, candidates, output.indices, output.scores);
    if (candidates !== undefined) return this.#addon.topK(query, values, candidates);
    return values === undefined ? this.#addon.topK(query) : this.#addon.topK(query, values);
  }

  #addSearch(): void {
    const { scalars } = this.#block;
    this.#searched ??= new Searched();
    this.#searched.add(
      scalars[SCALAR.scanned],
      scalars[SCALAR.examined],
      scalars[SCALAR.rescored],
      scalars[SCALAR.whole],
      scalars[SCALAR.plain],
    );
  }

  #copyFromBlock(entries: number): void {
    const { indices, scores } = this.#output;
    const offset = this.#query * this.#request.count;
    for (let i = 0; i < entries; i++) {
      indices[offset + i] = this.#block.indices[i];
      scores[offset + i] = this.#block.scores[i];
    }
  }

  #merge(slice: RankedList, next: number): void {
    const { count, metric } = this.#request;
    const known = Math.min(count, this.#considered(this.#first, this.#position));
    const found = Math.min(count, this.#considered(this.#position, next));
    for (let q = 0; q < this.#inGroup; q++) {
      const target = part(this.#output, (this.#query + q) * count, count);
      const before = { indices: target.indices.slice(0, known), scores: target.scores.slice(0, known) };
      mergeRanked(metric, [before, part(slice, q * count, found)], target);
    }
  }

  /** The considered rows or candidates at the positions `[from, to)`. */
  #considered(from: number, to: number): number {
    const { where } = this.#request;
    return where === undefined ? to - from : countRows(where.words, from, to);
  }
}

function part(list: RankedList, from: number, length: number): RankedList {
  return { indices: list.indices.subarray(from, from + length), scores: list.scores.subarray(from, from + length) };
}
