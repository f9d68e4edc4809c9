const LARGEST_SHARE = 0.125;

/**
 * Limits the cost of exploring to a small share of the time that devices were busy, saved up to a cap. A token is a
 * millisecond. Costs that were underestimated leave a debt, which has to be earned before anything else is explored.
 */
export class TokenBucket {
  tokensMs: number;
  readonly #share: number;
  readonly #startMs: number;
  readonly #capMs: number;

  constructor(share: number, startMs: number, capMs: number) {
    this.#share = share;
    this.#startMs = startMs;
    this.#capMs = capMs;
    this.tokensMs = Math.min(startMs, capMs);
  }

  earn(busyMs: number): void {
    if (busyMs > 0) this.tokensMs = Math.min(this.#capMs, this.tokensMs + this.#share * busyMs);
  }

  canAfford(costMs: number): boolean {
    return this.tokensMs > 0 && costMs <= this.tokensMs;
  }

  /**
   * Whether one trial of many may cost this much: many cheap ones teach more than an expensive one, so a trial may take an
   * eighth of the tokens, or of those at the start if that is more.
   */
  canAffordTrial(costMs: number): boolean {
    const limitMs = LARGEST_SHARE * Math.max(this.tokensMs, this.#startMs);
    return this.tokensMs > 0 && costMs <= Math.min(this.tokensMs, limitMs);
  }

  spend(costMs: number): void {
    if (costMs > 0) this.tokensMs -= costMs;
  }
}
