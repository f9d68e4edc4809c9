import {
  finishTopK,
  mergeRanked,
  type PreparedCosineSimilarity,
  type PreparedTopK,
  type RankedList,
  type TopKOutput,
} from '@gearshift/contracts';
import type { Failure } from '@gearshift/native-kit';
import type { Placement } from '../placement/placement.js';
import { ANSWER_HEADER_BYTES, type ShardAnswer } from '../wire/answer.js';
import { QUERY_HEADER_BYTES } from '../wire/query.js';
import { WIRE_LIMITS } from '../wire/wire-limits.js';
import { askParts, type CountedPart } from './ask-parts.js';
import type { QueryHead } from './asked-query.js';
import { cutRows, entriesOf, type MessageRoom } from './cut-rows.js';
import type { QueryContext } from './query-context.js';
import { NO_FILTER, type QuerySlice } from './query-part.js';
import { SlowestTimes } from './slowest-times.js';

/** Slices of a request under way together: the next ones are on their way while workers compute. */
const SLICES_UNDER_WAY = 4;

/** Ranks or scores the rows of a placed matrix. The output is complete only when this succeeds. */
export async function runScan(
  context: QueryContext,
  placement: Placement,
  request: PreparedTopK | PreparedCosineSimilarity,
  query: Float32Array,
  output: TopKOutput | Float32Array,
  signal: AbortSignal | undefined,
): Promise<SlowestTimes | Failure> {
  const room = roomOf(context.transport.maxPayloadBytes);
  const parts = cutRows(request, placement.shardsIn(request.start, request.end), room).map((part) => {
    return { part, count: entriesOf(request, part) };
  });
  // Rows that are not considered score NaN, and are not asked for where a part has only such rows.
  if (isScores(output) && request.where !== undefined) output.fill(NaN);
  const times = new SlowestTimes();
  const slices = sliceQueries(request, parts, room);
  let next = 0;
  let failure: Failure | undefined;
  const work = async () => {
    while (next < slices.length && failure === undefined) {
      const slice = slices[next++];
      const head = headOf(request, query, slice, parts);
      const end = await askParts(context, placement, head, parts, signal);
      if (!end.ok) {
        failure ??= context.failures.of(end.failure.kind, end.failure.message);
        return;
      }
      times.add(end.answers);
      if (isScores(output)) writeScores(request, slice, end.answers, output);
      else if (request.operation === 'top-k') writeRanking(request, slice, end.answers, output);
    }
  };
  await Promise.all(Array.from({ length: Math.min(SLICES_UNDER_WAY, slices.length) }, work));
  if (failure !== undefined) return failure;
  if (!isScores(output) && request.operation === 'top-k') finishTopK(request, output);
  return times;
}

/** Why queries of so many dimensions do not fit in messages, if so. */
export function refuseDimensions(dimensions: number, maxPayloadBytes: number): string | undefined {
  const most = Math.min(WIRE_LIMITS.dimensions, Math.floor(roomOf(maxPayloadBytes).queryBytes / 8));
  return dimensions <= most
    ? undefined
    : `more than ${most} dimensions do not fit in a message of ${maxPayloadBytes} bytes`;
}

export function roomOf(maxPayloadBytes: number): MessageRoom {
  return { queryBytes: maxPayloadBytes - QUERY_HEADER_BYTES, answerBytes: maxPayloadBytes - ANSWER_HEADER_BYTES };
}

/** So many query vectors together that they and their answers fit in messages. */
function sliceQueries(
  request: PreparedTopK | PreparedCosineSimilarity,
  parts: readonly CountedPart[],
  room: MessageRoom,
): QuerySlice[] {
  const { queries, matrix } = request;
  const hasFilter = parts.some(({ part }) => part.filter !== 'all');
  const most = parts.reduce((largest, { count }) => Math.max(largest, count), 1);
  const answerBytes = most * (request.operation === 'top-k' ? 8 : 4);
  const vectorRoom = hasFilter ? Math.floor(room.queryBytes / 2) : room.queryBytes;
  const fitting = Math.min(
    Math.floor(vectorRoom / (4 * matrix.dimensions)),
    Math.floor(room.answerBytes / answerBytes),
  );
  const step = Math.max(1, Math.min(fitting, WIRE_LIMITS.queries));
  return Array.from({ length: Math.ceil(queries / step) }, (_, i) => {
    return { first: i * step, queries: Math.min(step, queries - i * step) };
  });
}

function headOf(
  request: PreparedTopK | PreparedCosineSimilarity,
  query: Float32Array,
  { first, queries }: QuerySlice,
  parts: readonly CountedPart[],
): QueryHead {
  const { dimensions } = request.matrix;
  const isTopK = request.operation === 'top-k';
  return {
    operation: request.operation,
    metric: isTopK ? request.metric : 'cosine',
    // No part has more entries.
    k: isTopK ? parts.reduce((most, { count }) => Math.max(most, count), 1) : 0,
    queries,
    dimensions,
    numbers: query.subarray(first * dimensions, (first + queries) * dimensions),
    decay: 0,
    retention: 0,
    threshold: 0,
    start: request.start,
    end: request.end,
    filter: 'all',
    rows: NO_FILTER,
  };
}

function writeRanking(
  { metric, count }: PreparedTopK,
  { first, queries }: QuerySlice,
  answers: readonly ShardAnswer[],
  { indices, scores }: TopKOutput,
): void {
  for (let q = 0; q < queries; q++) {
    const lists = queries === 1 ? answers : answers.map((answer) => listOf(answer, q));
    const at = (first + q) * count;
    mergeRanked(metric, lists, { indices: indices.subarray(at, at + count), scores: scores.subarray(at, at + count) });
  }
}

/** What an answer has for one query vector. */
function listOf({ header: { count }, indices, scores }: ShardAnswer, q: number): RankedList {
  return {
    indices: indices.subarray(q * count, (q + 1) * count),
    scores: scores.subarray(q * count, (q + 1) * count),
  };
}

function writeScores(
  request: PreparedTopK | PreparedCosineSimilarity,
  { first, queries }: QuerySlice,
  answers: readonly ShardAnswer[],
  output: Float32Array,
): void {
  const rows = request.end - request.start;
  for (const { header, scores } of answers) {
    const { start, count } = header;
    for (let q = 0; q < queries; q++) {
      output.set(scores.subarray(q * count, (q + 1) * count), (first + q) * rows + start - request.start);
    }
  }
}

function isScores(output: TopKOutput | Float32Array): output is Float32Array {
  return ArrayBuffer.isView(output);
}
