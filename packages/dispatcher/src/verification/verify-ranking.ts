import { compareRanked, type Mismatch, type PreparedTopK, type TopKOutput } from '@gearshift/contracts';
import { isWithin, referenceScore, type ReferenceScore } from './reference-score.js';
import type { SampleSequence } from './sample-sequence.js';

/** The number of entries with recomputed scores, and of rows that must not be missing. */
const ENTRIES = 16;
const OTHER_ROWS = 8;
/** Searching for a row among many candidates is slow. */
const CANDIDATE_LOOKUPS = 4;

/**
 * Checks the entries of one query: the order of all of them, including ties and NaN; the scores of a few, including the first
 * and the last; and a few rows that are not among them, which must not be clearly better than the last entry.
 */
export function verifyRanking(request: PreparedTopK, output: TopKOutput, samples: SampleSequence): Mismatch | null {
  const { matrix, query: queries, metric, count } = request;
  const query = samples.next(request.queries);
  const indices = output.indices.subarray(query * count, (query + 1) * count);
  const scores = output.scores.subarray(query * count, (query + 1) * count);
  const reference: ReferenceScore = { score: 0, tolerance: 0 };

  for (let i = 0; i < count; i++) {
    const row = indices[i];
    if (row < request.start || row >= request.end) return strange(query, row);
    if (i > 0 && compareRanked(metric, scores[i - 1], indices[i - 1], scores[i], row) >= 0) {
      return { rule: 'order', query, row, got: scores[i - 1], expected: scores[i], tolerance: 0 };
    }
  }
  for (let i = 0; i < Math.min(ENTRIES, count); i++) {
    const place = count <= ENTRIES ? i : i === 0 ? 0 : i === 1 ? count - 1 : samples.next(count);
    const row = indices[place];
    if (i < CANDIDATE_LOOKUPS && request.candidates?.includes(row) === false) return strange(query, row);
    referenceScore(metric, matrix, row, queries, query, reference);
    if (!isWithin(scores[place], reference)) {
      const { score: expected, tolerance } = reference;
      return { rule: 'score', query, row, got: scores[place], expected, tolerance };
    }
  }
  return missingRow(request, query, indices, scores, samples);
}

function missingRow(
  request: PreparedTopK,
  query: number,
  indices: Uint32Array,
  scores: Float32Array,
  samples: SampleSequence,
): Mismatch | null {
  const { matrix, query: queries, metric, count, candidates, start, end } = request;
  const considered = candidates === undefined ? end - start : candidates.length;
  if (count === 0 || count === considered) return null;
  const last: ReferenceScore = { score: 0, tolerance: 0 };
  referenceScore(metric, matrix, indices[count - 1], queries, query, last);
  const other: ReferenceScore = { score: 0, tolerance: 0 };
  for (let i = 0; i < OTHER_ROWS; i++) {
    const place = samples.next(considered);
    const row = candidates === undefined ? start + place : candidates[place];
    referenceScore(metric, matrix, row, queries, query, other);
    if (isBetterBeyondDoubt(metric === 'euclidean', other, row, last, indices[count - 1]) && !indices.includes(row)) {
      const { score: expected, tolerance } = other;
      return { rule: 'missing-row', query, row, got: scores[count - 1], expected, tolerance };
    }
  }
  return null;
}

function isBetterBeyondDoubt(
  isDistance: boolean,
  other: ReferenceScore,
  otherRow: number,
  last: ReferenceScore,
  lastRow: number,
): boolean {
  const doubt = other.tolerance + last.tolerance;
  if (doubt === Infinity) return false;
  if (Number.isNaN(other.score)) return Number.isNaN(last.score) && otherRow < lastRow;
  if (Number.isNaN(last.score)) return true;
  // Scores are ranked as float32: within its rounding, either may come first.
  const rounding = 2 ** -22 * Math.max(Math.abs(other.score), Math.abs(last.score));
  const lead = isDistance ? last.score - other.score : other.score - last.score;
  return lead > doubt + rounding;
}

function strange(query: number, row: number): Mismatch {
  return { rule: 'row', query, row, got: row, expected: NaN, tolerance: 0 };
}
