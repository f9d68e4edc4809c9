import { readRow, type Metric, type VectorMatrix } from '@gearshift/contracts';
import { dotProduct, squaredDistance, squaredNorm } from './accumulate.js';

/** A vector with a squared norm below this counts as a zero vector, on every backend. */
const ZERO_SQUARED_NORM = 2 ** -126;
const NOT_YET_KNOWN = -1;

/**
 * The score of one row for one query, as the reference for every other implementation: computed in double precision and
 * rounded once to float32. It is set to a row and then computes one query after the other, so that the norm of the row is
 * computed once.
 */
export class RowScorer {
  readonly #metric: Metric;
  readonly #matrix: VectorMatrix;
  /** The rows, if they can be read where they are. */
  readonly #float32: Float32Array | undefined;
  readonly #query: Float32Array;
  readonly #dimensions: number;
  readonly #querySquaredNorms: Float64Array;
  #row = 0;
  /** The row is here, from this element on. */
  #values: Float32Array;
  #rowStart = 0;
  #rowSquaredNorm = 0;
  /** For rows of other elements, and those that changed since the version of the request. */
  #copy: Float32Array | undefined;

  constructor(metric: Metric, matrix: VectorMatrix, query: Float32Array, queries: number) {
    this.#metric = metric;
    this.#matrix = matrix;
    this.#float32 = (matrix.dtype ?? 'float32') === 'float32' ? (matrix.values as Float32Array) : undefined;
    this.#values = this.#float32 ?? (this.#copy = new Float32Array(matrix.dimensions));
    this.#query = query;
    this.#dimensions = matrix.dimensions;
    this.#querySquaredNorms = new Float64Array(queries).fill(NOT_YET_KNOWN);
  }

  moveTo(row: number): void {
    this.#row = row;
    if (this.#float32 === undefined) this.#readCopy();
    else this.#read(this.#float32, row * this.#dimensions);
  }

  score(query: number): number {
    const score = this.#score(query);
    const { snapshot } = this.#matrix;
    if (snapshot === undefined || this.#values === this.#copy || snapshot.isIntact(this.#row, this.#row + 1))
      return score;
    this.#readCopy();
    return this.#score(query);
  }

  #readCopy(): void {
    this.#copy ??= new Float32Array(this.#dimensions);
    readRow(this.#matrix, this.#row, this.#copy);
    this.#read(this.#copy, 0);
  }

  #read(values: Float32Array, rowStart: number): void {
    this.#values = values;
    this.#rowStart = rowStart;
    if (this.#metric === 'cosine') this.#rowSquaredNorm = squaredNorm(values, rowStart, this.#dimensions);
  }

  #score(query: number): number {
    switch (this.#metric) {
      case 'cosine':
        return Math.fround(cosine(this.#dot(query), this.#querySquaredNorm(query), this.#rowSquaredNorm));
      case 'dot':
        return Math.fround(this.#dot(query));
      case 'euclidean':
        return Math.fround(Math.sqrt(this.#squaredDistance(query)));
    }
  }

  #dot(query: number): number {
    return dotProduct(this.#query, query * this.#dimensions, this.#values, this.#rowStart, this.#dimensions);
  }

  #squaredDistance(query: number): number {
    return squaredDistance(this.#query, query * this.#dimensions, this.#values, this.#rowStart, this.#dimensions);
  }

  #querySquaredNorm(query: number): number {
    if (this.#querySquaredNorms[query] === NOT_YET_KNOWN) {
      this.#querySquaredNorms[query] = squaredNorm(this.#query, query * this.#dimensions, this.#dimensions);
    }
    return this.#querySquaredNorms[query];
  }
}

function cosine(dot: number, querySquaredNorm: number, rowSquaredNorm: number): number {
  // Before the zero vectors, because NaN applies even if the other vector is zero.
  if (Number.isNaN(dot)) return NaN;
  if (querySquaredNorm < ZERO_SQUARED_NORM || rowSquaredNorm < ZERO_SQUARED_NORM) return 0;
  // Two roots instead of one, because the product overflows for vectors near the largest float32.
  const similarity = dot / (Math.sqrt(querySquaredNorm) * Math.sqrt(rowSquaredNorm));
  return Math.max(-1, Math.min(1, similarity));
}
