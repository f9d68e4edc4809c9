import type { ManualClock } from '@gearshift/test-kit';
import type { Timers } from '../src/failures/timers.js';

/** Timers that go off when the clock is told to go on. */
export function manualTimers(clock: ManualClock): Timers & { readonly pending: () => number } {
  let pending = 0;
  return {
    pending: () => pending,
    after(delayMs, action) {
      const cancelled = new AbortController();
      pending += 1;
      void clock.sleep(delayMs, cancelled.signal).then(() => {
        pending -= 1;
        if (!cancelled.signal.aborted) action();
      });
      return cancelled;
    },
    cancel: (timer) => (timer as AbortController).abort(),
  };
}
