import type { ShardSpec } from '../messages/shard-spec.js';
import type { RowFilter } from '../wire/query.js';

/** Some rows of one shard. */
export interface QueryPart {
  readonly spec: ShardSpec;
  readonly start: number;
  readonly end: number;
  readonly filter: RowFilter;
  /** As in a query. */
  readonly rows: Uint32Array;
  /** Rows that are considered. */
  readonly considered: number;
}

/** Query vectors that are sent together. */
export interface QuerySlice {
  readonly first: number;
  readonly queries: number;
}

export const NO_FILTER: Uint32Array = new Uint32Array(0);
