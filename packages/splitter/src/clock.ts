import { expected } from '@gearshift/contracts/internal';

/** Monotonic time in milliseconds. */
export type Clock = () => number;

/** The timers that limits and waits are made of. A simulation may hand in its own. */
export interface Timers {
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
}

const systemClock: Clock = () => performance.now();

const systemTimers: Timers = {
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** Node runs a timer of a longer delay at once; 24.8 days are as good as no limit. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Whether a limit of so many milliseconds is worth a timer. */
export function isTimeable(delayMs: number): boolean {
  return delayMs <= LONGEST_DELAY_MS;
}

export function requireClock(name: string, clock: unknown): Clock {
  if (clock === undefined) return systemClock;
  if (typeof clock !== 'function') throw new TypeError(expected(name, 'a function', clock));
  return clock as Clock;
}

export function requireTimers(name: string, timers: Timers | undefined): Timers {
  if (timers === undefined) return systemTimers;
  if (typeof timers?.setTimeout !== 'function' || typeof timers.clearTimeout !== 'function') {
    throw new TypeError(expected(name, 'an object with setTimeout and clearTimeout', timers));
  }
  return timers;
}
