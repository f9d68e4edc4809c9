import type { Placement } from '../placement/placement.js';
import type { Question } from '../wire/answer.js';
import { ROW_FILTERS, type ShardQuery } from '../wire/query.js';
import { EVERY_SHARD, QUERY_OPERATIONS } from '../wire/wire-limits.js';
import { NO_FILTER, type QueryPart } from './query-part.js';

/** What the queries to all parts have in common. */
export type QueryHead = Pick<
  ShardQuery,
  'operation' | 'metric' | 'k' | 'queries' | 'dimensions' | 'numbers' | 'decay' | 'retention' | 'threshold'
> & {
  /** Of the request, for a broadcast. */
  readonly start: number;
  readonly end: number;
};

/** A query to all parts of a placement. */
export interface AskedQuery {
  readonly placement: Placement;
  readonly head: QueryHead;
  /** Of the broadcast, where there is one. */
  readonly id: number;
  readonly traceId: Uint8Array;
  readonly startedAtMs: number;
}

/** The query to every shard. */
export function queryToAll(asked: AskedQuery, budgetMs: number): ShardQuery {
  const { head, id } = asked;
  return queryOf(asked, id, budgetMs, EVERY_SHARD, head.start, head.end, 'all', NO_FILTER);
}

/** The query to one part. */
export function queryToPart(asked: AskedQuery, part: QueryPart, id: number, budgetMs: number): ShardQuery {
  return queryOf(asked, id, budgetMs, part.spec.shard, part.start, part.end, part.filter, part.rows);
}

/** What the answer of a part is checked against. */
export function questionOf({ head, placement }: AskedQuery, part: QueryPart, id: number): Question {
  const { operation, metric, queries } = head;
  const { start, filter, rows } = part;
  return { id, generation: placement.generation, operation, metric, queries, start, filter, rows };
}

/** Each field by name: an object that begins with a spread takes V8 far longer, and every query makes some. */
function queryOf(
  { placement: { key, generation }, head, traceId }: AskedQuery,
  id: number,
  budgetMs: number,
  shard: number,
  start: number,
  end: number,
  filter: QueryPart['filter'],
  rows: Uint32Array,
): ShardQuery {
  return {
    key,
    operation: head.operation,
    metric: head.metric,
    shard,
    budgetMs,
    id,
    generation,
    decay: head.decay,
    retention: head.retention,
    threshold: head.threshold,
    k: head.k,
    queries: head.queries,
    dimensions: head.dimensions,
    start,
    end,
    filter,
    rows,
    traceId,
    numbers: head.numbers,
  };
}

/** A number for queries that take about as long at the same shard: the operation, the filter and the power of two of the vectors. */
export function kindOf({ operation, queries }: QueryHead, { filter }: QueryPart): number {
  const form = QUERY_OPERATIONS.indexOf(operation) * ROW_FILTERS.length + ROW_FILTERS.indexOf(filter);
  return 32 * form + 31 - Math.clz32(queries);
}
