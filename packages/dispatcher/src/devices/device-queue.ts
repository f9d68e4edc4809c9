/** A run that was submitted to a device. */
export interface QueuedRun {
  readonly predictedMs: number;
}

/** A run that takes longer than predicted is expected to need this share of its elapsed time in addition. */
const OVERRUN_SHARE = 0.3;

/**
 * Predicts how long the submitted work will keep a device busy. Devices do one run after the other in the order of
 * submission: the current run started when the one before it ended.
 */
export class DeviceQueue {
  /** In the order of submission, which is the order in which they end, except for abandoned runs. */
  readonly #runs: QueuedRun[] = [];
  /** The sum for all runs under way, including the whole current run. */
  #predictedMs = 0;
  #begunAtMs = 0;

  /** @param predictedMs NaN without a prediction, which counts as 0, and so does a prediction without an end. */
  begin(predictedMs: number, nowMs: number): QueuedRun {
    const run = { predictedMs: predictedMs > 0 && predictedMs < Infinity ? predictedMs : 0 };
    if (this.#runs.length === 0) this.#begunAtMs = nowMs;
    this.#runs.push(run);
    this.#predictedMs += run.predictedMs;
    return run;
  }

  end(run: QueuedRun, nowMs: number): void {
    // Mostly the first one, and `shift` is faster than `splice`.
    if (this.#runs[0] === run) this.#runs.shift();
    else this.#runs.splice(this.#runs.indexOf(run), 1);
    // An idle device starts from 0 again, without accumulated rounding errors.
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
