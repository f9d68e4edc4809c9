import type { OperandVersion, PartialRun } from '../errors/chunk-error.js';
import type { ClassifyError } from '../errors/classify-failure.js';
import type { ChunkLimits } from '../sizing/chunk-limits.js';
import type { Clock, Timers } from '../timers.js';
import type { RetryOptions } from './retry-plan.js';

/**
 * What happens when a chunk fails for good. `'cpu'`: the next fallback does it; after a lost device, a call that did not
 * settle in time, or when even the smallest chunk has no memory, the fallback does everything that is left. `'stop'`: the
 * run ends. `'collect'`: the run goes on with the other chunks and reports the first failure at the end.
 *
 * A run that ends begins no more calls. It waits for those under way and keeps what they finish, unless its signal or its
 * deadline ended it.
 */
export type OnFault = 'cpu' | 'stop' | 'collect';

/**
 * Options of a run.
 *
 * @typeParam F the caller's function.
 */
export interface ChunkOptions<F> extends ChunkLimits {
  /** Used in events and messages; default `'run'`. */
  readonly name?: string | undefined;
  /** Default `'cpu'` where a {@link fallback} is given, else `'stop'`. */
  readonly onFault?: OnFault | undefined;
  /**
   * Does the same in another place, for `onFault: 'cpu'`; or several functions, in order: each does what those before it
   * could not do. They have chunks of their own, and no budget.
   */
  readonly fallback?: F | readonly F[] | undefined;
  /**
   * Chunks under way at the same time; default 1. Each reserves its own memory, at most an even share of the budget. Work
   * is not cut for the sake of concurrency: see `maxChunkItems`.
   */
  readonly concurrency?: number | undefined;
  /** When a chunk that failed is tried again; `{}` for the defaults. Without it, a chunk is tried once. */
  readonly retry?: RetryOptions | undefined;
  /** Called after each chunk that is done. What it throws is ignored. */
  readonly onProgress?: ((progress: RunProgress) => unknown) | undefined;
  /** Ends the run; chunks under way are given up. */
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole run, counted from its start; chunks under way are given up then. Default Infinity. */
  readonly deadlineMs?: number | undefined;
  /** Time for one call of the function; default 60 000. Infinity for no limit. */
  readonly chunkTimeoutMs?: number | undefined;
  /** How long to wait for memory that others have reserved; default 1,000. */
  readonly memoryWaitMs?: number | undefined;
  /**
   * Frees memory that nothing uses at the moment. Called when a chunk ran out of memory, which is then tried once more as it
   * is, and when not even the smallest chunk fits. Answers `false` when there was nothing to free.
   */
  readonly freeIdleMemory?: (() => unknown) | undefined;
  /**
   * Names the kind of what the function reported or threw; undefined leaves it to the `kind` that the error itself carries,
   * as backends' errors do. Without either it is `'chunk-failed'`.
   */
  readonly classifyError?: ClassifyError<unknown> | undefined;
  /** What the function reads. When a version changes, the run ends, and it cannot be resumed. */
  readonly operands?: readonly OperandVersion[] | undefined;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: Clock | undefined;
  readonly timers?: Timers | undefined;
}

/** How far a run is. */
export interface RunProgress {
  /** Items done, those of the run that this one resumed included. */
  readonly doneItems: number;
  readonly totalItems: number;
  /** Chunks finished by this run. */
  readonly chunks: number;
  /** Calls made, failed ones and those of the run that this one resumed included. */
  readonly attempts: number;
  /**
   * The state of the run now, to write to a file: after a crash, {@link resume} continues from it. Its `output` is the array
   * that the run still writes to, so copy or stringify it at once.
   */
  partial(): PartialRun<unknown>;
}

/** Defaults of {@link ChunkOptions}. */
export const RUN_DEFAULTS = { chunkTimeoutMs: 60_000, memoryWaitMs: 1000, concurrency: 1 } as const;
