import { setImmediate } from 'node:timers/promises';
import { requireFinite } from '@gearshift/contracts/internal';
import type { Clock } from '../../clock.js';

interface Timer {
  readonly dueAtMs: number;
  readonly callback: () => void;
}

/** Turns of the event loop after each timer, so that what it started goes on before the next one. */
const TURNS_PER_TIMER = 3;

/** A clock that stands still until it is advanced: delays in a test take no real time and are the same in every run. */
export class ManualClock implements Clock {
  #nowMs = 0;
  /** In the order in which they were started, which decides between timers of the same time. */
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs;
  }

  startTimer(delayMs: number, callback: () => void): () => void {
    const timer = { dueAtMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Fires the timers of the next `durationMs`, earliest first, also those that are started meanwhile. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + requireFinite('durationMs', durationMs, 0);
    await turns();
    for (let next = this.#earliest(endMs); next !== undefined; next = this.#earliest(endMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueAtMs);
      next.callback();
      await turns();
    }
    // Another call may have advanced it further meanwhile.
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  /**
   * Advances in steps until the promise settles, and returns it.
   *
   * @throws RangeError when it has not settled after `mostMs`
   */
  async advanceUntil<T>(promise: Promise<T>, mostMs = 60_000, stepMs = 1): Promise<T> {
    const state = { isSettled: false };
    const settle = () => void (state.isSettled = true);
    promise.then(settle, settle);
    const endMs = this.#nowMs + mostMs;
    await turns();
    while (!state.isSettled) {
      if (this.#nowMs >= endMs) throw new RangeError(`promise: expected to settle within ${mostMs} ms`);
      await this.advance(stepMs);
    }
    return promise;
  }

  #earliest(endMs: number): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAtMs <= endMs && (earliest === undefined || timer.dueAtMs < earliest.dueAtMs)) earliest = timer;
    }
    return earliest;
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < TURNS_PER_TIMER; i++) await setImmediate();
}
