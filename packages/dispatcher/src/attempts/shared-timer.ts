import type { Timers } from '@gearshift/splitter';

/** One limit among those that share the timer. */
interface Limit {
  dueMs: number;
  isSuspected: boolean;
  readonly action: () => void;
}

/** After a block the event loop runs timers before it reads the answers that arrived, so each limit gets one more turn. */
const EXTRA_TURN_MS = 5;

/**
 * Any number of limits on one timer. A timer per attempt would cost a microsecond; this costs an entry in a set. The timer is
 * set for the earliest limit and stays when that limit is cancelled. It then fires without an effect, once per limit, and is
 * set again for the remaining limits.
 */
export class SharedTimer implements Timers {
  readonly #timers: Timers;
  readonly #clock: () => number;
  readonly #limits = new Set<Limit>();
  #timer: unknown;
  #firesAtMs = Infinity;

  constructor(timers: Timers, clock: () => number) {
    this.#timers = timers;
    this.#clock = clock;
  }

  after(delayMs: number, action: () => void): unknown {
    const nowMs = this.#clock();
    const limit: Limit = { dueMs: nowMs + delayMs, isSuspected: false, action };
    this.#limits.add(limit);
    if (limit.dueMs < this.#firesAtMs) this.#fireAt(limit.dueMs, nowMs);
    else if (this.#limits.size === 1) this.#timers.keepAlive?.(this.#timer, true);
    return limit;
  }

  cancel(limit: unknown): void {
    if (this.#limits.delete(limit as Limit) && this.#limits.size === 0) this.#timers.keepAlive?.(this.#timer, false);
  }

  #fireAt(atMs: number, nowMs: number): void {
    if (this.#firesAtMs !== Infinity) this.#timers.cancel(this.#timer);
    this.#firesAtMs = atMs;
    this.#timer = this.#timers.after(Math.max(0, atMs - nowMs), () => this.#fire());
  }

  #fire(): void {
    this.#firesAtMs = Infinity;
    const nowMs = this.#clock();
    let nextMs = Infinity;
    const overdue: Limit[] = [];
    for (const limit of this.#limits) {
      if (limit.dueMs <= nowMs) {
        if (limit.isSuspected) {
          this.#limits.delete(limit);
          overdue.push(limit);
          continue;
        }
        limit.isSuspected = true;
        limit.dueMs = nowMs + EXTRA_TURN_MS;
      }
      nextMs = Math.min(nextMs, limit.dueMs);
    }
    if (nextMs < Infinity) this.#fireAt(nextMs, nowMs);
    // Last: an action may set or cancel other limits.
    for (const { action } of overdue) action();
  }
}
