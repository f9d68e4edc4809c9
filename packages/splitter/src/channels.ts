import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS, type ChunkEvent } from '@gearshift/contracts';

/*
 * Channels live in a registry of Node's own. A message is built only where `hasSubscribers` is true. The types of messages
 * are in `@gearshift/contracts`, apart from these objects: the types of channels differ between releases of Node's type
 * definitions, and what users compile must not name them.
 */

export const chunkChannel = tracingChannel<unknown, ChunkEvent>(TRACING_CHANNELS.chunk);
export const memoryChannel = channel(CHANNELS.memory);
export const oomChannel = channel(CHANNELS.oom);
export const splitChannel = channel(CHANNELS.split);
