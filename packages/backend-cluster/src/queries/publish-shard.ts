import {
  answerChannel,
  hedgeChannel,
  shardChannel,
  type AnswerEvent,
  type HedgeEvent,
  type ShardEvent,
} from '../channels.js';
import type { AnswerStatus } from '../wire/answer.js';
import type { ShardQuery } from '../wire/query.js';
import type { AskedQuery } from './asked-query.js';
import type { TurnEnd } from './turn-end.js';

/** A query at one shard has ended. */
export function publishShard(
  backend: string,
  { head: { operation }, traceId }: AskedQuery,
  shard: number,
  end: TurnEnd,
  latencyMs: number,
  asked: number,
): void {
  if (!shardChannel.hasSubscribers) return;
  const event: ShardEvent = {
    backend,
    operation,
    shard,
    outcome: 'answer' in end ? 'success' : end.failure.kind,
    latencyMs,
    kernelMs: 'answer' in end ? end.answer.header.kernelMs : NaN,
    queueMs: 'answer' in end ? end.answer.header.queueMs : NaN,
    asked,
    traceId: hex(traceId),
  };
  shardChannel.publish(event);
}

/** A shard is asked again. */
export function publishHedge(
  backend: string,
  { head: { operation }, traceId }: AskedQuery,
  shard: number,
  afterMs: number,
): void {
  if (!hedgeChannel.hasSubscribers) return;
  const event: HedgeEvent = { backend, operation, shard, afterMs, traceId: hex(traceId) };
  hedgeChannel.publish(event);
}

/** A worker has answered a query. */
export function publishAnswer(
  { operation, traceId }: ShardQuery,
  shard: number,
  status: AnswerStatus,
  latencyMs: number,
): void {
  if (!answerChannel.hasSubscribers) return;
  const event: AnswerEvent = { operation, shard, status, latencyMs, traceId: hex(traceId) };
  answerChannel.publish(event);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
