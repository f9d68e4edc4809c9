import { randomBytes } from 'node:crypto';
import { answerChannel, hedgeChannel, shardChannel, traceChannel, type TraceEvent } from '../channels.js';
import { TRACE_ID_BYTES, type QueryOperation } from '../wire/wire-limits.js';

const NO_TRACE = new Uint8Array(TRACE_ID_BYTES);

/** The trace id of a request: that of the trace which it is a part of, or a random one where only events are read; zeros otherwise. */
export function traceIdOf(backend: string, operation: QueryOperation): Uint8Array {
  if (traceChannel.hasSubscribers) {
    const event: TraceEvent = { backend, operation, traceId: undefined };
    traceChannel.publish(event);
    const { traceId } = event;
    if (typeof traceId === 'string' && /^[0-9a-f]{32}$/.test(traceId))
      return new Uint8Array(Buffer.from(traceId, 'hex'));
  }
  const isRead = shardChannel.hasSubscribers || hedgeChannel.hasSubscribers || answerChannel.hasSubscribers;
  return isRead ? randomBytes(TRACE_ID_BYTES) : NO_TRACE;
}
