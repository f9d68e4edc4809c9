/** A failure that a worker answered with is tried once more, elsewhere: a query that harms workers must not visit all of them. */
export const MOST_FAILURES = 2;
/** The query is at fault when a second worker ends while it computes it. */
export const MOST_DEATHS = 2;

/**
 * How many workers may compute one part of a query. With two copies both may be asked besides a broadcast, as nothing says which one it
 * reached. With more copies, one stays unasked: a query that ends its workers must not end the last copy.
 */
export function mostVisits(replicas: number, isBroadcast: boolean): number {
  return replicas <= 2 ? replicas + (isBroadcast ? 1 : 0) : Math.min(3, replicas - 1);
}
