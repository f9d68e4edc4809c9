import type { ChunkAttempt, ChunkErrorKind, Result } from '@gearshift/contracts';

/** Does items `[start, end)`. */
export type ChunkCall<V, E> = (
  start: number,
  end: number,
  signal: AbortSignal,
) => PromiseLike<Result<V, E>> | Result<V, E>;

/** Work on a number of items, independent of their type and of the lane that does it. */
export interface ChunkWork<V, O> {
  readonly total: number;
  /** Accepts the result of a call that was not given up, or returns why it is invalid. */
  accept(start: number, end: number, value: V): Rejection | null;
  /** Why the input has changed since the start; null if it has not. */
  whatChanged(): string | null;
  /** Results so far. */
  output(): O;
}

export interface Rejection {
  readonly kind: ChunkErrorKind;
  readonly message: string;
}

/** A chunk that failed. */
export interface ChunkFailure extends Rejection {
  readonly chunkIndex: number;
  readonly start: number;
  readonly end: number;
  /** Already plain data. */
  readonly cause: unknown;
  /** A fallback lane failed. */
  readonly fallback: boolean;
}

/** How a run finished all its items. */
export interface RunSummary {
  readonly total: number;
  /** Chunks that the work was cut into. */
  readonly chunks: number;
  readonly attempts: readonly ChunkAttempt[];
  /** Calls of the functions; `attempts` holds at most 1,000 of them. */
  readonly attemptCount: number;
  /** Items that a fallback did. */
  readonly fallbackItems: number;
}
