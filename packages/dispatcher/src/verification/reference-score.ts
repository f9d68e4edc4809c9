import { types } from 'node:util';
import { readRow, type Metric, type VectorMatrix } from '@gearshift/contracts';

/** Largest relative error of one float32 operation. */
const UNIT_ROUNDOFF = 2 ** -24;
const SMALLEST_NORMAL = 2 ** -126;
/** Intermediate sums of this magnitude may overflow in float32. */
const MAY_OVERFLOW = 2 ** 127;

/** A score in double precision, and the allowed error of a float32 kernel: Infinity when any result is allowed. */
export interface ReferenceScore {
  score: number;
  tolerance: number;
}

/**
 * Writes the score of one row for one query into `out`.
 *
 * Tolerances: 2 * dimensions * 2^-24 for cosine, as every backend promises; for dot and euclidean the bounds on sums in
 * any order (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1), doubled. The tolerance is 0 when the
 * correct score is NaN or infinite. Results that kernels are free to choose are not checked: those of a vector near the size
 * at which it counts as zero, and those of values that overflow in between.
 */
export function referenceScore(
  metric: Metric,
  matrix: VectorMatrix,
  row: number,
  queries: Float32Array,
  query: number,
  out: ReferenceScore,
): void {
  const { dimensions, snapshot } = matrix;
  let { values } = matrix;
  let rowStart = row * dimensions;
  if (snapshot !== undefined || !types.isFloat32Array(values)) {
    values = new Float32Array(dimensions);
    rowStart = 0;
    readRow(matrix, row, values);
  }
  const queryStart = query * dimensions;
  let dot = 0;
  let magnitudes = 0;
  let rowSquares = 0;
  let querySquares = 0;
  let distanceSquares = 0;
  let largest = 1;
  for (let i = 0; i < dimensions; i++) {
    const a = queries[queryStart + i];
    const b = values[rowStart + i];
    dot += a * b;
    magnitudes += Math.abs(a * b);
    querySquares += a * a;
    rowSquares += b * b;
    distanceSquares += (a - b) * (a - b);
    largest = Math.max(largest, Math.abs(a), Math.abs(b));
  }
  switch (metric) {
    case 'cosine':
      out.score = cosine(dot, querySquares, rowSquares);
      out.tolerance = 2 * dimensions * UNIT_ROUNDOFF;
      if (isNearZero(querySquares, dimensions) || isNearZero(rowSquares, dimensions)) out.tolerance = Infinity;
      break;
    case 'dot':
      out.score = dot;
      out.tolerance = 2 * (dimensions + 1) * UNIT_ROUNDOFF * magnitudes + 2 * dimensions * SMALLEST_NORMAL * largest;
      if (magnitudes >= MAY_OVERFLOW) out.tolerance = Infinity;
      break;
    case 'euclidean':
      out.score = Math.sqrt(distanceSquares);
      out.tolerance = 2 * (dimensions + 4) * UNIT_ROUNDOFF * out.score + 2 * Math.sqrt(dimensions * SMALLEST_NORMAL);
      if (distanceSquares >= MAY_OVERFLOW) out.tolerance = Infinity;
  }
  if (Number.isNaN(out.score)) out.tolerance = 0;
}

/** Whether `got` is an acceptable result for `score`. */
export function isWithin(got: number, { score, tolerance }: ReferenceScore): boolean {
  if (tolerance === Infinity) return true;
  if (Number.isNaN(score)) return Number.isNaN(got);
  return Math.abs(got - score) <= tolerance || got === Math.fround(score);
}

function cosine(dot: number, querySquares: number, rowSquares: number): number {
  if (Number.isNaN(dot)) return NaN;
  if (querySquares < SMALLEST_NORMAL || rowSquares < SMALLEST_NORMAL) return 0;
  return Math.max(-1, Math.min(1, dot / Math.sqrt(querySquares) / Math.sqrt(rowSquares)));
}

/** Kernels may flush subnormal squares, so the norm of such a vector is undefined. */
function isNearZero(squares: number, dimensions: number): boolean {
  return squares > 0 && squares < 4 * dimensions * SMALLEST_NORMAL;
}
