/** Time and timers, which tests replace by ones that stand still. */
export interface Clock {
  /** Monotonic. */
  nowMs(): number;
  /** Calls back once, after the time. Returns what cancels it. */
  startTimer(delayMs: number, callback: () => void): () => void;
}

/** `setTimeout` counts with 32 bits and fires at once for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const REAL_CLOCK: Clock = {
  nowMs: () => performance.now(),
  startTimer(delayMs, callback) {
    if (delayMs <= 0) {
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};
