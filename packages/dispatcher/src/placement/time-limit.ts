import { expected, requireObject } from '@gearshift/contracts/internal';
import type { RunOptions } from '../dispatcher.js';
import type { Timers } from '../failures/timers.js';
import { allowManyListeners } from './many-listeners.js';

/** When a run has to end: by the caller's signal, or because its time is over. */
export interface TimeLimit {
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
  /** Why the run was ended, if it was. */
  readonly ended: () => 'aborted' | 'deadline-exceeded' | null;
  /** To be called when the run is over. */
  readonly release: () => void;
}

/** Node runs a timer of a longer delay at once; 24.8 days are as good as no limit. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

const UNLIMITED: TimeLimit = { signal: undefined, deadlineMs: Infinity, ended: () => null, release: () => {} };

/** @throws TypeError or RangeError naming the option that cannot work. */
export function timeLimit(options: RunOptions | undefined, timers: Timers): TimeLimit {
  if (options === undefined) return UNLIMITED;
  requireObject('options', options);
  const { signal, deadlineMs = Infinity } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(expected('signal', 'an AbortSignal', signal));
  }
  if (typeof deadlineMs !== 'number') throw new TypeError(expected('deadlineMs', 'a number', deadlineMs));
  if (!(deadlineMs >= 0)) throw new RangeError(expected('deadlineMs', 'a number of milliseconds from 0', deadlineMs));
  if (signal !== undefined) allowManyListeners(signal);
  if (deadlineMs > LONGEST_DELAY_MS) {
    if (signal === undefined) return { ...UNLIMITED, deadlineMs };
    return { signal, deadlineMs, ended: () => (signal.aborted ? 'aborted' : null), release: () => {} };
  }
  const controller = new AbortController();
  let isOver = deadlineMs === 0;
  const forward = () => controller.abort(signal?.reason);
  if (isOver) controller.abort();
  else if (signal?.aborted === true) forward();
  else signal?.addEventListener('abort', forward);
  const timer = timers.after(deadlineMs, () => {
    if (controller.signal.aborted) return;
    isOver = true;
    controller.abort();
  });
  return {
    signal: controller.signal,
    deadlineMs,
    ended: () => (isOver ? 'deadline-exceeded' : controller.signal.aborted ? 'aborted' : null),
    release: () => {
      timers.cancel(timer);
      signal?.removeEventListener('abort', forward);
    },
  };
}
