/** A run on a device, from when it was handed over. */
export interface QueuedRun {
  readonly predictedMs: number;
}

/** A run that takes longer than predicted is expected to take this share more of what it took already. */
const OVERRUN_SHARE = 0.3;

/**
 * How long the work already handed to a device will keep it busy, going by predictions. Devices do one thing after the
 * other, in the order in which they got it: the one that is done now began when the one before it ended.
 */
export class DeviceQueue {
  /** In the order in which they were handed over, which is the order in which they end but for those given up. */
  readonly #runs: QueuedRun[] = [];
  /** Of all runs under way, the one that is done now as a whole. */
  #predictedMs = 0;
  #begunAtMs = 0;

  /** @param predictedMs NaN where nobody predicted: it is taken for nothing. */
  begin(predictedMs: number, nowMs: number): QueuedRun {
    const run = { predictedMs: predictedMs > 0 ? predictedMs : 0 };
    if (this.#runs.length === 0) this.#begunAtMs = nowMs;
    this.#runs.push(run);
    this.#predictedMs += run.predictedMs;
    return run;
  }

  end(run: QueuedRun, nowMs: number): void {
    this.#runs.splice(this.#runs.indexOf(run), 1);
    // Of an idle device nothing is believed any longer, rounding errors included.
    this.#predictedMs = this.#runs.length === 0 ? 0 : this.#predictedMs - run.predictedMs;
    this.#begunAtMs = nowMs;
  }

  /** Runs under way. */
  get length(): number {
    return this.#runs.length;
  }

  waitMs(nowMs: number): number {
    if (this.#runs.length === 0) return 0;
    const [first] = this.#runs;
    const elapsedMs = nowMs - this.#begunAtMs;
    const leftMs = first.predictedMs - elapsedMs;
    const behindMs = Math.max(0, this.#predictedMs - first.predictedMs);
    return behindMs + (leftMs > 0 ? leftMs : OVERRUN_SHARE * elapsedMs);
  }
}
