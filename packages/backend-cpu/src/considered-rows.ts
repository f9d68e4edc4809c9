import type { PreparedCosineSimilarity, PreparedTopK } from '@gearshift/contracts';
import { hasRow, nextRow, topK } from '@gearshift/contracts/internal';

/** The same request with the rows of its `where` as candidates. */
export function withRowsAsCandidates(request: PreparedTopK): PreparedTopK {
  const { where, start, end, rowsConsidered } = request;
  if (where === undefined) return request;
  const candidates = new Uint32Array(rowsConsidered);
  let row = start;
  for (let i = 0; i < rowsConsidered; i++, row++) {
    row = nextRow(where.words, row, end);
    candidates[i] = row;
  }
  return topK.prepare(Object.assign({}, request, { where: undefined, candidates }));
}

/** Sets the scores of the rows outside of `where` to NaN. */
export function leaveOutRows({ where, start, end, queries }: PreparedCosineSimilarity, output: Float32Array): void {
  if (where === undefined) return;
  const rows = end - start;
  for (let row = start; row < end; row++) {
    if (hasRow(where.words, row)) continue;
    for (let query = 0; query < queries; query++) output[query * rows + row - start] = NaN;
  }
}
