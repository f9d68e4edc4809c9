import type { Clock } from '../timers.js';

const STEP = 1.25;
/** Beyond this the model is not imprecise but wrong, and the chunk ceiling does the work. */
const LARGEST = 8;
const HALF_LIFE_MS = 60_000;

/**
 * By how much the real need for memory exceeds what the caller's model says: 1 until an out-of-memory error contradicts the
 * model, then a quarter more each time, halving its excess every minute, so that one bad moment is not held against the
 * device for ever.
 */
export class Inflation {
  readonly #clock: Clock;
  #excess = 0;
  #sinceMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  factor(): number {
    if (this.#excess === 0) return 1;
    const excess = this.#excess * 0.5 ** ((this.#clock() - this.#sinceMs) / HALF_LIFE_MS);
    // Below a thousandth it no longer changes any chunk.
    if (excess < 1e-3) this.#excess = 0;
    return 1 + excess;
  }

  raise(): void {
    this.#excess = Math.min(LARGEST, this.factor() * STEP) - 1;
    this.#sinceMs = this.#clock();
  }
}
