import { METRICS, type Metric } from '@gearshift/contracts';
import { isToken } from '../subjects.js';
import { QUERY_OPERATIONS, TRACE_ID_BYTES, WIRE_LIMITS, type QueryOperation } from './wire-limits.js';

/*
 * A query is little-endian: a header of 160 bytes, then the numbers, then the rows.
 *
 *   0 magic u32 | 4 operation u8 | 5 metric u8 | 6 filter u8 | 7 zero u8 | 8 shard u32 | 12 budgetMs u32 | 16 id f64 | 24 generation f64
 *  32 decay f64 | 40 retention f64 | 48 threshold f64 | 56 k u32 | 60 queries u32 | 64 dimensions u32 | 68 start u32 | 72 end u32
 *  76 filter length u32 | 80 trace id, 16 bytes | 96 key, 64 bytes, filled up with zeros
 * 160 numbers f32 | rows u32
 *
 * There are queries x dimensions numbers; with the filter 'sparse' one for each row, and with 'stored' none.
 */
export const QUERY_HEADER_BYTES = 160;
const KEY_AT = 96;
const ID_WORDS = 2;
const MAGIC = 0x3151_5347;
/** What is no letter of ASCII is no token either. */
const LETTERS = new TextDecoder('latin1');
const LEAST_KEPT_NUMBERS = 4096;
/** Of 1 MiB. */
const MOST_KEPT_NUMBERS = 2 ** 18;
const NO_ROWS = new Uint32Array(0);

/**
 * Of a scan the rows to consider: `'all'`, `'candidates'` or `'set'`. Of spreading the nodes of which there are activations: `'all'`,
 * `'sparse'` for those that are active, or `'stored'` for activations that were sent before.
 */
export const ROW_FILTERS = ['all', 'candidates', 'set', 'sparse', 'stored'] as const;
export type RowFilter = (typeof ROW_FILTERS)[number];

/** A request to the holder of a shard. Rows are those of the whole matrix, nodes those of the whole graph. */
export interface ShardQuery {
  readonly operation: QueryOperation;
  readonly metric: Metric;
  readonly key: string;
  /** `EVERY_SHARD` for the shard of the queue group that the message came through. */
  readonly shard: number;
  /** A holder that has not answered by then need not any more. */
  readonly budgetMs: number;
  readonly id: number;
  readonly generation: number;
  readonly decay: number;
  readonly retention: number;
  readonly threshold: number;
  /** 0 for operations other than top-k. */
  readonly k: number;
  /** 1 for spreading. */
  readonly queries: number;
  /** For spreading the number of nodes. */
  readonly dimensions: number;
  /** Each holder answers for what it holds of `[start, end)`. */
  readonly start: number;
  readonly end: number;
  readonly filter: RowFilter;
  /**
   * Of `'candidates'` row numbers; of `'set'` a bit for each row from `start` on, as in a RowSet; of `'sparse'` ascending nodes; of `'stored'`
   * the id of the activations, in 8 bytes.
   */
  readonly rows: Uint32Array;
  readonly traceId: Uint8Array;
  /** Query vectors or activations. */
  readonly numbers: Float32Array;
}

export function encodeQuery(query: ShardQuery): Uint8Array {
  const { numbers, rows } = query;
  const bytes = new Uint8Array(QUERY_HEADER_BYTES + numbers.byteLength + rows.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, QUERY_OPERATIONS.indexOf(query.operation));
  view.setUint8(5, METRICS.indexOf(query.metric));
  view.setUint8(6, ROW_FILTERS.indexOf(query.filter));
  view.setUint32(8, query.shard, true);
  view.setUint32(12, Math.max(1, Math.min(WIRE_LIMITS.budgetMs, Math.ceil(query.budgetMs))), true);
  view.setFloat64(16, query.id, true);
  view.setFloat64(24, query.generation, true);
  view.setFloat64(32, query.decay, true);
  view.setFloat64(40, query.retention, true);
  view.setFloat64(48, query.threshold, true);
  view.setUint32(56, query.k, true);
  view.setUint32(60, query.queries, true);
  view.setUint32(64, query.dimensions, true);
  view.setUint32(68, query.start, true);
  view.setUint32(72, query.end, true);
  view.setUint32(76, rows.length, true);
  bytes.set(query.traceId.subarray(0, TRACE_ID_BYTES), 80);
  for (let i = 0; i < query.key.length; i++) bytes[KEY_AT + i] = query.key.charCodeAt(i);
  bytes.set(bytesOf(numbers), QUERY_HEADER_BYTES);
  bytes.set(bytesOf(rows), QUERY_HEADER_BYTES + numbers.byteLength);
  return bytes;
}

/** Memory for query vectors, which each query overwrites: to allocate it anew would take longer than the rest of the decoding. */
export class QueryMemory {
  #numbers = new Float32Array(LEAST_KEPT_NUMBERS);

  /** @returns memory for so many numbers, aligned and with anything in it */
  take(elementCount: number): Float32Array {
    if (elementCount > MOST_KEPT_NUMBERS) return new Float32Array(elementCount);
    if (elementCount > this.#numbers.length) this.#numbers = new Float32Array(elementCount);
    return this.#numbers.subarray(0, elementCount);
  }
}

/**
 * @param memory for the numbers, which are valid until it is used again; without it, the query has memory of its own
 * @returns the query, or what is wrong with the bytes
 */
export function decodeQuery(bytes: Uint8Array, memory?: QueryMemory): ShardQuery | string {
  if (bytes.byteLength < QUERY_HEADER_BYTES) return `${bytes.byteLength} bytes are no query`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return 'another magic number than that of a query';
  const operation = QUERY_OPERATIONS.at(view.getUint8(4));
  const metric = METRICS.at(view.getUint8(5));
  const filter = ROW_FILTERS.at(view.getUint8(6));
  if (operation === undefined || metric === undefined || filter === undefined || view.getUint8(7) !== 0) {
    return 'an unknown operation, metric or filter';
  }
  const [k, queries, dimensions] = [view.getUint32(56, true), view.getUint32(60, true), view.getUint32(64, true)];
  const [start, end, filterLength] = [view.getUint32(68, true), view.getUint32(72, true), view.getUint32(76, true)];
  const numberCount = filter === 'sparse' ? filterLength : filter === 'stored' ? 0 : queries * dimensions;
  const byteLength = QUERY_HEADER_BYTES + 4 * numberCount + 4 * filterLength;
  if (bytes.byteLength !== byteLength) return `${bytes.byteLength} bytes instead of ${byteLength}`;
  const wrong =
    wrongSize(operation, k, queries, dimensions) ??
    wrongRows(filter, start, end, filterLength, dimensions) ??
    wrongFilter(operation, filter);
  if (wrong !== undefined) return wrong;
  const key = keyOf(bytes);
  if (!isToken(key)) return 'a key that is no token';
  const query = {
    key,
    operation,
    metric,
    shard: view.getUint32(8, true),
    budgetMs: view.getUint32(12, true),
    id: view.getFloat64(16, true),
    generation: view.getFloat64(24, true),
    decay: view.getFloat64(32, true),
    retention: view.getFloat64(40, true),
    threshold: view.getFloat64(48, true),
    k,
    queries,
    dimensions,
    start,
    end,
    filter,
    rows: filterLength === 0 ? NO_ROWS : rowsOf(bytes, QUERY_HEADER_BYTES + 4 * numberCount, filterLength),
    traceId: bytes.slice(80, 80 + TRACE_ID_BYTES),
    numbers: numbersOf(bytes, numberCount, memory),
  };
  return wrongNumbers(query) ?? query;
}

function wrongSize(operation: QueryOperation, k: number, queries: number, dimensions: number): string | undefined {
  const isSpread = operation === 'spread-activation';
  const isTopK = operation === 'top-k';
  if (isTopK ? k < 1 || k > WIRE_LIMITS.k : k !== 0) return `k is ${k}`;
  if (queries < 1 || queries > (isSpread ? 1 : WIRE_LIMITS.queries)) return `${queries} queries`;
  const mostDimensions = isSpread ? WIRE_LIMITS.nodes : WIRE_LIMITS.dimensions;
  return dimensions < 1 || dimensions > mostDimensions ? `${dimensions} dimensions` : undefined;
}

function wrongFilter(operation: QueryOperation, filter: RowFilter): string | undefined {
  if (filter === 'all') return undefined;
  const isSpread = operation === 'spread-activation';
  const isOfSpread = filter === 'sparse' || filter === 'stored';
  return isSpread === isOfSpread ? undefined : `${operation} with the filter '${filter}'`;
}

function wrongRows(
  filter: RowFilter,
  start: number,
  end: number,
  filterLength: number,
  dimensions: number,
): string | undefined {
  if (start > end) return `rows from ${start} to ${end}`;
  const rows = end - start;
  return isRightLength(filter, rows, filterLength, dimensions)
    ? undefined
    : `${filterLength} elements of a filter for ${rows} rows`;
}

function isRightLength(filter: RowFilter, rows: number, filterLength: number, dimensions: number): boolean {
  switch (filter) {
    case 'all':
      return filterLength === 0;
    case 'set':
      return filterLength === Math.ceil(rows / 32);
    case 'candidates':
      return filterLength >= 1 && filterLength <= rows;
    case 'sparse':
      return filterLength <= dimensions;
    case 'stored':
      return filterLength === ID_WORDS;
  }
}

function wrongNumbers(query: ShardQuery): string | undefined {
  const { id, generation, decay, retention, threshold, filter, rows } = query;
  if (!Number.isSafeInteger(id) || !Number.isSafeInteger(generation)) return 'an id that is no integer';
  if (!Number.isFinite(decay) || !Number.isFinite(retention) || !Number.isFinite(threshold) || threshold < 0) {
    return 'options of spreading that are not finite';
  }
  if (filter !== 'candidates' && filter !== 'sparse') return undefined;
  const [start, end] = filter === 'sparse' ? [0, query.dimensions] : [query.start, query.end];
  // Ascending, so that no row is named twice.
  for (let i = 0; i < rows.length; i++) {
    if (rows[i] < start || rows[i] >= end || (i > 0 && rows[i] <= rows[i - 1])) return `row ${i} is ${rows[i]}`;
  }
  return undefined;
}

function keyOf(bytes: Uint8Array): string {
  let end = KEY_AT;
  while (end < QUERY_HEADER_BYTES && bytes[end] !== 0) end++;
  return LETTERS.decode(bytes.subarray(KEY_AT, end));
}

function bytesOf(array: Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Aligned memory, which what a message has is not. */
function numbersOf(bytes: Uint8Array, elementCount: number, memory: QueryMemory | undefined): Float32Array {
  const numbers = memory?.take(elementCount) ?? new Float32Array(elementCount);
  bytesOf(numbers).set(bytes.subarray(QUERY_HEADER_BYTES, QUERY_HEADER_BYTES + 4 * elementCount));
  return numbers;
}

function rowsOf(bytes: Uint8Array, start: number, elementCount: number): Uint32Array {
  const rows = new Uint32Array(elementCount);
  bytesOf(rows).set(bytes.subarray(start, start + 4 * elementCount));
  return rows;
}
