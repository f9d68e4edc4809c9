import { compareRanked } from '@gearshift/contracts';
import { hasRow } from '@gearshift/contracts/internal';
import { QUERY_OPERATIONS, WIRE_LIMITS } from './wire-limits.js';
import type { ShardQuery } from './query.js';

/*
 * An answer is little-endian: a header of 72 bytes, then row numbers (top-k only), then scores.
 *
 *   0 magic u32 | 4 status u8 | 5 operation u8 | 6 zero u16 | 8 shard u32 | 12 count u32 | 16 id f64 | 24 generation f64
 *  32 instance f64 | 40 queries u32 | 44 start u32 | 48 end u32 | 52 kernel, microseconds u32 | 56 queue, microseconds u32
 *  60 under way u32 | 64 zero f64 | 72 rows u32, queries x count | scores f32, queries x count
 */
export const ANSWER_HEADER_BYTES = 72;
const MAGIC = 0x3141_5347;

export const ANSWER_STATUSES = [
  'ok',
  /** The worker does not hold this generation of the shard. */
  'stale',
  /** Too many queries are under way. */
  'overloaded',
  'invalid-input',
  'fault',
  /** The time for the answer was over before there was one. */
  'expired',
  'aborted',
] as const;
export type AnswerStatus = (typeof ANSWER_STATUSES)[number];

export interface AnswerHeader {
  readonly status: AnswerStatus;
  readonly operation: ShardQuery['operation'];
  readonly shard: number;
  readonly id: number;
  readonly generation: number;
  /** The process that answers; see announcements. */
  readonly instance: number;
  readonly queries: number;
  /** The part of the rows of the query that the shard has. */
  readonly start: number;
  readonly end: number;
  /** Entries of each query. */
  readonly count: number;
  readonly kernelMs: number;
  readonly queueMs: number;
  /** Queries that the worker has under way. */
  readonly underWay: number;
}

export interface ShardAnswer {
  readonly header: AnswerHeader;
  /** Rows of the whole matrix; empty except for top-k. */
  readonly indices: Uint32Array;
  readonly scores: Float32Array;
}

const NO_ROWS = new Uint32Array(0);
const NO_SCORES = new Float32Array(0);

export function encodeAnswer(
  header: AnswerHeader,
  indices: Uint32Array = NO_ROWS,
  scores: Float32Array = NO_SCORES,
): Uint8Array {
  const bytes = new Uint8Array(ANSWER_HEADER_BYTES + indices.byteLength + scores.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, ANSWER_STATUSES.indexOf(header.status));
  view.setUint8(5, QUERY_OPERATIONS.indexOf(header.operation));
  view.setUint32(8, header.shard, true);
  view.setUint32(12, header.count, true);
  view.setFloat64(16, header.id, true);
  view.setFloat64(24, header.generation, true);
  view.setFloat64(32, header.instance, true);
  view.setUint32(40, header.queries, true);
  view.setUint32(44, header.start, true);
  view.setUint32(48, header.end, true);
  view.setUint32(52, microseconds(header.kernelMs), true);
  view.setUint32(56, microseconds(header.queueMs), true);
  view.setUint32(60, header.underWay, true);
  bytes.set(new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength), ANSWER_HEADER_BYTES);
  const scoresAt = ANSWER_HEADER_BYTES + indices.byteLength;
  bytes.set(new Uint8Array(scores.buffer, scores.byteOffset, scores.byteLength), scoresAt);
  return bytes;
}

/** @returns the header of an answer; or what is wrong with the bytes */
export function decodeAnswerHeader(bytes: Uint8Array): AnswerHeader | string {
  if (bytes.byteLength < ANSWER_HEADER_BYTES) return `${bytes.byteLength} bytes are no answer`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return 'another magic number than that of an answer';
  const status = ANSWER_STATUSES.at(view.getUint8(4));
  const operation = QUERY_OPERATIONS.at(view.getUint8(5));
  if (status === undefined || operation === undefined) return 'an unknown status or operation';
  if (view.getUint16(6, true) !== 0 || view.getFloat64(64, true) !== 0) return 'numbers where there are none';
  return {
    status,
    operation,
    shard: view.getUint32(8, true),
    count: view.getUint32(12, true),
    id: view.getFloat64(16, true),
    generation: view.getFloat64(24, true),
    instance: view.getFloat64(32, true),
    queries: view.getUint32(40, true),
    start: view.getUint32(44, true),
    end: view.getUint32(48, true),
    kernelMs: view.getUint32(52, true) / 1000,
    queueMs: view.getUint32(56, true) / 1000,
    underWay: view.getUint32(60, true),
  };
}

/** The fields of a query that its answer depends on. */
export type Question = Pick<
  ShardQuery,
  'id' | 'generation' | 'operation' | 'metric' | 'queries' | 'start' | 'filter' | 'rows'
>;

/** What the answer to a query has to be. */
export interface ExpectedAnswer {
  readonly query: Question;
  readonly shard: number;
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

/**
 * The answer to exactly this query. A worker is trusted with scores and nothing else: rows outside of the shard or of the filter, rows
 * out of order and rows that are named twice are found here.
 *
 * @param bytes which the answer keeps, if they are aligned
 * @param header of these bytes, with the status `'ok'`
 * @returns or what is wrong with it
 */
export function readAnswer(bytes: Uint8Array, header: AnswerHeader, expected: ExpectedAnswer): ShardAnswer | string {
  const { query } = expected;
  if (header.id !== query.id) return 'the answer to another query';
  if (header.operation !== query.operation) return `the answer to ${header.operation}`;
  if (header.generation !== query.generation) return `generation ${header.generation}`;
  if (header.shard !== expected.shard) return `shard ${header.shard}`;
  if (header.start !== expected.start || header.end !== expected.end) return `rows ${header.start} to ${header.end}`;
  if (header.queries !== query.queries) return `${header.queries} queries`;
  if (header.count !== expected.count) return `${header.count} entries where there are ${expected.count}`;
  const elementCount = header.queries * header.count;
  const hasRows = query.operation === 'top-k';
  const byteLength = ANSWER_HEADER_BYTES + elementCount * (hasRows ? 8 : 4);
  if (bytes.byteLength !== byteLength || byteLength > WIRE_LIMITS.answerBytes) {
    return `${bytes.byteLength} bytes instead of ${byteLength}`;
  }
  const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  const indices = hasRows ? new Uint32Array(buffer, byteOffset + ANSWER_HEADER_BYTES, elementCount) : NO_ROWS;
  const scoresAt = byteOffset + ANSWER_HEADER_BYTES + indices.byteLength;
  const scores = new Float32Array(buffer, scoresAt, elementCount);
  const problem = hasRows ? wrongRanking(indices, scores, expected) : undefined;
  return problem ?? { header, indices, scores };
}

function wrongRanking(indices: Uint32Array, scores: Float32Array, expected: ExpectedAnswer): string | undefined {
  const { query, start, end, count } = expected;
  for (let q = 0; q < query.queries; q++) {
    for (let i = q * count; i < (q + 1) * count; i++) {
      const row = indices[i];
      if (row < start || row >= end || !isConsidered(query, row)) return `row ${row}, which is not in the request`;
      // Strictly better than the next one, so that no row is there twice.
      if (i > q * count && compareRanked(query.metric, scores[i - 1], indices[i - 1], scores[i], row) >= 0) {
        return `row ${row} out of order`;
      }
    }
  }
  return undefined;
}

function isConsidered({ filter, rows, start }: Question, row: number): boolean {
  if (filter === 'all') return true;
  if (filter === 'set') return hasRow(rows, row - start);
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (rows[middle] < row) from = middle + 1;
    else to = middle;
  }
  return rows[from] === row;
}

function microseconds(durationMs: number): number {
  return Math.min(2 ** 32 - 1, Math.max(0, Math.round(durationMs * 1000)));
}
