/**
 * When to look again at sums that other threads add to: at once after an own change, else not more often than they can
 * change for the eye of a scheduler. Looking costs a few hundred additions, which every decision would pay several times.
 */
export class RefreshInterval {
  #isDue = true;
  #refreshedAtMs = -Infinity;

  setDue(): void {
    this.#isDue = true;
  }

  /** @returns whether to look now; if so, it is taken as done. */
  take(isShared: boolean, nowMs: number): boolean {
    if (!this.#isDue) {
      if (!isShared) return false;
      const sinceMs = nowMs - this.#refreshedAtMs;
      // A clock that went back is no reason to wait for it.
      if (sinceMs >= 0 && sinceMs < INTERVAL_MS) return false;
    }
    this.#isDue = false;
    this.#refreshedAtMs = nowMs;
    return true;
  }
}

const INTERVAL_MS = 1;
