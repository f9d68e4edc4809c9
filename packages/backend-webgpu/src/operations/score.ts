import type { PreparedCosineSimilarity, SyncBackend } from '@gearshift/contracts';
import { hasRow } from '@gearshift/contracts/internal';
import type { Failure } from '@gearshift/native-kit';
import type { MatrixCopy } from '../residency/matrix-copy.js';
import type { DeviceQueries } from './device-queries.js';
import type { DeviceScan } from './device-scan.js';
import { hostRowsOf } from './host-rows.js';

export interface Scoring {
  readonly prepared: PreparedCosineSimilarity;
  readonly query: Float32Array;
  readonly queries: DeviceQueries;
  readonly copy: MatrixCopy;
  /** The row of the matrix that is row 0 of the copy. */
  readonly firstRow: number;
  readonly scan: DeviceScan;
  readonly cpu: SyncBackend;
}

/** Writes the cosine similarity of all rows of the range, and NaN for those that are not considered. */
export async function score(scoring: Scoring, output: Float32Array): Promise<Failure | undefined> {
  const { prepared, queries, scan, firstRow } = scoring;
  const { start, end, where } = prepared;
  const rows = end - start;
  const failure = await scan.all(queries, (i, { tile }, first, values) => {
    output.set(values, queries.numbers[i] * rows + tile.first + first + firstRow - start);
  });
  if (failure !== undefined) return failure;
  if (where !== undefined) {
    for (let row = start; row < end; row++) {
      if (hasRow(where.words, row)) continue;
      for (const q of queries.numbers) output[q * rows + row - start] = NaN;
    }
  }
  return scoreHostRows(scoring, output);
}

function scoreHostRows(scoring: Scoring, output: Float32Array): Failure | undefined {
  const { prepared, query, queries, copy, cpu, firstRow } = scoring;
  const { matrix, start, end, where } = prepared;
  const one = new Float32Array(prepared.queries);
  const range = { start: start - firstRow, end: end - firstRow, where: undefined, candidates: undefined };
  for (const inCopy of hostRowsOf(copy, range)) {
    const row = inCopy + firstRow;
    if (where !== undefined && !hasRow(where.words, row)) continue;
    const request = {
      operation: 'cosine-similarity',
      matrix,
      query,
      queries: prepared.queries,
      start: row,
      end: row + 1,
    } as const;
    const answer = cpu.cosineSimilaritySync(request, one);
    if (!answer.ok) return answer;
    for (const q of queries.numbers) output[q * (end - start) + row - start] = one[q];
  }
  return undefined;
}
