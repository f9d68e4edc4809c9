import type { Clock } from '../clock.js';

/** What waits for an answer, and does something about it when there is none in time. */
export interface Waiting {
  /** Infinity where there is nothing to do. */
  readonly dueAtMs: number;
  isLate(): void;
}

/** One timer for all parts of a query: a timer for each would cost more than the rest of the wait, and hardly any of them fires. */
export class HedgeTimer {
  readonly #clock: Clock;
  readonly #waiting: readonly Waiting[];
  #firesAtMs = Infinity;
  #stop = () => {};

  /** @param waiting may grow later */
  constructor(clock: Clock, waiting: readonly Waiting[]) {
    this.#clock = clock;
    this.#waiting = waiting;
  }

  /** Fires at `dueAtMs` at the latest. */
  set(dueAtMs: number): void {
    if (dueAtMs >= this.#firesAtMs) return;
    this.stop();
    this.#firesAtMs = dueAtMs;
    this.#stop = this.#clock.startTimer(dueAtMs - this.#clock.nowMs(), () => this.#fire());
  }

  stop(): void {
    this.#firesAtMs = Infinity;
    this.#stop();
  }

  #fire(): void {
    this.#firesAtMs = Infinity;
    const nowMs = this.#clock.nowMs();
    for (const one of this.#waiting) if (one.dueAtMs <= nowMs) one.isLate();
    const next = this.#waiting.reduce((earliest, { dueAtMs }) => Math.min(earliest, dueAtMs), Infinity);
    if (next < Infinity) this.set(next);
  }
}
