import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Listens to a diagnostics channel; returns what ends it. */
export function listen(channel: string, listener: (message: unknown) => void): () => void {
  const receive = (message: unknown) => {
    listener(message);
  };
  subscribe(channel, receive);
  return () => unsubscribe(channel, receive);
}

/** The channel that a tracing channel publishes one of its events on. */
export function eventOf(tracingChannel: string, event: 'end' | 'asyncEnd'): string {
  return `tracing:${tracingChannel}:${event}`;
}
