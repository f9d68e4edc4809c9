import { expected, requireInteger, requireSignal } from '@gearshift/contracts/internal';
import type { OperandVersion } from '../errors/chunk-error.js';
import { requireFunction, requireLimit } from '../require-limit.js';
import { checkLimits } from '../sizing/chunk-limits.js';
import { requireClock, requireTimers, type Clock, type Timers } from '../timers.js';
import { RUN_DEFAULTS, type ChunkOptions, type OnFault, type RunProgress } from './chunk-options.js';
import type { ChunkCall } from './chunk-work.js';
import type { LaneOptions } from './lane.js';
import { RetryPlan } from './retry-plan.js';

/** Options of a run for the engine, besides its lanes and its limit. */
export interface EngineOptions {
  readonly name: string;
  readonly onFault: OnFault;
  readonly concurrency: number;
  readonly retry: RetryPlan | undefined;
  readonly onProgress: ((progress: RunProgress) => unknown) | undefined;
  readonly memoryWaitMs: number;
  readonly operands: readonly OperandVersion[];
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Checked options of a run, without its lanes. */
export interface CheckedRun extends EngineOptions {
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
}

const NO_OPERANDS: readonly OperandVersion[] = Object.freeze([]);

/** @throws TypeError or RangeError that names the option. */
export function checkRunOptions<F>(options: ChunkOptions<F>): CheckedRun {
  const { name = 'run', signal, onProgress, retry, operands = NO_OPERANDS } = options;
  const { deadlineMs = Infinity, concurrency = RUN_DEFAULTS.concurrency } = options;
  const { memoryWaitMs = RUN_DEFAULTS.memoryWaitMs } = options;
  const fallbacks = fallbacksOf(options);
  const onFault = options.onFault ?? (fallbacks.length === 0 ? 'stop' : 'cpu');
  if (typeof name !== 'string') throw new TypeError(expected('name', 'a string', name));
  if (onFault !== 'cpu' && onFault !== 'stop' && onFault !== 'collect') {
    throw new TypeError(expected('onFault', "'cpu', 'stop' or 'collect'", onFault));
  }
  if (onFault === 'cpu' && fallbacks.length === 0) {
    throw new TypeError(expected('fallback', "a function, for onFault: 'cpu'", options.fallback));
  }
  if (onProgress !== undefined) requireFunction('onProgress', onProgress);
  requireSignal('signal', signal);
  return {
    name,
    onFault,
    concurrency: requireInteger('concurrency', concurrency, 1),
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
 * The functions of a run: the caller's function, and its fallbacks if `onFault` is `'cpu'`.
 *
 * @throws TypeError that names the option.
 */
export function functionsOf<F>(options: ChunkOptions<F>, fn: F): F[] {
  const fallbacks = fallbacksOf(options);
  return (options.onFault ?? 'cpu') === 'cpu' ? [fn, ...fallbacks] : [fn];
}

/**
 * The lanes of a run: the first has the caller's limits, the fallbacks only their `maxChunkItems`.
 *
 * @throws TypeError or RangeError that names the option.
 */
export function checkLanes<V, E>(options: ChunkOptions<unknown>, calls: ChunkCall<V, E>[]): LaneOptions<V, E>[] {
  const { name = 'run', freeIdleMemory, classifyError, chunkTimeoutMs = RUN_DEFAULTS.chunkTimeoutMs } = options;
  if (freeIdleMemory !== undefined) requireFunction('freeIdleMemory', freeIdleMemory);
  if (classifyError !== undefined) requireFunction('classifyError', classifyError);
  requireLimit('chunkTimeoutMs', chunkTimeoutMs, 0);
  const shared = { name, classifyError, chunkTimeoutMs, settlesWhenAborted: never, freeIdleMemory, isOpen };
  const limits = checkLimits(options);
  const fallbackLimits = checkLimits({ maxChunkItems: limits.maxChunkItems });
  return calls.map((call, index) => ({ ...shared, call, limits: index === 0 ? limits : fallbackLimits }));
}

function fallbacksOf<F>({ fallback }: ChunkOptions<F>): readonly F[] {
  if (fallback === undefined) return [];
  const fallbacks = Array.isArray(fallback) ? (fallback as readonly F[]) : [fallback as F];
  for (const each of fallbacks) requireFunction('fallback', each);
  return fallbacks;
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
