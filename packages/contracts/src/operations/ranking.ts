/** Best first: cosine and dot descending, euclidean (a distance) ascending. */
export const METRICS = ['cosine', 'dot', 'euclidean'] as const;
export type Metric = (typeof METRICS)[number];

/**
 * The order of top-k results: better score first (larger for cosine and dot, smaller for the euclidean distance),
 * NaN after every number, ties by lower index. Negative when `a` ranks before `b`.
 */
export function compareRanked(metric: Metric, scoreA: number, indexA: number, scoreB: number, indexB: number): number {
  const aIsNaN = Number.isNaN(scoreA);
  const bIsNaN = Number.isNaN(scoreB);
  if (aIsNaN !== bIsNaN) return aIsNaN ? 1 : -1;
  if (aIsNaN || scoreA === scoreB) return indexA - indexB;
  return metric === 'euclidean' ? scoreA - scoreB : scoreB - scoreA;
}

/** One query's ranked entries: equally long, best first. */
export interface RankedList {
  readonly indices: Uint32Array;
  readonly scores: Float32Array;
}

/**
 * Merges ranked lists of disjoint rows into the best of all. The answers of the chunks of a top-k are merged this way.
 *
 * @param output receives as many entries as fit, or as there are.
 * @returns the number of entries written.
 */
export function mergeRanked(metric: Metric, lists: readonly RankedList[], output: RankedList): number {
  const heads = new Uint32Array(lists.length);
  const capacity = Math.min(output.indices.length, output.scores.length);
  let count = 0;
  // There are few lists (one per chunk), so comparing every head is faster than a heap.
  for (; count < capacity; count++) {
    let best = -1;
    for (let list = 0; list < lists.length; list++) {
      if (heads[list] >= lists[list].indices.length) continue;
      if (best === -1 || compareHeads(metric, lists[list], heads[list], lists[best], heads[best]) < 0) best = list;
    }
    if (best === -1) break;
    output.indices[count] = lists[best].indices[heads[best]];
    output.scores[count] = lists[best].scores[heads[best]];
    heads[best] += 1;
  }
  return count;
}

function compareHeads(metric: Metric, a: RankedList, headA: number, b: RankedList, headB: number): number {
  return compareRanked(metric, a.scores[headA], a.indices[headA], b.scores[headB], b.indices[headB]);
}
