import type { Placement } from '../placement/placement.js';
import type { Question } from '../wire/answer.js';
import { ROW_FILTERS, type ShardQuery } from '../wire/query.js';
import { EVERY_SHARD, QUERY_OPERATIONS } from '../wire/wire-limits.js';
import type { QueryPart } from './query-part.js';

/** What the queries to all parts have in common. */
export type QueryHead = Pick<
  ShardQuery,
  'operation' | 'metric' | 'k' | 'queries' | 'dimensions' | 'numbers' | 'decay' | 'retention' | 'threshold'
> & {
  /** Of the request, for a broadcast. */
  readonly start: number;
  readonly end: number;
  /** Of activations, for parts of all of their rows. */
  readonly filter: 'all' | 'sparse' | 'stored';
  readonly rows: Uint32Array;
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
  return queryOf(asked, id, budgetMs, EVERY_SHARD, head.start, head.end, head.filter, head.rows);
}

/** The query to one part. */
export function queryToPart(asked: AskedQuery, part: QueryPart, id: number, budgetMs: number): ShardQuery {
  const { filter, rows } = filterOf(asked.head, part);
  return queryOf(asked, id, budgetMs, part.spec.shard, part.start, part.end, filter, rows);
}

/** What the answer of a part is checked against. */
export function questionOf({ head, placement }: AskedQuery, part: QueryPart, id: number): Question {
  const { operation, metric, queries } = head;
  const { start } = part;
  const { filter, rows } = filterOf(head, part);
  return { id, generation: placement.generation, operation, metric, queries, start, filter, rows };
}

/** A part of all of its rows is asked with what the activations need. */
function filterOf(head: QueryHead, part: QueryPart): Pick<ShardQuery, 'filter' | 'rows'> {
  return part.filter === 'all' ? head : part;
}

/** Each field by name: an object that begins with a spread takes V8 far longer, and every query makes some. */
function queryOf(
  { placement: { key, generation }, head, traceId }: AskedQuery,
  id: number,
  budgetMs: number,
  shard: number,
  start: number,
  end: number,
  filter: ShardQuery['filter'],
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
export function kindOf(head: QueryHead, part: QueryPart): number {
  const { operation, queries } = head;
  const { filter } = filterOf(head, part);
  const form = QUERY_OPERATIONS.indexOf(operation) * ROW_FILTERS.length + ROW_FILTERS.indexOf(filter);
  return 32 * form + 31 - Math.clz32(queries);
}
