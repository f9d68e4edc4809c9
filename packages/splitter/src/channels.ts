import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS, type ChunkEvent } from '@gearshift/contracts';

/*
 * Channels are Node's own registry, shared by whoever names them. A message is built only where `hasSubscribers` says that
 * somebody will read it. Messages of `gearshift:memory` are snapshots of the budget, after each new reading.
 *
 * What is said on the others is in a file of its own: the types of channels differ from one release of Node's type definitions to the next, and
 * what users compile must not name them.
 */

export const chunkChannel = tracingChannel<unknown, ChunkEvent>(TRACING_CHANNELS.chunk);
export const memoryChannel = channel(CHANNELS.memory);
export const oomChannel = channel(CHANNELS.oom);
export const splitChannel = channel(CHANNELS.split);
