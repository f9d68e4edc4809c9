import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS, type ChannelMessages, type TracingContexts } from '@gearshift/contracts';

// The only casts: Node types every message as unknown, and the contracts define the message of each channel.

/** Listens to a plain channel; returns a function that unsubscribes. */
export function listen<Name extends keyof ChannelMessages>(
  name: Name,
  listener: (message: ChannelMessages[Name]) => void,
): () => void {
  return listenTo(CHANNELS[name], (message) => listener(message as ChannelMessages[Name]));
}

/** Listens to one event of a tracing channel; returns a function that unsubscribes. */
export function listenToEnd<Name extends keyof TracingContexts>(
  name: Name,
  event: 'end' | 'asyncEnd',
  listener: (context: TracingContexts[Name]) => void,
): () => void {
  const channel = `tracing:${TRACING_CHANNELS[name]}:${event}`;
  return listenTo(channel, (context) => listener(context as TracingContexts[Name]));
}

function listenTo(channel: string, listener: (message: unknown) => void): () => void {
  subscribe(channel, listener);
  return () => unsubscribe(channel, listener);
}
