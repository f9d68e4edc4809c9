import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS, type ChannelMessages, type TracingContexts } from '@gearshift/contracts';

/** Listens to a plain channel; returns what ends it. */
export function listen<Name extends keyof ChannelMessages>(
  name: Name,
  listener: (message: ChannelMessages[Name]) => void,
): () => void {
  return listenTo(CHANNELS[name], listener);
}

/** Listens to one event of a tracing channel; returns what ends it. */
export function listenToEnd<Name extends keyof TracingContexts>(
  name: Name,
  event: 'end' | 'asyncEnd',
  listener: (context: TracingContexts[Name]) => void,
): () => void {
  return listenTo(`tracing:${TRACING_CHANNELS[name]}:${event}`, listener);
}

/** Node knows nothing of what a channel carries; the contracts do, and here alone one is taken for the other. */
function listenTo<Message>(channel: string, listener: (message: Message) => void): () => void {
  const receive = (message: unknown) => {
    listener(message as Message);
  };
  subscribe(channel, receive);
  return () => unsubscribe(channel, receive);
}
