import { expected, isTurnDue, nextTurn } from '@gearshift/contracts/internal';

/** Monotonic time in milliseconds. */
export type Clock = () => number;

/** The timers for limits and waits. A simulation may pass its own. */
export interface Timers {
  after(delayMs: number, action: () => void): unknown;
  cancel(timer: unknown): void;
  /** Whether the timer alone keeps the process from ending. Optional. */
  keepAlive?(timer: unknown, isNeeded: boolean): void;
}

const systemClock: Clock = () => performance.now();

/** Node's own timers. The casts are safe because `after` created every timer that is passed in. */
export const NODE_TIMERS: Timers = {
  after: (delayMs, action) => setTimeout(action, delayMs),
  cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
  keepAlive(timer, isNeeded) {
    if (isNeeded) (timer as NodeJS.Timeout).ref();
    else (timer as NodeJS.Timeout).unref();
  },
};

/** Node runs a timer with a longer delay at once; 24.8 days are as good as no limit. */
export const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Whether a limit of so many milliseconds needs a timer. */
export function isTimeable(delayMs: number): boolean {
  return delayMs <= LONGEST_DELAY_MS;
}

/**
 * Lets the event loop turn if it has not for a few milliseconds. Not in simulated time, which passes without the event loop, and
 * stands still while a run waits for it.
 */
export function turnIfDue(timers: Timers): Promise<void> | undefined {
  return timers === NODE_TIMERS && isTurnDue() ? nextTurn() : undefined;
}

export function requireClock(name: string, clock: unknown): Clock {
  if (clock === undefined) return systemClock;
  if (typeof clock !== 'function') throw new TypeError(expected(name, 'a function', clock));
  return clock as Clock;
}

export function requireTimers(name: string, timers: Timers | undefined): Timers {
  if (timers === undefined) return NODE_TIMERS;
  if (typeof timers?.after !== 'function' || typeof timers.cancel !== 'function') {
    throw new TypeError(expected(name, 'an object with the functions after and cancel', timers));
  }
  return timers;
}
