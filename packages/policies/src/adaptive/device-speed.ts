import { LearnedSums } from './learned-sums.js';

/** Decayed weight of the samples, and their decayed sum of log(measured / line); runs for life. */
const SPEED = { weight: 0, sum: 1, runs: 2 } as const;
const KEPT_PER_SAMPLE = 0.95;
/** A factor of 1 counts as much as one sample. */
const PRIOR_WEIGHT = 1;
/** A slowdown was seen twice when it is believed, a speed-up once. */
const WEIGHT_OF_SLOWDOWN = 2;
const WEIGHT_OF_SPEED_UP = 1;
/** Decisions without a look, for each sample that spoke for the factor, after which it has half of its weight. */
const HALF_LIFE_PER_WEIGHT = 2;
/** A factor as near to 1 as this, as a logarithm, is none. */
const USUAL = 0.15;
const LARGEST_LOG = 7;

/**
 * Tells chance from change. A lone run that is far slower than expected is a spike and says nothing; two in a row mean
 * that the device has changed. A run that is far *faster* is believed at once: other programs make a run slow by chance,
 * but nothing makes it fast by chance.
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
 * How much slower than usual a device is just now, whatever it does: throttled, or shared with others. One factor for all
 * operations, so that all of them profit from the first request that notices it. It fades unless runs confirm it, the sooner
 * the fewer there were: otherwise a device that was slow would never be chosen again.
 */
export class DeviceSpeed {
  readonly sums: LearnedSums;
  /** By how much to multiply the line, as of the last {@link refresh}, and its logarithm. */
  factor = 1;
  logFactor = 0;
  /** How far the factor may be off, as a logarithm squared: by what was noticed but is not believed, or no longer. */
  variance = 0;
  readonly #rule = new SpikeRule();
  #weight = 0;
  #mean = 0;
  #lastDeviation = 0;

  constructor(deviceId: string) {
    this.sums = new LearnedSums(`adaptive/speed/${deviceId}`, SPEED.runs);
  }

  /** Takes in what all threads have measured, and lets it fade. */
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
      // Follows a change that was noticed, until nothing is left of it. Small changes are for the lines to learn.
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
