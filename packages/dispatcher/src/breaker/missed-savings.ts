const MAX_KAPPA = 32;
/** Share of the cost of a failed attempt that counts when the caller does not know its saving... */
const UNKNOWN_SAVING_SHARE = 1 / 64;
/** ...and the minimum share for every request, so that every wait ends. */
const LEAST_SAVING_SHARE = 1 / 1024;
/** With a cost of 0 every request would probe. Submitting work to a device costs about this much. */
const LEAST_FAILED_ATTEMPT_MS = 0.1;
/** Weight of the newest failure in the average cost. */
const COST_WEIGHT = 0.25;

/** Decides when a probe pays: when the missed savings reach `kappa` times the cost of a failed attempt. */
export class MissedSavings {
  #sumMs = 0;
  #kappa = 1;
  #failedAttemptMs = LEAST_FAILED_ATTEMPT_MS;

  get sumMs(): number {
    return this.#sumMs;
  }

  get kappa(): number {
    return this.#kappa;
  }

  get failedAttemptMs(): number {
    return this.#failedAttemptMs;
  }

  /** The sum that is worth a probe. */
  get probeAtMs(): number {
    return this.#kappa * this.#failedAttemptMs;
  }

  /** Another request was blocked. NaN when its saving is unknown. */
  add(savingMs: number): void {
    const countedMs = Number.isNaN(savingMs) ? this.#failedAttemptMs * UNKNOWN_SAVING_SHARE : savingMs;
    this.#sumMs += Math.max(countedMs, this.#failedAttemptMs * LEAST_SAVING_SHARE);
  }

  /** Waits for the same sum again. */
  startOver(): void {
    this.#sumMs = 0;
  }

  /** Waits for twice the sum from now on. */
  raiseKappa(): void {
    this.#kappa = Math.min(2 * this.#kappa, MAX_KAPPA);
  }

  /** The device works. The cost of a failure is kept. */
  clear(): void {
    this.#sumMs = 0;
    this.#kappa = 1;
  }

  learnCost(latencyMs: number): void {
    if (!(latencyMs >= 0 && latencyMs < Infinity)) return;
    const costMs = Math.max(latencyMs, LEAST_FAILED_ATTEMPT_MS);
    const isFirst = this.#failedAttemptMs === LEAST_FAILED_ATTEMPT_MS;
    this.#failedAttemptMs = isFirst ? costMs : this.#failedAttemptMs + COST_WEIGHT * (costMs - this.#failedAttemptMs);
  }
}
