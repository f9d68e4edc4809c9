import { LearnedSums } from './learned-sums.js';

/** Decayed weight of the samples, and their decayed sum of log(measured / line); runs for life. */
const SPEED = { weight: 0, sum: 1, runs: 2 } as const;
const KEPT_PER_SAMPLE = 0.95;
/** A factor of 1 counts as much as one sample. */
const PRIOR_WEIGHT = 1;
/** A slowdown was seen twice when it is believed, a speed-up once. */
const WEIGHT_OF_SLOWDOWN = 2;
const WEIGHT_OF_SPEED_UP = 1;
/** Decisions without a run, for each sample of the factor, after which the factor has half of its weight. */
const HALF_LIFE_PER_WEIGHT = 2;
/** A factor closer to 1 than this, as a logarithm, is ignored. */
const USUAL = 0.15;
const LARGEST_LOG = 7;

/**
 * Distinguishes spikes from changes. A single run that is far slower than expected is a spike and is ignored; two in a row
 * are a change of the device. A run that is far *faster* is a change at once: other programs slow runs down by chance, but
 * nothing speeds them up by chance.
 */
export class SpikeRule {
  #isSlow = false;

  /**
   * @param error log(measured / predicted).
   * @param limit how far from 0 it may be.
   */
  judge(error: number, limit: number): 'usual' | 'spike' | 'shift' {
    const wasSlow = this.#isSlow;
    this.#isSlow = error > limit;
    if (this.#isSlow) return wasSlow ? 'shift' : 'spike';
    return error < -limit ? 'shift' : 'usual';
  }
}

/**
 * How much slower than usual a device is at the moment: throttled, or shared with other programs. One factor for all
 * operations, so that all of them benefit from the first request that notices it. It fades unless runs confirm it, faster the
 * fewer runs there were: otherwise a device that was slow once would never be chosen again.
 */
export class DeviceSpeed {
  readonly sums: LearnedSums;
  /** By how much to multiply the line, as of the last {@link refresh}, and its logarithm. */
  factor = 1;
  logFactor = 0;
  /** Variance of the factor, as a logarithm: of the part that was measured but is not applied, or not any more. */
  variance = 0;
  readonly #rule = new SpikeRule();
  #weight = 0;
  #mean = 0;
  #lastDeviation = 0;

  constructor(deviceId: string) {
    this.sums = new LearnedSums(`adaptive/speed/${deviceId}`, SPEED.runs);
  }

  /** Computes the factor from what all threads have measured, faded by the decisions since. */
  refresh(nowMs: number, decisions: number): void {
    const { sums } = this;
    sums.refresh(nowMs, decisions);
    if (sums.isNew) {
      const { total } = sums;
      sums.isNew = false;
      this.#weight = total[SPEED.weight];
      this.#mean = this.#weight > 0 ? total[SPEED.sum] / this.#weight : 0;
    }
    this.factor = 1;
    this.logFactor = 0;
    this.variance = 0;
    if (this.#mean === 0) return;
    const halfLives = (decisions - sums.lastRunAt) / (HALF_LIFE_PER_WEIGHT * this.#weight);
    const weight = halfLives === 0 ? this.#weight : this.#weight * Math.exp(-Math.LN2 * halfLives);
    this.logFactor = (this.#mean * weight) / (weight + PRIOR_WEIGHT);
    this.factor = Math.exp(this.logFactor);
    const doubt = this.#mean - this.logFactor;
    this.variance = doubt * doubt;
  }

  /**
   * @param deviation log(measured / line): what the factor should have been.
   * @param limit beyond this an error of prediction is an outlier.
   * @returns whether the run was usual for the device as it is: only then may its time be fitted.
   */
  observe(deviation: number, limit: number): boolean {
    const { own } = this.sums;
    own[SPEED.runs] += 1;
    const errorNow = deviation - this.logFactor;
    const errorUnfaded = deviation - this.#mean;
    // A factor that faded only because nothing ran is as good as the one in force.
    const error = Math.abs(errorNow) < Math.abs(errorUnfaded) ? errorNow : errorUnfaded;
    const verdict = this.#rule.judge(error, limit);
    if (verdict === 'usual' && this.#mean !== 0) {
      // Follows a change until it is over. Small changes are left to the lines.
      own[SPEED.weight] = own[SPEED.weight] * KEPT_PER_SAMPLE + 1;
      own[SPEED.sum] = own[SPEED.sum] * KEPT_PER_SAMPLE + clip(deviation);
      if (!(Math.abs(own[SPEED.sum]) >= USUAL * own[SPEED.weight])) {
        own[SPEED.weight] = 0;
        own[SPEED.sum] = 0;
      }
    } else if (verdict === 'shift') {
      // Two slow runs in a row may both have been spikes: the milder one is believed.
      const believed = error > 0 ? Math.min(deviation, this.#lastDeviation) : deviation;
      const isConfirmed = Math.sign(believed) === Math.sign(this.#mean);
      const weight = error > 0 ? WEIGHT_OF_SLOWDOWN : WEIGHT_OF_SPEED_UP;
      own[SPEED.weight] = isConfirmed ? Math.max(weight, own[SPEED.weight]) : weight;
      own[SPEED.sum] = own[SPEED.weight] * clip(believed);
    }
    this.#lastDeviation = deviation;
    this.sums.isNew = true;
    this.sums.changed(SPEED.weight, SPEED.runs + 1);
    return verdict === 'usual';
  }
}

function clip(log: number): number {
  return Math.max(-LARGEST_LOG, Math.min(LARGEST_LOG, log));
}
