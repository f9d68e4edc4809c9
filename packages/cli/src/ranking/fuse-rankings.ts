/** The constant of Cormack, Clarke and Büttcher (2009): a larger one makes the first places less important. */
const PLACE_OFFSET = 60;

export interface Ranking {
  /** Best first, each at most once. */
  readonly ids: readonly number[];
  /** How much a place in it counts. */
  readonly weight: number;
}

export interface FusedItem {
  readonly id: number;
  /** Higher is better. */
  readonly score: number;
}

/**
 * Joins rankings of the same items into one by reciprocal rank fusion: an item gets `weight / (60 + place)` from every ranking that
 * contains it. Only places count, so scores of different kinds need no common scale. Ties keep the order of the first ranking.
 */
export function fuseRankings(rankings: readonly Ranking[]): FusedItem[] {
  const scores = new Map<number, number>();
  for (const { ids, weight } of rankings) {
    for (const [index, id] of ids.entries()) {
      scores.set(id, (scores.get(id) ?? 0) + weight / (PLACE_OFFSET + index + 1));
    }
  }
  return Array.from(scores, ([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
}
