/** What can wake somebody later; a test hands in its own. */
export interface Timers {
  after(delayMs: number, action: () => void): unknown;
  cancel(timer: unknown): void;
  /** Whether the timer alone keeps the process from ending. Left out where there is no such thing. */
  keepAlive?(timer: unknown, isNeeded: boolean): void;
}

/** Node's own. The casts hold because each timer handed in came out of `after`. */
export const NODE_TIMERS: Timers = {
  after: (delayMs, action) => setTimeout(action, delayMs),
  cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
  keepAlive(timer, isNeeded) {
    if (isNeeded) (timer as NodeJS.Timeout).ref();
    else (timer as NodeJS.Timeout).unref();
  },
};
