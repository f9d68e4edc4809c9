import type { Placement } from '../placement/placement.js';
import { probeWorker } from '../placement/probe-worker.js';
import { reasonOf } from '../transport/reason-of.js';
import { decodeAnswerHeader } from '../wire/answer.js';
import { encodeQuery } from '../wire/query.js';
import { queryToAll, type AskedQuery, type QueryHead } from './asked-query.js';
import { GatheredAnswers, type PartsEnd } from './gathered-answers.js';
import type { QueryContext } from './query-context.js';
import type { QueryPart } from './query-part.js';
import { HedgeTimer } from './hedge-timer.js';
import { QuestionEnd } from './question-end.js';
import { sendCancel } from './send-cancel.js';
import { ShardTurn } from './shard-turn.js';
import { traceIdOf } from './trace-id.js';

/** A part with the number of entries of each query in its answer. */
export interface CountedPart {
  readonly part: QueryPart;
  readonly count: number;
}

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
  const asked = { placement, head, id: context.nextId(), traceId, startedAtMs: context.clock.nowMs() };
  const gathered = new GatheredAnswers(parts.length);
  const turns: ShardTurn[] = [];
  const hedges = new HedgeTimer(context.clock, turns);
  for (const [i, { part, count }] of parts.entries()) {
    turns.push(new ShardTurn(context, asked, part, count, hedges, (end) => gathered.add(i, end)));
  }
  const abort = () => {
    for (const turn of turns) turn.abort();
  };
  signal?.addEventListener('abort', abort);
  try {
    if (mayBroadcast(context, asked, parts)) void broadcast(context, asked, turns, gathered, signal);
    else for (const turn of turns) turn.begin();
    const end = await gathered.end;
    // The first failure ends the request.
    if (!end.ok) abort();
    return end;
  } finally {
    hedges.stop();
    signal?.removeEventListener('abort', abort);
  }
}

/**
 * A message to one holder of each shard costs the same for any number of shards. But it names no rows, and nothing says which holder it
 * reaches: one that is known to be slow is avoided by asking others by name.
 */
function mayBroadcast(context: QueryContext, { head }: AskedQuery, parts: readonly CountedPart[]): boolean {
  // Not every holder has got activations that were sent before.
  if (parts.length < 2 || head.filter === 'stored') return false;
  const { directory } = context;
  const nowMs = directory.nowMs();
  return parts.every(({ part: { spec, start, end, filter } }, i) => {
    const isWhole = start === Math.max(head.start, spec.start) && end === Math.min(head.end, spec.end);
    if (!isWhole || filter !== 'all' || (i > 0 && parts[i - 1].part.spec === spec)) return false;
    let isReady = false;
    let isAvoided = false;
    for (const worker of directory.everyHolder(spec)) {
      isReady = true;
      if (!directory.isLive(worker, nowMs)) void probeWorker(context, worker);
      else if (!directory.isSuspect(worker, nowMs)) continue;
      isAvoided = true;
    }
    return isReady && !isAvoided;
  });
}

async function broadcast(
  context: QueryContext,
  asked: AskedQuery,
  turns: readonly ShardTurn[],
  gathered: GatheredAnswers,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { transport, subjects, directory, clock, timeoutMs } = context;
  const { id, placement } = asked;
  const byShard = new Map(turns.map((turn) => [turn.part.spec.shard, turn]));
  const question = new QuestionEnd();
  let isAnswering = false;
  // Hedges may answer for the rest. Where the last answer ends the wait, there is nothing to abort.
  gathered.whenOver(() => {
    if (!isAnswering) question.abort();
  });
  const nowMs = clock.nowMs();
  for (const turn of turns) turn.beginWithBroadcast(nowMs);
  try {
    const subject = subjects.query(placement.key, placement.generation);
    const options = { timeoutMs, signal: question };
    await transport.askAll(subject, encodeQuery(queryToAll(asked, timeoutMs)), options, (bytes) => {
      isAnswering = true;
      const header = decodeAnswerHeader(bytes);
      // Bytes that are no answer name no shard: the hedge asks for it.
      if (typeof header !== 'string' && header.id === id) byShard.get(header.shard)?.offer(bytes, header);
      isAnswering = false;
      return gathered.isOver;
    });
  } catch (error) {
    const reason = reasonOf(error);
    for (const turn of turns) turn.broadcastEnded(reason);
  }
  if (signal?.aborted !== true) return;
  const holders = new Set(turns.flatMap(({ part }) => directory.holders(part.spec)));
  for (const { worker } of holders) sendCancel(transport, subjects.worker(worker, 'cancel'), id);
}
