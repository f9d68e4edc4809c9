import type { PreparedCosineSimilarity, PreparedTopK, RowSetLike } from '@gearshift/contracts';
import { countRows, listRows } from '@gearshift/contracts/internal';
import type { ShardSpec } from '../messages/shard-spec.js';
import { moveBits } from '../row-bits.js';
import { NO_FILTER, type QueryPart } from './query-part.js';

/** How much fits in the messages of a query. */
export interface MessageRoom {
  /** Bytes besides the header of a query. */
  readonly queryBytes: number;
  /** Bytes besides the header of an answer. */
  readonly answerBytes: number;
}

/** The parts of a scan: rows of each shard, so few that their filter and the answer to one query fit in a message. */
export function cutRows(
  request: PreparedTopK | PreparedCosineSimilarity,
  shards: readonly ShardSpec[],
  room: MessageRoom,
): QueryPart[] {
  const { start, end, where } = request;
  if (request.operation === 'top-k' && request.candidates !== undefined) {
    return cutCandidates(request.candidates, shards, room);
  }
  const mostEntries = Math.floor(room.answerBytes / (request.operation === 'top-k' ? 8 : 4));
  const isCut = request.operation === 'cosine-similarity' || request.count > mostEntries;
  // Half of the message is for the query vectors.
  const mostRows = where === undefined ? Infinity : Math.max(1, Math.floor(room.queryBytes / 8)) * 32;
  const step = Math.min(mostRows, isCut ? mostEntries : Infinity);
  const isSparse = request.operation === 'top-k';
  const parts: QueryPart[] = [];
  for (const spec of shards) {
    const last = Math.min(end, spec.end);
    for (let from = Math.max(start, spec.start); from < last; from += step) {
      const part = partOf(spec, from, Math.min(last, from + step), where, isSparse);
      if (part.considered > 0) parts.push(part);
    }
  }
  return parts;
}

/** The entries of one query in the answer of a part. */
export function entriesOf(request: PreparedTopK | PreparedCosineSimilarity, part: QueryPart): number {
  return request.operation === 'top-k' ? Math.min(request.count, part.considered) : part.end - part.start;
}

function partOf(
  spec: ShardSpec,
  start: number,
  end: number,
  where: RowSetLike | undefined,
  isSparse: boolean,
): QueryPart {
  const considered = where === undefined ? end - start : countRows(where.words, start, end);
  if (where === undefined || considered === end - start) {
    return { spec, start, end, filter: 'all', rows: NO_FILTER, considered };
  }
  const words = Math.ceil((end - start) / 32);
  if (isSparse && considered <= words) {
    return { spec, start, end, filter: 'candidates', rows: listRows(where.words, start, end), considered };
  }
  const rows = moveBits(where.words, 0, start, end, start, end - start);
  return { spec, start, end, filter: 'set', rows, considered };
}

function cutCandidates(given: Uint32Array, shards: readonly ShardSpec[], room: MessageRoom): QueryPart[] {
  const candidates = given.slice().sort();
  const step = Math.max(1, Math.floor(Math.min(room.queryBytes, room.answerBytes) / 8));
  const parts: QueryPart[] = [];
  for (const spec of shards) {
    const last = placeOf(candidates, spec.end);
    for (let from = placeOf(candidates, spec.start); from < last; from += step) {
      const rows = candidates.subarray(from, Math.min(last, from + step));
      const [start, end] = [rows[0], rows[rows.length - 1] + 1];
      parts.push({ spec, start, end, filter: 'candidates', rows, considered: rows.length });
    }
  }
  return parts;
}

/** The number of ascending rows below `row`. */
function placeOf(rows: Uint32Array, row: number): number {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (rows[middle] < row) from = middle + 1;
    else to = middle;
  }
  return from;
}
