const WINDOW_ATTEMPTS = 20;

/** The last 20 outcomes that count, as the bits of a number: nothing is allocated and nothing shifted. */
export class OutcomeWindow {
  /** Successes and faults in the window, up to 20. */
  attempts = 0;
  faults = 0;
  #bits = 0;

  add(isFault: boolean): void {
    if (this.attempts === WINDOW_ATTEMPTS) this.faults -= (this.#bits >>> (WINDOW_ATTEMPTS - 1)) & 1;
    else this.attempts += 1;
    this.#bits = ((this.#bits << 1) | Number(isFault)) & (2 ** WINDOW_ATTEMPTS - 1);
    this.faults += Number(isFault);
  }

  clear(): void {
    this.attempts = 0;
    this.faults = 0;
    this.#bits = 0;
  }
}
