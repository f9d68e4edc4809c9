import {
  mergeRanked,
  NO_ROW,
  type PreparedTopK,
  type RankedList,
  type TopKOutput,
  type TopKRequest,
} from '@gearshift/contracts';
import { addSearches, hasCounts, setSearch, topK } from '@gearshift/contracts/internal';
import { SINGLE_STAGE, type DispatchOperation } from './dispatch-operation.js';
import { refuseMatrix } from './refuse-matrix.js';
import { scanWork } from './scan-work.js';
import { verifyRanking } from '../verification/verify-ranking.js';

/** A row number and a score. */
const ENTRY_BYTES = Uint32Array.BYTES_PER_ELEMENT + Float32Array.BYTES_PER_ELEMENT;

export const topKDispatch: DispatchOperation<TopKRequest, PreparedTopK, TopKOutput> = {
  ...topK,
  ...SINGLE_STAGE,
  describeWork: (request) => scanWork(request, request.outputLength * ENTRY_BYTES, request.candidates),
  run(backend, request, output, signal) {
    const refused = refuseMatrix(backend, request.matrix);
    return refused === undefined ? backend.topK(request, output, signal) : Promise.resolve(refused);
  },
  runSync: (backend, request, output) => refuseMatrix(backend, request.matrix) ?? backend.topKSync(request, output),
  outputGrowsWithItems: false,
  mergePart,
  verify: verifyRanking,
};

/**
 * Keeps the best entries of the parts so far, so that an unfinished answer is the best of the done items. The lists of the
 * queries are stored one after the other, `count` entries each, and grow with every merge.
 */
function mergePart(request: PreparedTopK, output: TopKOutput, _start: number, _end: number, part: TopKOutput): void {
  const { queries, count: most, metric } = request;
  const { indices, scores, counts } = output;
  let after = 0;
  for (let query = 0; query < queries; query++) {
    after = Math.max(after, Math.min(most, entriesOf(request, output, query) + entriesOf(request, part, query)));
  }
  const merged = { indices: new Uint32Array(after), scores: new Float32Array(after) };
  // Starts with the last query, so that a growing list does not overwrite one that is still to be read.
  for (let query = queries - 1; query >= 0; query--) {
    const length = mergeRanked(metric, [listOf(request, output, query), listOf(request, part, query)], merged);
    merged.indices.fill(NO_ROW, length);
    merged.scores.fill(NaN, length);
    indices.set(merged.indices, query * after);
    scores.set(merged.scores, query * after);
    if (hasCounts(request) && counts !== undefined) counts[query] = length;
  }
  output.count = after;
  setSearch(output, addSearches(output.search, part.search));
}

/** The number of entries of a query. An output of the caller may have counts that another request left there. */
function entriesOf(request: PreparedTopK, { count, counts }: TopKOutput, query: number): number {
  return hasCounts(request) && counts !== undefined ? counts[query] : count;
}

function listOf(request: PreparedTopK, list: TopKOutput, query: number): RankedList {
  const start = query * list.count;
  const end = start + entriesOf(request, list, query);
  return { indices: list.indices.subarray(start, end), scores: list.scores.subarray(start, end) };
}
