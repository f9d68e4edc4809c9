import type { PreparedTopK } from '@gearshift/contracts';
import { oracleScore, queryVector, rowVector, type OracleScore } from './oracle-scores.js';

export interface OracleEntry extends OracleScore {
  readonly index: number;
  /** The score as float32, by which rows are ranked. */
  readonly rounded: number;
}

/** Every row that the request considers for one of its queries, best first: a full sort, not optimized for speed. */
export function oracleRanking(request: PreparedTopK, query: number): OracleEntry[] {
  const { metric, start, end, candidates } = request;
  const rows = candidates === undefined ? Array.from({ length: end - start }, (_, i) => start + i) : [...candidates];
  const entries = rows.map((index): OracleEntry => {
    const { score, bound } = oracleScore(metric, queryVector(request, query), rowVector(request, index));
    return { index, score, bound, rounded: Math.fround(score) };
  });
  return entries.sort((a, b) => {
    if (Number.isNaN(a.rounded) && Number.isNaN(b.rounded)) return a.index - b.index;
    if (Number.isNaN(a.rounded)) return 1;
    if (Number.isNaN(b.rounded)) return -1;
    if (a.rounded === b.rounded) return a.index - b.index;
    return a.rounded > b.rounded === (metric !== 'euclidean') ? -1 : 1;
  });
}
