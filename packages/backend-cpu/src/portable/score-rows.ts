import type { PreparedCosineSimilarity } from '@gearshift/contracts';
import { hasRow } from '@gearshift/contracts/internal';
import { RowScorer } from './row-scorer.js';
import { OPERATIONS_PER_ENTRY, OPERATIONS_PER_STRIDE, type Strides } from './time-slice.js';

/** Scores every query with every considered row, row by row, so that a row is read once for all queries; others score NaN. */
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
    const { start, end, queries, matrix, where } = this.#request;
    for (let left = OPERATIONS_PER_STRIDE; left > 0 && this.#row < end; left -= OPERATIONS_PER_ENTRY) {
      const place = this.#query * (end - start) + this.#row - start;
      if (where === undefined || hasRow(where.words, this.#row)) {
        if (this.#query === 0) this.#scorer.moveTo(this.#row);
        this.#output[place] = this.#scorer.score(this.#query);
        left -= matrix.dimensions;
      } else {
        this.#output[place] = NaN;
      }
      this.#query += 1;
      if (this.#query === queries) {
        this.#query = 0;
        this.#row += 1;
      }
    }
    return this.#row === end;
  }
}
