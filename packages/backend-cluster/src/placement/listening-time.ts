import type { Clock } from '../clock.js';

const TICK_MS = 500;
/** A busy process is somewhat late. */
const MOST_MS = 2 * TICK_MS;

/**
 * The time in which this process could hear messages. While it stands still, because it computes for seconds, was stopped, or sleeps with its
 * machine, it hears none, and when it goes on they are still to be read. So the silence of that time says nothing about the senders.
 */
export class ListeningTime {
  readonly #clock: Clock;
  #passedMs = 0;
  #tickedAtMs: number;
  #stop: () => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tickedAtMs = clock.nowMs();
    this.#stop = clock.startTimer(TICK_MS, () => this.#tick());
  }

  nowMs(): number {
    return this.#passedMs + Math.min(MOST_MS, this.#clock.nowMs() - this.#tickedAtMs);
  }

  /** It passes no further. */
  stop(): void {
    this.#stop();
  }

  #tick(): void {
    this.#passedMs = this.nowMs();
    this.#tickedAtMs = this.#clock.nowMs();
    this.#stop = this.#clock.startTimer(TICK_MS, () => this.#tick());
  }
}
