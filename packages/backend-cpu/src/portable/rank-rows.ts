import type { PreparedTopK, RankedList } from '@gearshift/contracts';
import { nextRow } from '@gearshift/contracts/internal';
import { RankedHeap } from './ranked-heap.js';
import { RowScorer } from './row-scorer.js';
import { OPERATIONS_PER_ENTRY, OPERATIONS_PER_STRIDE, type Strides } from './time-slice.js';

/** Ranks the best rows for every query: first all rows, row by row, then the kept entries are sorted query by query. */
export class RankRows implements Strides {
  readonly #request: PreparedTopK;
  readonly #scorer: RowScorer;
  readonly #heap: RankedHeap;
  /** Considered rows done. */
  #position = 0;
  #row: number;
  #query = 0;
  #sortedQueries = 0;
  /** Entries of the query being sorted that are still a heap. */
  #unsorted: number;

  constructor(request: PreparedTopK, output: RankedList) {
    this.#request = request;
    this.#scorer = new RowScorer(request.metric, request.matrix, request.query, request.queries);
    this.#heap = new RankedHeap(request.metric, output);
    this.#row = this.#rowFrom(request.start);
    this.#unsorted = request.count;
  }

  advance(): boolean {
    return this.#position < this.#request.rowsConsidered ? this.#select() : this.#sort();
  }

  #select(): boolean {
    const { queries, count, matrix, rowsConsidered } = this.#request;
    const operationsPerScore = matrix.dimensions + OPERATIONS_PER_ENTRY;
    for (let left = OPERATIONS_PER_STRIDE; left > 0 && this.#position < rowsConsidered; left -= operationsPerScore) {
      const row = this.#row;
      if (this.#query === 0) this.#scorer.moveTo(row);
      const score = this.#scorer.score(this.#query);
      // Every query has processed the same number of rows, so all heaps have this size.
      if (this.#position < count) this.#heap.add(this.#query * count, this.#position, row, score);
      else this.#heap.offer(this.#query * count, count, row, score);
      this.#query += 1;
      if (this.#query === queries) {
        this.#query = 0;
        this.#position += 1;
        this.#row = this.#rowFrom(row + 1);
      }
    }
    return false;
  }

  /** The row at the current position, or the first one from `row` on where there are no candidates. */
  #rowFrom(row: number): number {
    const { candidates, where, end } = this.#request;
    if (candidates !== undefined) return candidates[this.#position];
    return where === undefined ? row : nextRow(where.words, row, end);
  }

  #sort(): boolean {
    const { queries, count } = this.#request;
    for (let left = OPERATIONS_PER_STRIDE; left > 0 && this.#sortedQueries < queries; left -= OPERATIONS_PER_ENTRY) {
      if (this.#unsorted > 1) this.#heap.retireWorst(this.#sortedQueries * count, this.#unsorted);
      this.#unsorted -= 1;
      if (this.#unsorted <= 1) {
        this.#sortedQueries += 1;
        this.#unsorted = count;
      }
    }
    return this.#sortedQueries === queries;
  }
}
