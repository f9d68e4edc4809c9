import { isTimeable, type Timers } from '../timers.js';

/** How a call ended, or that the run no longer waits for it. */
export type CallEnd<V> =
  | { readonly how: 'returned'; readonly value: V }
  | { readonly how: 'threw'; readonly error: unknown }
  | {
      readonly how: 'given-up';
      readonly kind: 'aborted' | 'timeout';
      /** Settles when the call settles later; its result is ignored. */
      readonly late: Promise<unknown>;
    };

export interface CallLimits {
  /** Ends the call. */
  readonly signal: AbortSignal | undefined;
  /** Time for the call; Infinity for no limit. */
  readonly limitMs: number;
  /** How long the call may continue after `signal` fired; Infinity waits until it settles. */
  readonly abortGraceMs: number;
  readonly timers: Timers;
}

/**
 * Calls `begin` and waits for what it returns, but no longer than the limits allow. A call that is given up has its signal
 * aborted, and its result is ignored. Never rejects.
 */
export async function guardedCall<V>(
  begin: (signal: AbortSignal) => PromiseLike<V> | V,
  limits: CallLimits,
): Promise<CallEnd<V>> {
  const { signal, limitMs, abortGraceMs } = limits;
  if (isTimeable(limitMs) || (signal !== undefined && abortGraceMs !== Infinity)) return raceAgainst(begin, limits);
  try {
    return { how: 'returned', value: await begin(signal ?? new AbortController().signal) };
  } catch (error) {
    return { how: 'threw', error };
  }
}

/** Like {@link guardedCall}, for a call with a time limit or one that may be given up after an abort. */
export function raceAgainst<V>(
  begin: (signal: AbortSignal) => PromiseLike<V> | V,
  { signal, limitMs, abortGraceMs, timers }: CallLimits,
): Promise<CallEnd<V>> {
  return new Promise((resolve) => {
    const controller = new AbortController();
    const running: unknown[] = [];
    const settle = (end: CallEnd<V>) => {
      for (const timer of running) timers.cancel(timer);
      running.length = 0;
      signal?.removeEventListener('abort', onAbort);
      resolve(end);
    };
    const giveUp = () => {
      const kind = signal?.aborted === true ? 'aborted' : 'timeout';
      // Before the abort, because the call may answer its signal at once, and that answer comes too late.
      settle({ how: 'given-up', kind, late: outcome });
      controller.abort(signal?.reason ?? new DOMException('The call did not settle in time', 'TimeoutError'));
    };
    const onAbort = () => {
      if (abortGraceMs === 0) {
        giveUp();
        return;
      }
      controller.abort(signal?.reason);
      if (isTimeable(abortGraceMs)) running.push(timers.after(abortGraceMs, giveUp));
    };
    if (signal?.aborted === true) controller.abort(signal.reason);
    // What `begin` throws becomes a rejection.
    const outcome = new Promise<V>((settleAs) => {
      settleAs(begin(controller.signal));
    });
    // Both handlers stay attached, so that a late rejection is never unhandled.
    outcome.then(
      (value) => settle({ how: 'returned', value }),
      (error: unknown) => settle({ how: 'threw', error }),
    );
    if (isTimeable(limitMs)) running.push(timers.after(Math.max(0, limitMs), giveUp));
    // The function itself may have aborted it.
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort);
  });
}
