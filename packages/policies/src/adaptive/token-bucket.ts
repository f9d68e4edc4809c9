const LARGEST_SHARE = 0.125;

/**
 * What exploring may cost: a small share of the time that devices were busy, saved up to a cap. A token is a millisecond.
 * Costs that were underestimated leave a debt, which has to be earned before anything else is explored.
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
   * Whether it may be spent on one trial of many: many cheap ones teach more than an expensive one, so a trial takes no more
   * than a share of the tokens, unless it is cheap compared to what there was at the start.
   */
  canAffordTrial(costMs: number): boolean {
    const limitMs = LARGEST_SHARE * Math.max(this.tokensMs, this.#startMs);
    return this.tokensMs > 0 && costMs <= Math.min(this.tokensMs, limitMs);
  }

  spend(costMs: number): void {
    if (costMs > 0) this.tokensMs -= costMs;
  }
}
