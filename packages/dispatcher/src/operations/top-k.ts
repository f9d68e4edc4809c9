import {
  mergeRanked,
  type PreparedTopK,
  type RankedList,
  type TopKOutput,
  type TopKRequest,
} from '@gearshift/contracts';
import { topK } from '@gearshift/contracts/internal';
import { SINGLE_STAGE, type DispatchOperation } from './dispatch-operation.js';
import { scanWork } from './scan-work.js';
import { verifyRanking } from '../verification/verify-ranking.js';

/** A row number and a score. */
const ENTRY_BYTES = Uint32Array.BYTES_PER_ELEMENT + Float32Array.BYTES_PER_ELEMENT;

export const topKDispatch: DispatchOperation<TopKRequest, PreparedTopK, TopKOutput> = {
  ...topK,
  ...SINGLE_STAGE,
  describeWork: (request) => scanWork(request, request.outputLength * ENTRY_BYTES, request.candidates),
  run: (backend, request, output, signal) => backend.topK(request, output, signal),
  runSync: (backend, request, output) => backend.topKSync(request, output),
  outputGrowsWithItems: false,
  /**
   * Keeps the best entries of the parts so far, so that an unfinished answer is the best of the done items. The lists of the
   * queries are stored one after the other, `count` entries each, and grow with every merge.
   */
  mergePart({ queries, count: most, metric }, output, _start, _end, part) {
    const { indices, scores, count: before } = output;
    const after = Math.min(most, before + part.count);
    const merged = { indices: new Uint32Array(after), scores: new Float32Array(after) };
    // Starts with the last query, so that a growing list does not overwrite one that is still to be read.
    for (let query = queries - 1; query >= 0; query--) {
      mergeRanked(metric, [listOf(output, query, before), listOf(part, query, part.count)], merged);
      indices.set(merged.indices, query * after);
      scores.set(merged.scores, query * after);
    }
    output.count = after;
  },
  verify: verifyRanking,
};

function listOf({ indices, scores }: TopKOutput, query: number, count: number): RankedList {
  const start = query * count;
  return { indices: indices.subarray(start, start + count), scores: scores.subarray(start, start + count) };
}
