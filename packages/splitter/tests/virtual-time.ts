import type { Timers } from '../src/index.js';

/** A clock that only a test advances, and timers that fire when the clock passes them. */
export class VirtualTime implements Timers {
  nowMs = 1000;
  readonly clock = (): number => this.nowMs;
  #timers: { atMs: number; callback: () => void }[] = [];

  after(delayMs: number, callback: () => void): unknown {
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.#timers.push(timer);
    return timer;
  }

  /** Settles after `delayMs` of virtual time. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  cancel(timer: unknown): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Moves to the next timer and fires it; false when there is none. */
  fireNext(): boolean {
    if (this.#timers.length === 0) return false;
    const next = this.#timers.reduce((first, timer) => (timer.atMs < first.atMs ? timer : first));
    this.cancel(next);
    this.nowMs = Math.max(this.nowMs, next.atMs);
    next.callback();
    return true;
  }

  /** Fires timers, as long as nothing else happens, until `promise` settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = promise.finally(() => (isSettled = true));
    for (let idle = 0; idle < 10_000; idle++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isSettled) return settled;
      if (!this.fireNext() && idle > 100) throw new Error('nothing is left that could settle the promise');
    }
    throw new Error('the promise has not settled after 10,000 timers');
  }

  options(): { clock: () => number; timers: Timers } {
    return { clock: this.clock, timers: this };
  }
}
