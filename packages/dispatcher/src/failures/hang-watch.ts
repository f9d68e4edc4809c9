import type { Timers } from './timers.js';

/** An attempt being watched. */
export interface Watched {
  dueMs: number;
  isSuspected: boolean;
  readonly onOverdue: () => void;
}

/** An event loop that was blocked wakes its timers before it hears of what was done meanwhile. So everybody gets a turn more. */
const EXTRA_TURN_MS = 5;

/**
 * Watches attempts with one timer for all of them: setting and clearing one for each would cost a microsecond, this costs
 * an entry in a set. The timer is set for the earliest of them and left alone when that one ends; it then wakes for
 * nothing, once per limit, and is set anew for whoever is still there.
 */
export class HangWatch {
  readonly #timers: Timers;
  readonly #clock: () => number;
  readonly #watched = new Set<Watched>();
  #timer: unknown;
  #wakeAtMs = Infinity;

  constructor(timers: Timers, clock: () => number) {
    this.#timers = timers;
    this.#clock = clock;
  }

  /** Calls `onOverdue` once, unless {@link settled} is called before. */
  watch(nowMs: number, limitMs: number, onOverdue: () => void): Watched {
    const dueMs = nowMs + limitMs;
    const entry: Watched = { dueMs, isSuspected: false, onOverdue };
    this.#watched.add(entry);
    if (dueMs < this.#wakeAtMs) this.#wakeAt(dueMs, nowMs);
    else if (this.#watched.size === 1) this.#timers.keepAlive?.(this.#timer, true);
    return entry;
  }

  /** Makes it due after this time from now, unless it is already due earlier. */
  hurry(entry: Watched, limitMs: number): void {
    const nowMs = this.#clock();
    const dueMs = nowMs + limitMs;
    if (dueMs >= entry.dueMs || !this.#watched.has(entry)) return;
    entry.dueMs = dueMs;
    if (dueMs < this.#wakeAtMs) this.#wakeAt(dueMs, nowMs);
  }

  settled(entry: Watched): void {
    if (this.#watched.delete(entry) && this.#watched.size === 0) this.#timers.keepAlive?.(this.#timer, false);
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (this.#wakeAtMs !== Infinity) this.#timers.cancel(this.#timer);
    this.#wakeAtMs = atMs;
    this.#timer = this.#timers.after(Math.max(0, atMs - nowMs), () => this.#wake());
  }

  #wake(): void {
    this.#wakeAtMs = Infinity;
    const nowMs = this.#clock();
    let nextMs = Infinity;
    const overdue: Watched[] = [];
    for (const entry of this.#watched) {
      if (entry.dueMs <= nowMs) {
        if (entry.isSuspected) {
          this.#watched.delete(entry);
          overdue.push(entry);
          continue;
        }
        entry.isSuspected = true;
        entry.dueMs = nowMs + EXTRA_TURN_MS;
      }
      nextMs = Math.min(nextMs, entry.dueMs);
    }
    if (nextMs < Infinity) this.#wakeAt(nextMs, nowMs);
    // Last: what they do may watch or settle others.
    for (const { onOverdue } of overdue) onOverdue();
  }
}
