import { types } from 'node:util';
import { expected } from '../arguments.js';
import type { Metric } from './ranking.js';
import { setSearch, type SearchCounts } from './search-counts.js';
import type { PreparedTopK, TopKOutput } from './top-k.js';

/** The row number of an entry that a query lacks, because fewer rows reached its `minScore`. No matrix has such a row. */
export const NO_ROW = 2 ** 32 - 1;

/** `value` as float32, like the scores: a score that was printed as 0.7 passes a `minScore` of 0.7. */
export function requireMinScore(value: number): number {
  if (typeof value !== 'number') throw new TypeError(expected('minScore', 'a number', value));
  if (Number.isNaN(value)) throw new RangeError(expected('minScore', 'a number that is not NaN', value));
  return Math.fround(value);
}

/** Whether a score is at least as good as `minScore`; NaN is not. */
function reachesMinScore(metric: Metric, score: number, minScore: number): boolean {
  return metric === 'euclidean' ? score <= minScore : score >= minScore;
}

/** Whether the output of the request has a count for each query. */
export function hasCounts({ minScore, queries }: PreparedTopK): boolean {
  return minScore !== undefined && queries > 1;
}

/**
 * Ends a ranking: sets `output.count` and `output.search` and, where the request has `minScore`, drops the entries that do not reach
 * it.
 *
 * @param output holds `request.count` entries of each query, best first, as without `minScore`: the entries that reach it are the
 * first ones
 * @param search of a search with codes
 */
export function finishTopK(request: PreparedTopK, output: TopKOutput, search?: SearchCounts): void {
  const { queries, count, metric, minScore } = request;
  setSearch(output, search);
  if (minScore === undefined) {
    output.count = count;
    return;
  }
  const { indices, scores } = output;
  const counts = new Uint32Array(queries);
  let most = 0;
  for (let query = 0; query < queries; query++) {
    const list = scores.subarray(query * count, (query + 1) * count);
    counts[query] = countReaching(metric, list, minScore);
    most = Math.max(most, counts[query]);
  }
  // Ascending, because each list moves towards the front.
  for (let query = 0; query < queries; query++) {
    const [from, to, length] = [query * count, query * most, counts[query]];
    indices.copyWithin(to, from, from + length).fill(NO_ROW, to + length, to + most);
    scores.copyWithin(to, from, from + length).fill(NaN, to + length, to + most);
  }
  if (hasCounts(request)) output.counts?.set(counts);
  output.count = most;
}

/** The number of entries of a ranked list that reach `minScore`. */
function countReaching(metric: Metric, scores: Float32Array, minScore: number): number {
  let reached = 0;
  let missed = scores.length;
  while (reached < missed) {
    const middle = (reached + missed) >>> 1;
    if (reachesMinScore(metric, scores[middle], minScore)) reached = middle + 1;
    else missed = middle;
  }
  return reached;
}

/** Describes what is wrong with the counts of an output of a request with `minScore`; undefined when nothing is. */
export function missingInCut(request: PreparedTopK, { count, counts, scores }: TopKOutput): string | undefined {
  const { count: most, queries, metric, minScore = NaN } = request;
  if (!(Number.isInteger(count) && count >= 0 && count <= most)) {
    return `${String(count)} entries per query where the request has up to ${most}`;
  }
  let largest = 0;
  for (let query = 0; query < queries; query++) {
    if (queries > 1 && !(types.isUint32Array(counts) && counts.length >= queries)) return 'no counts';
    const length = queries === 1 ? count : (counts?.[query] ?? 0);
    largest = Math.max(largest, length);
    if (length === 0 || length > count) continue;
    const last = scores[query * count + length - 1];
    if (!reachesMinScore(metric, last, minScore)) return `a score of ${last} where minScore is ${minScore}`;
  }
  return largest === count ? undefined : `${count} entries per query where the longest list has ${largest}`;
}
