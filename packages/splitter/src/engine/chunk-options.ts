import type { OperandVersion, PartialRun } from '../errors/chunk-error.js';
import type { ClassifyError } from '../errors/classify-failure.js';
import type { ChunkLimits } from '../sizing/chunk-limits.js';
import type { Clock, Timers } from '../timers.js';
import type { RetryOptions } from './retry-plan.js';

/**
 * How a run continues when a chunk fails for good. `'cpu'`: the next fallback does the chunk; after a lost device, a call that
 * did not settle in time, or when not even the smallest chunk fits in memory, the fallback does all remaining items. `'stop'`:
 * the run ends. `'collect'`: the run continues with the other chunks and reports the first failure at the end.
 *
 * A run that ends begins no more calls. It waits for calls under way and keeps their results, unless its signal or its
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
   * Does the same work in another place, for `onFault: 'cpu'`; or several functions, in order: each does the chunks that
   * failed before. Fallbacks have their own chunk sizes and no budget.
   */
  readonly fallback?: F | readonly F[] | undefined;
  /**
   * Chunks under way at the same time; default 1. Each reserves its own memory, at most an even share of the budget. Work
   * is not cut for the sake of concurrency: see `maxChunkItems`.
   */
  readonly concurrency?: number | undefined;
  /** When a chunk that failed is tried again; `{}` for the defaults. Without it, a chunk is tried once. */
  readonly retry?: RetryOptions | undefined;
  /** Called after each finished chunk. Its errors are ignored. */
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
   * Frees memory that is not in use. Called when a chunk ran out of memory, which is then tried once more at the same size,
   * and when not even the smallest chunk fits. Returns `false` when there was nothing to free.
   */
  readonly freeIdleMemory?: (() => unknown) | undefined;
  /**
   * Returns the kind of an error that the function reported or threw; undefined uses the `kind` of the error itself, which
   * backends' errors have. Without either it is `'chunk-failed'`.
   */
  readonly classifyError?: ClassifyError<unknown> | undefined;
  /** The operands that the function reads. When a version changes, the run ends and cannot be resumed. */
  readonly operands?: readonly OperandVersion[] | undefined;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: Clock | undefined;
  readonly timers?: Timers | undefined;
}

/** The progress of a run. */
export interface RunProgress {
  /** Finished items, including those of a resumed run. */
  readonly doneItems: number;
  readonly totalItems: number;
  /** Chunks finished by this run. */
  readonly chunks: number;
  /** Calls made, including failed ones and those of a resumed run. */
  readonly attempts: number;
  /**
   * The state of the run now, to write to a file: after a crash, {@link resume} continues from it. Its `output` is the array
   * that the run still writes to, so copy or stringify it at once.
   */
  partial(): PartialRun<unknown>;
}

/** Defaults of {@link ChunkOptions}. */
export const RUN_DEFAULTS = { chunkTimeoutMs: 60_000, memoryWaitMs: 1000, concurrency: 1 } as const;
