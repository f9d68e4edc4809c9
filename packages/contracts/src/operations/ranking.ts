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
 * Merges ranked lists of disjoint rows into the best of all: those of the chunks of a top-k, or of the shards of a matrix.
 *
 * @param output receives as many entries as fit, or as there are.
 * @returns the number of entries written.
 */
export function mergeRanked(metric: Metric, lists: readonly RankedList[], output: RankedList): number {
  const capacity = Math.min(output.indices.length, output.scores.length);
  // The lists with entries left, as a binary heap by their heads: there may be a thousand.
  const heap: Head[] = [];
  for (const list of lists) if (list.indices.length > 0) heap.push(new Head(list));
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(metric, heap, at);
  let count = 0;
  while (count < capacity && heap.length > 0) {
    const best = heap[0];
    output.indices[count] = best.index;
    output.scores[count] = best.score;
    count += 1;
    if (!best.moveOn()) {
      const last = heap.pop();
      if (last === undefined || last === best) break;
      heap[0] = last;
    }
    sink(metric, heap, 0);
  }
  return count;
}

/** The best entry of a list that was not taken yet. */
class Head {
  readonly #list: RankedList;
  #at = 0;
  index: number;
  score: number;

  constructor(list: RankedList) {
    this.#list = list;
    this.index = list.indices[0];
    this.score = list.scores[0];
  }

  /** @returns whether there is another entry */
  moveOn(): boolean {
    this.#at += 1;
    if (this.#at >= this.#list.indices.length) return false;
    this.index = this.#list.indices[this.#at];
    this.score = this.#list.scores[this.#at];
    return true;
  }
}

/** Moves an element of a heap below all that rank before it. */
function sink(metric: Metric, heap: Head[], from: number): void {
  const moved = heap[from];
  let at = from;
  for (let next = 2 * at + 1; next < heap.length; next = 2 * at + 1) {
    if (next + 1 < heap.length && ranksBefore(metric, heap[next + 1], heap[next])) next += 1;
    if (!ranksBefore(metric, heap[next], moved)) break;
    heap[at] = heap[next];
    at = next;
  }
  heap[at] = moved;
}

function ranksBefore(metric: Metric, a: Head, b: Head): boolean {
  return compareRanked(metric, a.score, a.index, b.score, b.index) < 0;
}
