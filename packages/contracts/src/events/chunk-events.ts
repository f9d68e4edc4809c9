import type { ChunkAttempt } from '../chunk-attempt.js';

/** Context of the tracing channel `gearshift:chunk`: one call of the caller's function. `result` is set at `asyncEnd`. */
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
  /** Reserved bytes; 0 without a budget. */
  readonly bytes: number;
  /** The reaction: the same chunk again after caches were freed, a smaller chunk, or none for the smallest chunk. */
  readonly action: 'retry' | 'shrink' | 'give-up';
}

/** Message of `gearshift:split`: a run is split into chunks. At most one per run. */
export interface SplitEvent {
  readonly name: string;
  /** Number of all items. */
  readonly total: number;
  /** Number of items in the first chunk. */
  readonly chunkItems: number;
  /** The limit that set the size of the first piece, or that a piece ran out of memory. */
  readonly reason: SplitReason;
}

export type SplitReason = 'memory' | 'maximum' | 'ceiling' | 'out-of-memory';
