import { expected, requireInteger } from '@gearshift/contracts/internal';
import { requireCount, requireFunction, requireLimit } from '../check-limits.js';
import { requireClock, requireTimers, type Clock, type Timers } from '../timers.js';
import type { OperandVersion } from '../errors/chunk-error.js';
import type { ClassifyError } from '../errors/classify-failure.js';
import { checkLimits, type ChunkLimits } from '../sizing/chunk-limits.js';
import type { ChunkCall } from './chunk-work.js';
import type { LaneOptions } from './lane.js';
import { RetryPlan, type RetryOptions } from './retry.js';

/**
 * What happens when a chunk fails for good. `'cpu'`: the fallback does it; after a lost device, a call that never ended, or
 * when even the smallest chunk has no memory, the fallback does everything that is left. `'stop'`: the run ends.
 * `'collect'`: the run goes on with the other chunks and reports the first failure at the end.
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
  /** Does the same in another place, for `onFault: 'cpu'`. It has chunks of its own, and no budget. */
  readonly fallback?: F | undefined;
  /** Chunks under way at the same time; default 1. Each has a reservation of its own in the budget. */
  readonly concurrency?: number | undefined;
  /** When a chunk that failed is tried again; by default it is not. */
  readonly retry?: RetryOptions | undefined;
  /** Called after each chunk that is done. What it throws is ignored. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
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
  /** Calls made, failed ones included. */
  readonly attempts: number;
}

/** Defaults of {@link ChunkOptions}. */
export const RUN_DEFAULTS = { chunkTimeoutMs: 60_000, memoryWaitMs: 1000, concurrency: 1 } as const;

/** What the engine has to know of a run besides its lanes and its limit. */
export interface EngineOptions {
  readonly name: string;
  readonly onFault: OnFault;
  readonly concurrency: number;
  readonly retry: RetryPlan | undefined;
  readonly onProgress: ((progress: RunProgress) => void) | undefined;
  readonly memoryWaitMs: number;
  readonly operands: readonly OperandVersion[];
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Checked options of a run. */
export interface CheckedRun extends EngineOptions {
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
}

const NO_OPERANDS: readonly OperandVersion[] = Object.freeze([]);

/** @throws TypeError or RangeError that names the option. */
export function checkRunOptions<F>(options: ChunkOptions<F>): CheckedRun {
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  const { name = 'run', fallback, signal, onProgress, retry, operands = NO_OPERANDS } = options;
  const { deadlineMs = Infinity, concurrency = RUN_DEFAULTS.concurrency } = options;
  const { memoryWaitMs = RUN_DEFAULTS.memoryWaitMs, onFault = fallback === undefined ? 'stop' : 'cpu' } = options;
  if (typeof name !== 'string') throw new TypeError(expected('name', 'a string', name));
  if (onFault !== 'cpu' && onFault !== 'stop' && onFault !== 'collect') {
    throw new TypeError(expected('onFault', "'cpu', 'stop' or 'collect'", onFault));
  }
  if (fallback !== undefined || onFault === 'cpu') requireFunction('fallback', fallback);
  if (onProgress !== undefined) requireFunction('onProgress', onProgress);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(expected('signal', 'an AbortSignal', signal));
  }
  return {
    name,
    onFault,
    concurrency: requireCount('concurrency', concurrency, 1),
    retry: retry === undefined ? undefined : new RetryPlan(retry),
    onProgress,
    signal,
    deadlineMs: requireLimit('deadlineMs', deadlineMs, 0),
    memoryWaitMs: requireLimit('memoryWaitMs', memoryWaitMs, 0),
    operands: checkOperands(operands),
    clock: requireClock('clock', options.clock),
    timers: requireTimers('timers', options.timers),
  };
}

/**
 * The lanes of a run: the caller's function, and its fallback where `onFault` wants one.
 *
 * @throws TypeError or RangeError that names the option.
 */
export function checkLanes<V, E, F>(
  options: ChunkOptions<F>,
  fn: ChunkCall<V, E>,
  fallback: ChunkCall<V, E> | undefined,
): LaneOptions<V, E>[] {
  const { name = 'run', freeIdleMemory, classifyError, chunkTimeoutMs = RUN_DEFAULTS.chunkTimeoutMs } = options;
  if (freeIdleMemory !== undefined) requireFunction('freeIdleMemory', freeIdleMemory);
  if (classifyError !== undefined) requireFunction('classifyError', classifyError);
  requireLimit('chunkTimeoutMs', chunkTimeoutMs, 0);
  const shared = { name, classifyError, chunkTimeoutMs, settlesWhenAborted: never, freeIdleMemory, isOpen };
  const limits = checkLimits(options);
  const lanes: LaneOptions<V, E>[] = [{ ...shared, call: fn, limits }];
  if (fallback !== undefined && (options.onFault ?? 'cpu') === 'cpu') {
    lanes.push({ ...shared, call: fallback, limits: checkLimits({ maxChunkItems: limits.maxChunkItems }) });
  }
  return lanes;
}

function isOpen(): boolean {
  return true;
}

function never(): boolean {
  return false;
}

function checkOperands(operands: readonly OperandVersion[]): readonly OperandVersion[] {
  if (operands === NO_OPERANDS) return operands;
  if (!isArray(operands)) throw new TypeError(expected('operands', 'an array', operands));
  for (const [index, operand] of operands.entries()) {
    requireInteger(`operands[${index}].id`, operand?.id, 0);
    requireInteger(`operands[${index}].version`, operand?.version, 0);
  }
  return operands;
}

/** Unlike `Array.isArray` alone, it keeps the type of the elements. */
function isArray(value: readonly OperandVersion[]): boolean {
  return Array.isArray(value);
}
