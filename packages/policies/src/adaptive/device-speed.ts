import type { SharedLearning } from '@gearshift/contracts';
import { LearnedSums } from './learned-sums.js';
import { SpikeRule } from './spike-rule.js';

/** Decayed weight of the samples, and their decayed sum of log(measured / line); runs for life. */
const SPEED = { weight: 0, sum: 1, runs: 2 } as const;
const SPEED_LENGTH = 3;
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
 * How much slower than usual a device is just now, whatever it does: throttled, or shared with others. One factor for all
 * operations, so that the first request that notices it tells all the others. What nobody confirms fades, the sooner the
 * less spoke for it: a device that was slow would never be asked again otherwise.
 */
export class DeviceSpeed {
  readonly sums: LearnedSums;
  /** The counter of decisions at the last run, or when that of another thread was noticed. */
  lastRunAt = 0;
  readonly #rule = new SpikeRule();
  #isStale = true;
  #weight = 0;
  #mean = 0;
  #logFactor = 0;
  #doubt = 0;
  #lastDeviation = 0;
  #runsSeen = 0;

  constructor(deviceId: string) {
    this.sums = new LearnedSums(`adaptive/speed/${deviceId}`);
  }

  share(learning: SharedLearning): void {
    this.sums.share(learning);
    this.#isStale = true;
  }

  /** Takes in what all threads have measured, and lets it fade. */
  refresh(nowMs: number, decisions: number): void {
    if (this.sums.look(nowMs) || this.#isStale) {
      this.#isStale = false;
      const { total } = this.sums;
      if (total[SPEED.runs] !== this.#runsSeen) {
        this.#runsSeen = total[SPEED.runs];
        this.lastRunAt = decisions;
      }
      this.#weight = total[SPEED.weight];
      this.#mean = this.#weight > 0 ? total[SPEED.sum] / this.#weight : 0;
    }
    this.#logFactor = 0;
    this.#doubt = 0;
    if (this.#mean === 0) return;
    const halfLives = (decisions - this.lastRunAt) / (HALF_LIFE_PER_WEIGHT * this.#weight);
    const weight = halfLives === 0 ? this.#weight : this.#weight * Math.exp(-Math.LN2 * halfLives);
    this.#logFactor = (this.#mean * weight) / (weight + PRIOR_WEIGHT);
    this.#doubt = this.#mean - this.#logFactor;
  }

  /** By how much to multiply what the line says, as of the last {@link refresh}. */
  get factor(): number {
    return Math.exp(this.#logFactor);
  }

  get logFactor(): number {
    return this.#logFactor;
  }

  /** How far the factor may be off, as a logarithm squared: by what was noticed but is not believed, or no longer. */
  get variance(): number {
    return this.#doubt * this.#doubt;
  }

  /**
   * @param deviation log(measured / line): what the factor should have been.
   * @param limit beyond this an error of prediction is an outlier.
   * @returns whether the run was usual for the device as it is: only then may its time be fitted.
   */
  observe(deviation: number, limit: number): boolean {
    const { own } = this.sums;
    own[SPEED.runs] += 1;
    // A factor that faded only for want of looks is as good as the one in force.
    const error = nearerToZero(deviation - this.#logFactor, deviation - this.#mean);
    const verdict = this.#rule.judge(error, limit);
    const lastDeviation = this.#lastDeviation;
    this.#lastDeviation = deviation;
    if (verdict === 'usual') {
      if (this.#mean !== 0) confirm(own, deviation);
    } else if (verdict === 'shift') {
      // Two slow runs in a row may both have been spikes: the milder one is believed.
      const believed = error > 0 ? Math.min(deviation, lastDeviation) : deviation;
      const isConfirmed = Math.sign(believed) === Math.sign(this.#mean);
      const weight = error > 0 ? WEIGHT_OF_SLOWDOWN : WEIGHT_OF_SPEED_UP;
      own[SPEED.weight] = isConfirmed ? Math.max(weight, own[SPEED.weight]) : weight;
      own[SPEED.sum] = own[SPEED.weight] * clip(believed);
    }
    this.#isStale = true;
    this.sums.changed(0, SPEED_LENGTH);
    return verdict === 'usual';
  }
}

/** Follows a change that was noticed, until there is nothing left of it. What is no change is for the lines to learn. */
function confirm(own: Float64Array, deviation: number): void {
  own[SPEED.weight] = own[SPEED.weight] * KEPT_PER_SAMPLE + 1;
  own[SPEED.sum] = own[SPEED.sum] * KEPT_PER_SAMPLE + clip(deviation);
  if (Math.abs(own[SPEED.sum]) >= USUAL * own[SPEED.weight]) return;
  own[SPEED.weight] = 0;
  own[SPEED.sum] = 0;
}

function nearerToZero(a: number, b: number): number {
  return Math.abs(a) < Math.abs(b) ? a : b;
}

function clip(log: number): number {
  return Math.max(-LARGEST_LOG, Math.min(LARGEST_LOG, log));
}
