import { hedgeChannel, shardChannel, type HedgeEvent, type ShardEvent } from '../channels.js';
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
    kernelMs: 'answer' in end ? end.answer.kernelMs : NaN,
    queueMs: 'answer' in end ? end.answer.queueMs : NaN,
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

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
