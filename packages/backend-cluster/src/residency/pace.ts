import type { Clock } from '../clock.js';

/** Spreads bytes over time, so that they take no more than a part of a network. */
export class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** When everything that was let through so far will be sent. */
  #freeAtMs = -Infinity;

  /** @param bytesPerSecond Infinity for no limit */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Resolves when so many bytes may be sent, or when the signal is aborted. */
  async pass(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#bytesPerSecond === Infinity) return;
    const nowMs = this.#clock.nowMs();
    const startMs = Math.max(nowMs, this.#freeAtMs);
    this.#freeAtMs = startMs + (1000 * bytes) / this.#bytesPerSecond;
    if (startMs === nowMs || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        stop();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const stop = this.#clock.startTimer(startMs - nowMs, end);
      signal?.addEventListener('abort', end);
    });
  }
}
