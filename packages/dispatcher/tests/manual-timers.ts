import type { ManualClock } from '@gearshift/testing';
import type { Timers } from '@gearshift/splitter';

/** Timers that fire when the clock is advanced. */
export function manualTimers(clock: ManualClock): Timers & {
  readonly pending: () => number;
  /** How many were ever set. */
  readonly set: () => number;
} {
  let pending = 0;
  let set = 0;
  return {
    pending: () => pending,
    set: () => set,
    after(delayMs, action) {
      const cancelled = new AbortController();
      pending += 1;
      set += 1;
      void clock.sleep(delayMs, cancelled.signal).then(() => {
        pending -= 1;
        if (!cancelled.signal.aborted) action();
      });
      return cancelled;
    },
    cancel: (timer) => (timer as AbortController).abort(),
  };
}
