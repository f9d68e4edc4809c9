import { DTYPES, type Dtype } from '@gearshift/contracts';
import { DTYPE_BYTES, requireScale } from '@gearshift/contracts/internal';
import { WIRE_LIMITS } from '../wire/wire-limits.js';
import type { JsonFields } from './json-fields.js';

/** Row numbers have 32 bits, and one of them means none. */
export const MOST_ROWS = 2 ** 32 - 1;
export const MOST_SHARDS = 2 ** 16;
export const MOST_COPIES = 2 ** 16;

/** One shard of one generation of an operand: the rows `[start, end)` of a matrix, or the receiving nodes of a graph. */
export interface ShardSpec {
  readonly key: string;
  /** Another placement of the same key has another generation. */
  readonly generation: number;
  readonly shard: number;
  /** The number of shards of this generation. */
  readonly shards: number;
  readonly kind: 'matrix' | 'graph';
  readonly start: number;
  readonly end: number;
  /** Rows of the whole matrix, or nodes. */
  readonly rows: number;
  /** 1 for a graph. */
  readonly dimensions: number;
  readonly dtype: Dtype;
  readonly scale: number | undefined;
  /** Edges of this shard of a graph; 0 for a matrix. */
  readonly edges: number;
  /** What the coordinator that placed the matrix says of it. */
  readonly label?: string | undefined;
  /** Workers that are to hold it; unknown for shards of other versions of this package. */
  readonly copies?: number | undefined;
}

export function readShardSpec(fields: JsonFields): ShardSpec {
  const rows = fields.integer('rows', 1, MOST_ROWS);
  const end = fields.integer('end', 1, rows);
  const dtype = fields.word('dtype', DTYPES);
  const shards = fields.integer('shards', 1, MOST_SHARDS);
  return {
    key: fields.token('key'),
    generation: fields.integer('generation', 0),
    shard: fields.integer('shard', 0, shards - 1),
    shards,
    kind: fields.word('kind', ['matrix', 'graph']),
    start: fields.integer('start', 0, end - 1),
    end,
    rows,
    dimensions: fields.integer('dimensions', 1, WIRE_LIMITS.dimensions),
    dtype,
    scale: fields.has('scale') ? requireScale('scale', fields.number('scale'), dtype) : undefined,
    edges: fields.integer('edges', 0, MOST_ROWS),
    label: fields.has('label') ? fields.token('label') : undefined,
    copies: fields.has('copies') ? fields.integer('copies', 1, MOST_COPIES) : undefined,
  };
}

/** Names a shard among those of a worker. */
export function shardName({ key, generation, shard }: Pick<ShardSpec, 'key' | 'generation' | 'shard'>): string {
  return `${key}.${generation}.${shard}`;
}

/** Bytes of the contents of a shard, as they are pushed. */
export function contentBytes({ kind, start, end, dimensions, dtype, edges }: ShardSpec): number {
  const rows = end - start;
  return kind === 'graph' ? 4 * (rows + 1 + 2 * edges) : rows * dimensions * DTYPE_BYTES[dtype];
}

/** Bytes that a worker needs to hold a shard. */
export function shardBytes(spec: ShardSpec): number {
  return contentBytes(spec) + (spec.kind === 'graph' ? 4 * (spec.rows + 1) : 0);
}

/** Whether both are the same rows of the same generation. How many copies are wanted makes no difference. */
export function sameShard(a: ShardSpec, b: ShardSpec): boolean {
  return (
    shardName(a) === shardName(b) &&
    a.shards === b.shards &&
    a.kind === b.kind &&
    a.start === b.start &&
    a.end === b.end &&
    a.rows === b.rows &&
    a.dimensions === b.dimensions &&
    a.dtype === b.dtype &&
    a.scale === b.scale &&
    a.edges === b.edges &&
    a.label === b.label
  );
}
