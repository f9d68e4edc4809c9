import type { PreparedTopK } from '@gearshift/contracts';
import { isConsidered, oracleScorer, queryVector, rowVector, type OracleScore } from './oracle-scores.js';

export interface OracleEntry extends OracleScore {
  readonly index: number;
  /** The score as float32, by which rows are ranked. */
  readonly rounded: number;
}

/** Every row that the request considers, with its score for one of its queries. */
export function oracleEntries(request: PreparedTopK, query: number): OracleEntry[] {
  const { metric, start, end, candidates } = request;
  const rows = candidates === undefined ? Array.from({ length: end - start }, (_, i) => start + i) : [...candidates];
  const considered = rows.filter((row) => isConsidered(request, row));
  const scoreOf = oracleScorer(metric, queryVector(request, query));
  return considered.map((index): OracleEntry => {
    const { score, bound } = scoreOf(rowVector(request, index));
    return { index, score, bound, rounded: Math.fround(score) };
  });
}

/**
 * Every row that the request considers and that reaches its `minScore` for one of its queries, best first: a full sort, not
 * optimized for speed.
 */
export function oracleRanking(request: PreparedTopK, query: number): OracleEntry[] {
  const { metric, minScore } = request;
  const ranked = oracleEntries(request, query).filter(({ rounded }) => {
    if (minScore === undefined) return true;
    return metric === 'euclidean' ? rounded <= minScore : rounded >= minScore;
  });
  return ranked.sort((a, b) => {
    if (Number.isNaN(a.rounded) && Number.isNaN(b.rounded)) return a.index - b.index;
    if (Number.isNaN(a.rounded)) return 1;
    if (Number.isNaN(b.rounded)) return -1;
    if (a.rounded === b.rounded) return a.index - b.index;
    return a.rounded > b.rounded === (metric !== 'euclidean') ? -1 : 1;
  });
}
