import { compareRanked, NO_ROW, type Mismatch, type PreparedTopK, type TopKOutput } from '@gearshift/contracts';
import { hasCounts, hasRow, nextRow } from '@gearshift/contracts/internal';
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
  const { matrix, query: queries, metric, where } = request;
  const query = samples.next(request.queries);
  const first = query * output.count;
  const count = hasCounts(request) && output.counts !== undefined ? output.counts[query] : output.count;
  const indices = output.indices.subarray(first, first + count);
  const scores = output.scores.subarray(first, first + count);
  const reference: ReferenceScore = { score: 0, tolerance: 0 };

  for (let i = 0; i < count; i++) {
    const row = indices[i];
    if (row < request.start || row >= request.end) return strange(query, row);
    if (where !== undefined && !hasRow(where.words, row)) return strange(query, row);
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
  const { matrix, query: queries, metric, rowsConsidered } = request;
  const count = indices.length;
  if (count === rowsConsidered) return null;
  const isDistance = metric === 'euclidean';
  const last: ReferenceScore = { score: 0, tolerance: 0 };
  const lastRow = count === 0 ? NO_ROW : indices[count - 1];
  const isFull = count === request.count;
  // With room for more, every row that reaches minScore must be there, as if one with just this score were the last.
  if (!isFull) last.score = request.minScore ?? NaN;
  else referenceScore(metric, matrix, lastRow, queries, query, last);
  const other: ReferenceScore = { score: 0, tolerance: 0 };
  for (let i = 0; i < OTHER_ROWS; i++) {
    const row = consideredRow(request, samples);
    referenceScore(metric, matrix, row, queries, query, other);
    if (isBetterBeyondDoubt(isDistance, other, row, last, lastRow) && !indices.includes(row)) {
      const { score: expected, tolerance } = other;
      return { rule: 'missing-row', query, row, got: isFull ? scores[count - 1] : last.score, expected, tolerance };
    }
  }
  return null;
}

function consideredRow({ candidates, where, start, end }: PreparedTopK, samples: SampleSequence): number {
  if (candidates !== undefined) return candidates[samples.next(candidates.length)];
  const row = start + samples.next(end - start);
  if (where === undefined) return row;
  const next = nextRow(where.words, row, end);
  return next < end ? next : nextRow(where.words, start, end);
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
