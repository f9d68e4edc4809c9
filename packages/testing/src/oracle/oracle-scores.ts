import { types } from 'node:util';
import type { Metric, PreparedCosineSimilarity, PreparedTopK, RowSetLike } from '@gearshift/contracts';
import { elementValue } from './element-value.js';
import { AccurateSum } from './accurate-sum.js';

/** Half the distance from 1 to the next float32: the largest relative error of one operation. */
const UNIT_ROUNDOFF = 2 ** -24;
const SMALLEST_NORMAL = 2 ** -126;

/** A score in double precision, and the allowed error of a float32 implementation. */
export interface OracleScore {
  readonly score: number;
  readonly bound: number;
}

/**
 * The score of a row for a query.
 *
 * Bounds, for sums in any order (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1): a sum of n
 * products has an error of at most about n * u * (sum of their magnitudes). The documented bound of cosine is 2 * n * u. A dot
 * product gets twice the textbook bound. A distance is a root of a sum without cancellation: its relative error is half that
 * of the sum, (n + 2) * u, plus that of the root; all of that is below (n + 4) * u. Kernels may flush subnormal numbers to
 * zero, so inputs and products below 2^-126 may be lost too: the last term of each bound.
 */
export function oracleScore(metric: Metric, query: Float32Array, row: Float32Array): OracleScore {
  return oracleScorer(metric, query)(row);
}

/** {@link oracleScore} of one row after another, for which the norm of the query is computed once. */
export function oracleScorer(metric: Metric, query: Float32Array): (row: Float32Array) => OracleScore {
  const querySquaredNorm = metric === 'cosine' ? squaredNorm(query) : NaN;
  return (row) => scoreRow(metric, query, querySquaredNorm, row);
}

function scoreRow(metric: Metric, query: Float32Array, querySquaredNorm: number, row: Float32Array): OracleScore {
  const dimensions = query.length;
  if (metric === 'euclidean') {
    const squares = new AccurateSum();
    for (let i = 0; i < dimensions; i++) squares.add((query[i] - row[i]) ** 2);
    const distance = Math.sqrt(squares.value);
    const flushed = 2 * Math.sqrt(dimensions * SMALLEST_NORMAL);
    return withBound(distance, (dimensions + 4) * UNIT_ROUNDOFF * distance + flushed);
  }
  const dot = new AccurateSum();
  let magnitudes = 0;
  let largest = 1;
  for (let i = 0; i < dimensions; i++) {
    dot.add(query[i] * row[i]);
    magnitudes += Math.abs(query[i] * row[i]);
    largest = Math.max(largest, Math.abs(query[i]), Math.abs(row[i]));
  }
  if (metric === 'dot') {
    const flushed = 2 * dimensions * SMALLEST_NORMAL * largest;
    return withBound(dot.value, 2 * (dimensions + 1) * UNIT_ROUNDOFF * magnitudes + flushed);
  }
  return withBound(cosine(dot.value, querySquaredNorm, squaredNorm(row)), 2 * Math.max(dimensions, 4) * UNIT_ROUNDOFF);
}

/** NaN and infinities have no tolerance. */
function withBound(score: number, bound: number): OracleScore {
  return { score, bound: Number.isFinite(score) ? bound : 0 };
}

const OUTSIDE: OracleScore = { score: NaN, bound: 0 };

/** Whether the row is in `where` and was not removed. Written with divisions, unlike the code under test. */
export function isConsidered({ where, matrix }: PreparedCosineSimilarity | PreparedTopK, row: number): boolean {
  return (where === undefined || holds(where, row)) && !(matrix.removed !== undefined && holds(matrix.removed, row));
}

function holds({ rowCount, words }: RowSetLike, row: number): boolean {
  return row < rowCount && Math.floor(words[Math.floor(row / 32)] / 2 ** (row % 32)) % 2 === 1;
}

/** The scores of every query with every row of the request, in the order of its output. */
export function oracleScores(request: PreparedCosineSimilarity): OracleScore[] {
  const scores: OracleScore[] = [];
  for (let query = 0; query < request.queries; query++) {
    const scoreOf = oracleScorer('cosine', queryVector(request, query));
    for (let row = request.start; row < request.end; row++) {
      scores.push(isConsidered(request, row) ? scoreOf(rowVector(request, row)) : OUTSIDE);
    }
  }
  return scores;
}

export function queryVector({ query, matrix }: PreparedCosineSimilarity | PreparedTopK, index: number): Float32Array {
  return query.subarray(index * matrix.dimensions, (index + 1) * matrix.dimensions);
}

export function rowVector({ matrix }: PreparedCosineSimilarity | PreparedTopK, row: number): Float32Array {
  const start = row * matrix.dimensions;
  if (types.isFloat32Array(matrix.values)) return matrix.values.subarray(start, start + matrix.dimensions);
  const values = new Float32Array(matrix.dimensions);
  for (let i = 0; i < values.length; i++) values[i] = elementValue(matrix, start + i);
  return values;
}

function cosine(dot: number, querySquaredNorm: number, rowSquaredNorm: number): number {
  if (Number.isNaN(dot)) return NaN;
  if (querySquaredNorm < SMALLEST_NORMAL || rowSquaredNorm < SMALLEST_NORMAL) return 0;
  const unclamped = dot / Math.sqrt(querySquaredNorm) / Math.sqrt(rowSquaredNorm);
  if (unclamped > 1) return 1;
  return unclamped < -1 ? -1 : unclamped;
}

function squaredNorm(vector: Float32Array): number {
  const squares = new AccurateSum();
  for (const element of vector) squares.add(element * element);
  return squares.value;
}
