import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS, type ChunkEvent } from '@gearshift/contracts';

/*
 * Node registers channels by name for the whole process. A message is built only when `hasSubscribers` is true. The message
 * types are in `@gearshift/contracts`, without channel types: the latter differ between releases of Node's type definitions,
 * so the declarations that users compile must not name them.
 */

export const chunkChannel = tracingChannel<unknown, ChunkEvent>(TRACING_CHANNELS.chunk);
export const memoryChannel = channel(CHANNELS.memory);
export const oomChannel = channel(CHANNELS.oom);
export const splitChannel = channel(CHANNELS.split);
