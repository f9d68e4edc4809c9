/** Which of the most recent attempts succeeded. */
export class SuccessWindow {
  readonly #outcomes: Uint8Array;
  #next = 0;
  #count = 0;
  #successes = 0;

  constructor(windowSize: number) {
    this.#outcomes = new Uint8Array(windowSize);
  }

  /** Attempts in the window. */
  get count(): number {
    return this.#count;
  }

  get successes(): number {
    return this.#successes;
  }

  addSuccesses(count: number): void {
    // In a window full of successes one more changes nothing, wherever it goes.
    if (this.#successes === this.#outcomes.length) return;
    for (let i = 0; i < count; i++) this.#add(1);
  }

  addFailure(): void {
    this.#add(0);
  }

  #add(outcome: 0 | 1): void {
    const outcomes = this.#outcomes;
    const next = this.#next;
    // What has not been written yet is 0.
    this.#successes += outcome - outcomes[next];
    outcomes[next] = outcome;
    if (this.#count < outcomes.length) this.#count++;
    this.#next = next + 1 === outcomes.length ? 0 : next + 1;
  }
}
