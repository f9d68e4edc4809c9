import { expected, requireInteger } from '@gearshift/contracts/internal';
import { requireFunction, requireLimit } from '../check-limits.js';
import { requireClock, requireTimers, type Clock, type Timers } from '../clock.js';
import type { OperandVersion } from '../errors/chunk-error.js';
import type { ClassifyError } from '../errors/classify-failure.js';
import { checkLimits, type CheckedLimits, type ChunkLimits } from '../sizing/chunk-limits.js';

/**
 * What happens when a piece fails for good. `'cpu'`: the stand-in does it; after a lost device, a call that never ended, or
 * memory that is not to be had even for the smallest piece, the stand-in does everything that is left. `'stop'`: the run
 * ends. `'collect'`: the run goes on with the other pieces and reports the first failure at the end.
 */
export type OnFault = 'cpu' | 'stop' | 'collect';

/**
 * Options of a run.
 *
 * @typeParam F the caller's function.
 */
export interface RunOptions<F> extends ChunkLimits {
  /** Stands in events and messages; default `'run'`. */
  readonly name?: string | undefined;
  /** Default `'cpu'` where a {@link fallback} is given, else `'stop'`. */
  readonly onFault?: OnFault | undefined;
  /** The stand-in of `onFault: 'cpu'`: does the same in another place. It has pieces of its own, and no budget. */
  readonly fallback?: F | undefined;
  /** Ends the run; the piece under way is given up. */
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole run, counted from its start; the piece under way is given up then. Default Infinity. */
  readonly deadlineMs?: number | undefined;
  /** Time for one call of the function; default 60 000. Infinity waits for ever. */
  readonly chunkTimeoutMs?: number | undefined;
  /** How long to wait for memory that others have reserved; default 1,000. */
  readonly memoryWaitMs?: number | undefined;
  /**
   * Frees memory that nothing uses at the moment. Called when a piece ran out of memory, which is then tried once more as it
   * is, and when not even the smallest piece fits. Answers `false` when there was nothing to free.
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

/** Defaults of {@link RunOptions}. */
export const RUN_DEFAULTS = { chunkTimeoutMs: 60_000, memoryWaitMs: 1000 } as const;

/** Checked options, with their defaults. */
export interface CheckedRun<F> {
  readonly limits: CheckedLimits;
  readonly name: string;
  readonly onFault: OnFault;
  readonly fallback: F | undefined;
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
  readonly chunkTimeoutMs: number;
  readonly memoryWaitMs: number;
  readonly freeIdleMemory: (() => unknown) | undefined;
  readonly classifyError: ClassifyError<unknown> | undefined;
  readonly operands: readonly OperandVersion[];
  readonly clock: Clock;
  readonly timers: Timers;
}

const NO_OPERANDS: readonly OperandVersion[] = Object.freeze([]);

/** @throws TypeError or RangeError that names the option. */
export function checkRunOptions<F>(options: RunOptions<F>): CheckedRun<F> {
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  const { name = 'run', fallback, signal, freeIdleMemory, classifyError, operands = NO_OPERANDS } = options;
  const { deadlineMs = Infinity, chunkTimeoutMs = RUN_DEFAULTS.chunkTimeoutMs } = options;
  const { memoryWaitMs = RUN_DEFAULTS.memoryWaitMs, onFault = fallback === undefined ? 'stop' : 'cpu' } = options;
  if (typeof name !== 'string') throw new TypeError(expected('name', 'a string', name));
  if (onFault !== 'cpu' && onFault !== 'stop' && onFault !== 'collect') {
    throw new TypeError(expected('onFault', "'cpu', 'stop' or 'collect'", onFault));
  }
  if (fallback !== undefined || onFault === 'cpu') requireFunction('fallback', fallback);
  if (freeIdleMemory !== undefined) requireFunction('freeIdleMemory', freeIdleMemory);
  if (classifyError !== undefined) requireFunction('classifyError', classifyError);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(expected('signal', 'an AbortSignal', signal));
  }
  return {
    limits: checkLimits(options),
    name,
    onFault,
    fallback,
    signal,
    deadlineMs: requireLimit('deadlineMs', deadlineMs, 0),
    chunkTimeoutMs: requireLimit('chunkTimeoutMs', chunkTimeoutMs, 0),
    memoryWaitMs: requireLimit('memoryWaitMs', memoryWaitMs, 0),
    freeIdleMemory,
    classifyError,
    operands: checkOperands(operands),
    clock: requireClock('clock', options.clock),
    timers: requireTimers('timers', options.timers),
  };
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
