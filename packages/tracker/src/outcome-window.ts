/** Whether the most recent attempts succeeded. */
export class OutcomeWindow {
  readonly #outcomes: Uint8Array;
  #next = 0;
  #count = 0;
  #successes = 0;

  constructor(windowSize: number) {
    this.#outcomes = new Uint8Array(windowSize);
  }

  get count(): number {
    return this.#count;
  }

  get successes(): number {
    return this.#successes;
  }

  add(outcome: 0 | 1): void {
    const outcomes = this.#outcomes;
    const next = this.#next;
    // What has not been written yet is 0.
    this.#successes += outcome - outcomes[next];
    outcomes[next] = outcome;
    if (this.#count < outcomes.length) this.#count++;
    this.#next = next + 1 === outcomes.length ? 0 : next + 1;
  }
}
