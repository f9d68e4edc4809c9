import type { Placement } from '../placement/placement.js';
import { probeWorker } from '../placement/probe-worker.js';
import { reasonOf } from '../transport/reason-of.js';
import { decodeAnswerHeader, type ShardAnswer } from '../wire/answer.js';
import { encodeQuery, type ShardQuery } from '../wire/query.js';
import { EVERY_SHARD } from '../wire/wire-limits.js';
import type { QueryPart } from './query-part.js';
import type { QueryContext } from './query-context.js';
import { sendCancel } from './send-cancel.js';
import { ShardTurn } from './shard-turn.js';
import { traceIdOf } from './trace-id.js';
import type { TurnEnd, TurnFailure } from './turn-end.js';

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

/** A part with the number of entries of each query in its answer. */
export interface CountedPart {
  readonly part: QueryPart;
  readonly count: number;
}

export type PartsEnd =
  | { readonly ok: true; readonly answers: readonly ShardAnswer[] }
  | { readonly ok: false; readonly failure: TurnFailure };

/**
 * Asks for the same query vectors at each part: with one message to all shards where that is possible, and with one to a single holder
 * of each otherwise.
 */
export async function askParts(
  context: QueryContext,
  placement: Placement,
  head: QueryHead,
  parts: readonly CountedPart[],
  signal: AbortSignal | undefined,
): Promise<PartsEnd> {
  if (signal?.aborted === true) return { ok: false, failure: { kind: 'aborted', message: 'the request was aborted' } };
  const traceId = traceIdOf(context.backend, head.operation);
  const id = context.nextId();
  const turns = parts.map(({ part, count }) => {
    return new ShardTurn(context, placement, part, queryOf(context, placement, head, id, traceId, part), count);
  });
  const abort = () => {
    for (const turn of turns) turn.abort();
  };
  signal?.addEventListener('abort', abort);
  try {
    if (mayBroadcast(context, head, parts)) {
      void broadcast(context, queryOf(context, placement, head, id, traceId, undefined), turns, signal);
    } else {
      for (const turn of turns) turn.begin();
    }
    // The first failure ends the request.
    const ends = await firstFailure(turns.map(({ end }) => end));
    if (Array.isArray(ends)) return { ok: true, answers: ends };
    abort();
    return { ok: false, failure: ends };
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** All answers, or the first failure. */
function firstFailure(ends: readonly Promise<TurnEnd>[]): Promise<ShardAnswer[] | TurnFailure> {
  return new Promise((resolve) => {
    const answers = new Array<ShardAnswer>(ends.length);
    let missing = ends.length;
    if (missing === 0) resolve(answers);
    for (const [i, ending] of ends.entries()) {
      void ending.then((end) => {
        if ('failure' in end) {
          resolve(end.failure);
          return;
        }
        answers[i] = end.answer;
        missing -= 1;
        if (missing === 0) resolve(answers);
      });
    }
  });
}

/** Each field by name: an object that begins with a spread takes V8 far longer, and every query makes some. */
function queryOf(
  context: QueryContext,
  { key, generation }: Placement,
  head: QueryHead,
  id: number,
  traceId: Uint8Array,
  part: QueryPart | undefined,
): ShardQuery {
  return {
    key,
    operation: head.operation,
    metric: head.metric,
    shard: part === undefined ? EVERY_SHARD : part.spec.shard,
    budgetMs: context.timeoutMs,
    id,
    generation,
    decay: head.decay,
    retention: head.retention,
    threshold: head.threshold,
    k: head.k,
    queries: head.queries,
    dimensions: head.dimensions,
    start: part === undefined ? head.start : part.start,
    end: part === undefined ? head.end : part.end,
    filter: part === undefined || part.filter === 'all' ? head.filter : part.filter,
    rows: part === undefined || part.filter === 'all' ? head.rows : part.rows,
    traceId,
    numbers: head.numbers,
  };
}

/**
 * A message to one holder of each shard costs the same for any number of shards. But it names no rows, and nothing says which holder it
 * reaches: one that is known to be slow is avoided by asking others by name.
 */
function mayBroadcast(context: QueryContext, head: QueryHead, parts: readonly CountedPart[]): boolean {
  // Not every holder has got activations that were sent before.
  if (parts.length < 2 || head.filter === 'stored') return false;
  const { directory } = context;
  return parts.every(({ part: { spec, start, end, filter } }, i) => {
    const isWhole = start === Math.max(head.start, spec.start) && end === Math.min(head.end, spec.end);
    if (!isWhole || filter !== 'all' || (i > 0 && parts[i - 1].part.spec === spec)) return false;
    const silent = directory.silentHolders(spec);
    for (const worker of silent) void probeWorker(context, worker);
    if (silent.length > 0) return false;
    const holders = directory.holders(spec);
    return holders.length > 0 && !holders.some((worker) => directory.isSuspect(worker));
  });
}

async function broadcast(
  context: QueryContext,
  query: ShardQuery,
  turns: readonly ShardTurn[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { transport, subjects, directory, timeoutMs } = context;
  const byShard = new Map(turns.map((turn) => [turn.part.spec.shard, turn]));
  const controller = new AbortController();
  // Hedges may answer for the rest.
  const isOver = () => turns.every((turn) => turn.isSettled);
  const stop = () => controller.abort();
  void Promise.all(turns.map(({ end }) => end)).then(stop);
  for (const turn of turns) turn.beginWithBroadcast();
  try {
    const subject = subjects.query(query.key, query.generation);
    const options = { timeoutMs, signal: controller.signal };
    await transport.askAll(subject, encodeQuery(query), options, (bytes) => {
      const header = decodeAnswerHeader(bytes);
      // Bytes that are no answer name no shard: the hedge asks for it.
      if (typeof header !== 'string' && header.id === query.id)
        byShard.get(header.shard)?.offer(bytes, header, query.id);
      return isOver();
    });
  } catch (error) {
    const reason = reasonOf(error);
    for (const turn of turns) turn.broadcastEnded(reason);
  }
  if (signal?.aborted !== true) return;
  const holders = new Set(turns.flatMap(({ part }) => directory.holders(part.spec)));
  for (const { worker } of holders) sendCancel(transport, subjects.worker(worker, 'cancel'), query.id);
}
