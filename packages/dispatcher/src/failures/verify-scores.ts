import type { Mismatch, PreparedCosineSimilarity } from '@gearshift/contracts';
import { isWithin, referenceScore, type ReferenceScore } from './reference-score.js';
import type { SampleSequence } from './sample-sequence.js';

/** Pairs of a query and a row. */
const SAMPLES = 8;

/** Recomputes the first score, the last one, and a few in between. */
export function verifyScores(
  request: PreparedCosineSimilarity,
  output: Float32Array,
  samples: SampleSequence,
): Mismatch | null {
  const { matrix, query: queries, start, end } = request;
  const rows = end - start;
  const reference: ReferenceScore = { score: 0, tolerance: 0 };
  for (let i = 0; i < SAMPLES; i++) {
    const place = i === 0 ? 0 : i === 1 ? request.outputLength - 1 : samples.next(request.outputLength);
    const query = Math.floor(place / rows);
    const row = start + (place % rows);
    referenceScore('cosine', matrix, row, queries, query, reference);
    const got = output[place];
    if (!isWithin(got, reference)) {
      return { rule: 'score', query, row, got, expected: reference.score, tolerance: reference.tolerance };
    }
  }
  return null;
}
