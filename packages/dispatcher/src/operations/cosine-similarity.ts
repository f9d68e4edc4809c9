import type { CosineSimilarityRequest, Mismatch, PreparedCosineSimilarity } from '@gearshift/contracts';
import { cosineSimilarity, hasRow, nextRow } from '@gearshift/contracts/internal';
import { SINGLE_STAGE, type DispatchOperation } from './dispatch-operation.js';
import { isWithin, referenceScore, type ReferenceScore } from '../verification/reference-score.js';
import type { SampleSequence } from '../verification/sample-sequence.js';
import { refuseMatrix } from './refuse-matrix.js';
import { scanWork } from './scan-work.js';

export const cosineSimilarityDispatch: DispatchOperation<
  CosineSimilarityRequest,
  PreparedCosineSimilarity,
  Float32Array
> = {
  ...cosineSimilarity,
  ...SINGLE_STAGE,
  describeWork: (request) => scanWork(request, request.outputLength * Float32Array.BYTES_PER_ELEMENT),
  run(backend, request, output, signal) {
    const refused = refuseMatrix(backend, request.matrix);
    return refused === undefined ? backend.cosineSimilarity(request, output, signal) : Promise.resolve(refused);
  },
  runSync: (backend, request, output) =>
    refuseMatrix(backend, request.matrix) ?? backend.cosineSimilaritySync(request, output),
  outputGrowsWithItems: true,
  /** Row-major, queries by rows: the part's scores of each query are copied separately. */
  mergePart(request, output, start, end, part) {
    const rows = end - start;
    const allRows = request.end - request.start;
    for (let query = 0; query < request.queries; query++) {
      output.set(part.subarray(query * rows, (query + 1) * rows), query * allRows + start);
    }
  },
  verify: verifyScores,
};

/** Pairs of a query and a row. */
const SAMPLES = 8;

/** Recomputes the first score, the last one, and a few in between. With `where` every other one is that of a considered row. */
function verifyScores(
  request: PreparedCosineSimilarity,
  output: Float32Array,
  samples: SampleSequence,
): Mismatch | null {
  const { matrix, query: queries, start, end, where } = request;
  const rows = end - start;
  const reference: ReferenceScore = { score: 0, tolerance: 0 };
  for (let i = 0; i < SAMPLES; i++) {
    let place = i === 0 ? 0 : i === 1 ? request.outputLength - 1 : samples.next(request.outputLength);
    const query = Math.floor(place / rows);
    let row = start + (place % rows);
    if (where !== undefined && i % 2 === 0) {
      const considered = nextRow(where.words, row, end);
      if (considered < end) row = considered;
      place = query * rows + row - start;
    }
    const got = output[place];
    if (where !== undefined && !hasRow(where.words, row)) {
      if (Number.isNaN(got)) continue;
      return { rule: 'score', query, row, got, expected: NaN, tolerance: 0 };
    }
    referenceScore('cosine', matrix, row, queries, query, reference);
    if (!isWithin(got, reference)) {
      return { rule: 'score', query, row, got, expected: reference.score, tolerance: reference.tolerance };
    }
  }
  return null;
}
