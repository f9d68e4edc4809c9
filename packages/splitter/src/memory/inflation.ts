import type { Clock } from '../timers.js';

const STEP = 1.25;
/** A model that is wrong by more than this is useless; smaller chunks have to do. */
const LARGEST = 8;
const HALF_LIFE_MS = 60_000;

/**
 * How many times more memory work needs than the caller's model says: 1 until an out-of-memory error contradicts the model,
 * then a quarter more each time. The excess over 1 halves every minute, so that one failure has no lasting effect.
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
