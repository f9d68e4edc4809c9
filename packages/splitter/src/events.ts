import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS } from '@gearshift/contracts';
import type { ChunkAttempt } from './errors/chunk-error.js';

/*
 * Channels are Node's own registry, shared by whoever names them. A message is built only where `hasSubscribers` says that
 * somebody will read it. Messages of `gearshift:memory` are snapshots of the budget, after each new reading.
 */

/** Context of the tracing channel `gearshift:chunk`: one call of the caller's function. `result` is there at `asyncEnd`. */
export interface ChunkEvent {
  /** The run's `name`. */
  readonly name: string;
  readonly chunkIndex: number;
  readonly start: number;
  readonly end: number;
  readonly fallback: boolean;
  result?: ChunkAttempt;
}

/** Message of `gearshift:oom`: a chunk ran out of memory. */
export interface OutOfMemoryEvent {
  readonly name: string;
  readonly chunkIndex: number;
  readonly start: number;
  readonly end: number;
  readonly fallback: boolean;
  /** Bytes that were reserved for it; 0 without a budget. */
  readonly bytes: number;
  /** What is done about it: the same again after caches were freed, a smaller chunk, or nothing, at the smallest. */
  readonly action: 'retry' | 'shrink' | 'give-up';
}

/** Message of `gearshift:split`: a run does not fit as a whole. At most one per run. */
export interface SplitEvent {
  readonly name: string;
  /** Items in all, and how many of them the first piece has. */
  readonly total: number;
  readonly chunkItems: number;
  /** What decided the size of the first piece, or that a piece ran out of memory. */
  readonly reason: SplitReason;
}

export type SplitReason = 'memory' | 'maximum' | 'ceiling' | 'out-of-memory';

export const chunkChannel = tracingChannel<unknown, ChunkEvent>(TRACING_CHANNELS.chunk);
export const memoryChannel = channel(CHANNELS.memory);
export const oomChannel = channel(CHANNELS.oom);
export const splitChannel = channel(CHANNELS.split);
