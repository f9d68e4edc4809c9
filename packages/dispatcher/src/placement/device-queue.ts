/** A run on a device, from when it was handed over. */
export interface QueuedRun {
  expectedEndMs: number;
}

/**
 * How long the work already handed to a device will keep it busy, going by predictions: devices do one thing after the
 * other. A run that ends sooner or later than expected moves all behind it.
 */
export class DeviceQueue {
  #underWay = 0;
  #busyUntilMs = 0;

  /** @param predictedMs NaN where nobody predicted: it is taken for nothing. */
  begin(predictedMs: number, nowMs: number): QueuedRun {
    const expectedMs = predictedMs > 0 ? predictedMs : 0;
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + expectedMs;
    this.#underWay += 1;
    return { expectedEndMs: this.#busyUntilMs };
  }

  end(run: QueuedRun, nowMs: number): void {
    this.#underWay -= 1;
    // Of an idle device nothing is believed any longer, so that no error outlives the work that made it.
    this.#busyUntilMs = this.#underWay === 0 ? nowMs : this.#busyUntilMs + nowMs - run.expectedEndMs;
  }

  get underWay(): number {
    return this.#underWay;
  }

  waitMs(nowMs: number): number {
    return this.#underWay === 0 ? 0 : Math.max(0, this.#busyUntilMs - nowMs);
  }
}
