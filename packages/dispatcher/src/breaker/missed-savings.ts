const MAX_KAPPA = 32;
/** Of the cost of a failed attempt: counted where the caller cannot tell what it loses... */
const UNKNOWN_SAVING_SHARE = 1 / 64;
/** ...and the least that is counted for any request, so that every wait ends. */
const LEAST_SAVING_SHARE = 1 / 1024;
/** A failure that costs nothing would be worth a probe at every request. Handing work over costs about this much. */
const LEAST_FAILED_ATTEMPT_MS = 0.1;
/** Weight of the newest failure in the average cost. */
const COST_WEIGHT = 0.25;

/** When a probe pays: as soon as what was lost without the device reaches `kappa` times the cost of a failed attempt. */
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

  /** One more request went without the device. NaN where it cannot tell what it lost by that. */
  add(savingMs: number): void {
    const countedMs = Number.isNaN(savingMs) ? this.#failedAttemptMs * UNKNOWN_SAVING_SHARE : savingMs;
    this.#sumMs += Math.max(countedMs, this.#failedAttemptMs * LEAST_SAVING_SHARE);
  }

  /** Wait for as much again. */
  startOver(): void {
    this.#sumMs = 0;
  }

  /** Wait for twice as much from now on. */
  raiseKappa(): void {
    this.#kappa = Math.min(2 * this.#kappa, MAX_KAPPA);
  }

  /** The device works. What a failure costs is remembered. */
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
