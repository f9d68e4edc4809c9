interface Batch {
  open: number;
}

/**
 * Counts messages that came and were not answered yet, for a drain. A handler may leave a message without an answer for good: what is
 * older than twice the span is no longer counted.
 */
export class Unanswered {
  readonly #spanMs: number;
  #older: Batch = { open: 0 };
  #newer: Batch = { open: 0 };
  #startedAtMs = 0;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  get count(): number {
    this.#turn();
    return this.#older.open + this.#newer.open;
  }

  /** Returns what marks the message as answered; a second call does nothing and returns false. */
  add(): () => boolean {
    this.#turn();
    const batch = this.#newer;
    batch.open += 1;
    let isOpen = true;
    return () => {
      if (!isOpen) return false;
      isOpen = false;
      batch.open -= 1;
      return true;
    };
  }

  #turn(): void {
    const nowMs = performance.now();
    if (nowMs - this.#startedAtMs < this.#spanMs) return;
    this.#older = nowMs - this.#startedAtMs < 2 * this.#spanMs ? this.#newer : { open: 0 };
    this.#newer = { open: 0 };
    this.#startedAtMs = nowMs;
  }
}
