import type { PreparedCosineSimilarity } from '@gearshift/contracts';
import { RowScorer } from './row-scorer.js';
import { OPERATIONS_PER_ENTRY, OPERATIONS_PER_STRIDE, type Strides } from './time-slice.js';

/** Scores every query with every row, row by row, so that a row is read once for all queries. */
export class ScoreRows implements Strides {
  readonly #request: PreparedCosineSimilarity;
  readonly #output: Float32Array;
  readonly #scorer: RowScorer;
  #row: number;
  #query = 0;

  constructor(request: PreparedCosineSimilarity, output: Float32Array) {
    this.#request = request;
    this.#output = output;
    this.#scorer = new RowScorer('cosine', request.matrix, request.query, request.queries);
    this.#row = request.start;
  }

  advance(): boolean {
    const { start, end, queries, matrix } = this.#request;
    const operationsPerScore = matrix.dimensions + OPERATIONS_PER_ENTRY;
    for (let left = OPERATIONS_PER_STRIDE; left > 0 && this.#row < end; left -= operationsPerScore) {
      if (this.#query === 0) this.#scorer.moveTo(this.#row);
      this.#output[this.#query * (end - start) + this.#row - start] = this.#scorer.score(this.#query);
      this.#query += 1;
      if (this.#query === queries) {
        this.#query = 0;
        this.#row += 1;
      }
    }
    return this.#row === end;
  }
}
