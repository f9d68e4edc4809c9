import { SUMS_LENGTH, type SharedLearning } from '@gearshift/contracts';
import type { Cost } from './generic-cost.js';
import { LearnedSums } from './learned-sums.js';
import { addResidual, BUCKET_LENGTH, bucketAt, BUCKETS_AT, residualOf, sampleCountOf } from './residual-buckets.js';

/** The first numbers of the sums: the normal equations, then what else is known about the line. */
export const LINE = {
  s11: 0,
  s12: 1,
  s22: 2,
  t1: 3,
  t2: 4,
  /** Samples, the older the less. */
  weight: 5,
  /** Squared errors of prediction, as logarithms, and their weight, the older the less. */
  squaredErrors: 6,
  errorWeight: 7,
  /** For life: fitted samples, runs of any kind, explorations. */
  samples: 8,
  runs: 9,
  explorations: 10,
  /** Expected milliseconds lost by choosing this device where another may have been faster. */
  regretMs: 11,
  /** Sum of |measured / predicted - 1|, the older the less; its weight is `errorWeight`. */
  relativeErrors: 12,
} as const;

const FORGETTING = 0.99;
/** Added to the diagonal of the sums, as a share, so that those of a single size can be inverted. */
const INVERTIBLE = 1 + 1e-6;
const ERROR_FORGETTING = 0.97;
/** Standard deviation of log(measured / predicted) that is assumed at first, and how many samples that counts for. */
const FIRST_DEVIATION = 0.3;
const FIRST_DEVIATION_WEIGHT = 2;
/** A single error counts no more than this, as a logarithm squared: spikes say nothing about the usual scatter. */
const LARGEST_SQUARED_ERROR = 1;
/** How far off the line may be where no sample of this size was seen, as a logarithm. */
const UNSEEN_SIZE_DEVIATION = 0.2;
const LARGEST_DEVIATION = 2;
/** Runs it takes to know a device: one of them may be a spike. */
const SAMPLES_TO_KNOW = 2;
/** Share of one sample that is added to the diagonal of the sums: a single size alone would make no line. */
const RIDGE = 0.1;
/** Significance, in squared standard deviations, at which the measured form of the line is believed by half. */
const HALF_BELIEVED_AT = 4;

/** Places in the solution: the line, the inverse of the sums, and the variance of the scatter. */
const FIXED_MS = 0;
const MS_PER_UNIT = 1;
const P11 = 2;
const P12 = 3;
const P22 = 4;
const NOISE = 5;

/**
 * The time that one device takes for one kind of work, as `(a + b * units) * exp(residual of the size)`.
 *
 * `a` and `b`, both at least 0, minimize the sum of squared *relative* errors, so that small requests count as much as
 * large ones. In information form: with `x = (1, units) / ms` the sums of `x x'` and of `x` are all that is kept, and sums
 * of several threads add up. Old samples fade, but only in the direction a new one speaks about (directional forgetting):
 * a thousand small requests do not erase what the large ones taught about the slope.
 */
export class CostLine {
  readonly sums: LearnedSums;
  /** The counter of decisions at the last run, or when that of another thread was noticed. */
  lastRunAt = 0;
  /** This thread ran it before, so the next run is no warm-up. */
  isWarm = false;
  /** Latency that the exploration under way has paid for; 0 while none is. */
  exploredUpToMs = 0;
  readonly #prior: Cost;
  /** What follows from the sums. In a typed array, where numbers can be changed without allocating. */
  readonly #solution = new Float64Array(6);
  #runsSeen = 0;
  #isStale = true;

  constructor(name: string, prior: Cost) {
    this.sums = new LearnedSums(name);
    this.#prior = prior;
    this.#solve(this.sums.total);
  }

  share(learning: SharedLearning): void {
    this.sums.share(learning);
    this.#isStale = true;
  }

  get fixedMs(): number {
    return this.#solution[FIXED_MS];
  }

  get msPerUnit(): number {
    return this.#solution[MS_PER_UNIT];
  }

  /** Enough was measured, by all threads together, to choose by it. */
  get isKnown(): boolean {
    return this.sums.total[LINE.samples] >= SAMPLES_TO_KNOW;
  }

  /** Fitted samples, of all threads. */
  get samples(): number {
    return this.sums.total[LINE.samples];
  }

  /** Standard deviation of log(measured / predicted), run by run. */
  get deviation(): number {
    return Math.sqrt(this.#solution[NOISE]);
  }

  /** Takes in what this thread and, once in a while, what the others have learned. */
  refresh(nowMs: number, decisions: number): void {
    const hasNews = this.sums.look(nowMs);
    const { total } = this.sums;
    if (total[LINE.runs] !== this.#runsSeen) {
      this.#runsSeen = total[LINE.runs];
      this.lastRunAt = decisions;
    }
    if (!hasNews && !this.#isStale) return;
    this.#isStale = false;
    this.#solve(total);
  }

  /** What was expected before anything was measured. */
  generic(units: number): number {
    return this.#prior.fixedMs + this.#prior.msPerUnit * units;
  }

  /** @returns expected milliseconds for this much work. */
  predict(units: number): number {
    return this.predictAt(units, bucketAt(units), 0);
  }

  /** The same for a device of this speed, of this bucket: a decision asks for several devices at one size. */
  predictAt(units: number, bucket: number, logFactor: number): number {
    return (
      (this.#solution[FIXED_MS] + this.#solution[MS_PER_UNIT] * units) *
      Math.exp(residualOf(this.sums.total, bucket) + logFactor)
    );
  }

  /** Expected squared error of {@link predict} itself, as a logarithm: without the scatter from run to run. */
  variance(units: number, bucket = bucketAt(units)): number {
    const most = LARGEST_DEVIATION * LARGEST_DEVIATION;
    if (!(this.samples > 0)) return most;
    const line = this.#solution[FIXED_MS] + this.#solution[MS_PER_UNIT] * units;
    const solution = this.#solution;
    const leverage = (solution[P11] + units * (2 * solution[P12] + units * solution[P22])) / (line * line);
    const seen = sampleCountOf(this.sums.total, bucket);
    const unseen = (UNSEEN_SIZE_DEVIATION * UNSEEN_SIZE_DEVIATION) / ((1 + seen) * (1 + seen));
    const variance = this.#solution[NOISE] * Math.max(0, leverage) + unseen;
    return variance < most ? variance : most;
  }

  /** Beyond this an error of prediction, as a logarithm, is no chance: a spike, or a device that changed its speed. */
  outlierLimit(units: number): number {
    return Math.max(0.7, 3.5 * Math.sqrt(this.#solution[NOISE] + this.variance(units)));
  }

  /** Counts a run that is not to be fitted. */
  addRun(): void {
    this.sums.own[LINE.runs] += 1;
    this.sums.changed(LINE.runs, LINE.runs + 1);
  }

  /** All of this thread's share may have been changed. */
  learnedElsewhere(): void {
    this.#isStale = true;
    this.sums.changed(0, SUMS_LENGTH);
  }

  /** Counts milliseconds that are expected to be lost by a choice of this device. */
  addRegret(ms: number): void {
    this.sums.own[LINE.regretMs] += ms;
    this.sums.changed(LINE.regretMs, LINE.regretMs + 1);
  }

  addExploration(): void {
    this.sums.own[LINE.explorations] += 1;
    this.sums.changed(LINE.explorations, LINE.explorations + 1);
  }

  /**
   * @param error log(measured / predicted), of the prediction that was in force.
   */
  fit(units: number, ms: number, error: number): void {
    const { own } = this.sums;
    const x1 = 1 / ms;
    const x2 = units / ms;
    forgetAlong(own, x1, x2);
    own[LINE.s11] += x1 * x1;
    own[LINE.s12] += x1 * x2;
    own[LINE.s22] += x2 * x2;
    own[LINE.t1] += x1;
    own[LINE.t2] += x2;
    own[LINE.weight] = own[LINE.weight] * FORGETTING + 1;
    own[LINE.samples] += 1;
    own[LINE.runs] += 1;
    this.#addError(own, error);
    this.sums.changed(0, BUCKETS_AT);
    this.#solve(this.sums.total);
    this.#isStale = false;
    const bucket = bucketAt(units);
    addResidual(own, bucket, Math.log(ms / (this.#solution[FIXED_MS] + this.#solution[MS_PER_UNIT] * units)));
    this.sums.changed(bucket, bucket + BUCKET_LENGTH);
  }

  #addError(own: Float64Array, error: number): void {
    own[LINE.squaredErrors] =
      own[LINE.squaredErrors] * ERROR_FORGETTING + Math.min(error * error, LARGEST_SQUARED_ERROR);
    own[LINE.relativeErrors] = own[LINE.relativeErrors] * ERROR_FORGETTING + Math.min(Math.abs(Math.expm1(error)), 10);
    own[LINE.errorWeight] = own[LINE.errorWeight] * ERROR_FORGETTING + 1;
  }

  #solve(total: Float64Array): void {
    const solution = this.#solution;
    const weight = total[LINE.weight];
    if (!(weight > 0)) {
      solution[FIXED_MS] = this.#prior.fixedMs;
      solution[MS_PER_UNIT] = this.#prior.msPerUnit;
      solution[NOISE] = FIRST_DEVIATION * FIRST_DEVIATION;
      return;
    }
    const noise =
      (total[LINE.squaredErrors] + FIRST_DEVIATION_WEIGHT * FIRST_DEVIATION * FIRST_DEVIATION) /
      (total[LINE.errorWeight] + FIRST_DEVIATION_WEIGHT);
    const { fixedMs: g1, msPerUnit: g2 } = this.#prior;
    const ridge = 1 + RIDGE / weight;
    const s11 = total[LINE.s11] * ridge;
    const s22 = total[LINE.s22] * ridge;
    const t1 = total[LINE.t1];
    const t2 = total[LINE.t2];
    // Rounding must not make the sums contradict themselves.
    const s12 = Math.min(total[LINE.s12], Math.sqrt(total[LINE.s11] * total[LINE.s22]));
    const determinant = s11 * s22 - s12 * s12;
    solution[NOISE] = noise;
    solution[P11] = s22 / determinant;
    solution[P12] = -s12 / determinant;
    solution[P22] = s11 / determinant;
    let fixedMs = (t1 * s22 - t2 * s12) / determinant;
    let msPerUnit = (s11 * t2 - s12 * t1) / determinant;
    if (!(fixedMs >= 0)) {
      fixedMs = 0;
      msPerUnit = t2 / s22;
    } else if (!(msPerUnit >= 0)) {
      msPerUnit = 0;
      fixedMs = t1 / s11;
    }
    // As generic as what was measured allows, in the scale of what was measured: the two parts of the line are told apart
    // only as far as that is no chance. Else noise at a few sizes would be magnified at all the others.
    const scale = (g1 * t1 + g2 * t2) / (g1 * g1 * s11 + 2 * g1 * g2 * s12 + g2 * g2 * s22);
    const d1 = fixedMs - scale * g1;
    const d2 = msPerUnit - scale * g2;
    const significance = (d1 * d1 * s11 + 2 * d1 * d2 * s12 + d2 * d2 * s22) / noise;
    const believed =
      (significance * significance) / (significance * significance + HALF_BELIEVED_AT * HALF_BELIEVED_AT);
    solution[FIXED_MS] = scale * g1 + believed * d1;
    solution[MS_PER_UNIT] = scale * g2 + believed * d2;
  }
}

/**
 * Lets the sums fade in the direction of `x` alone: `S -= (1 - λ) x x' / (x' S^-1 x)`, and `t` with it so that the line they
 * stand for stays the same (R. Kulhavý, "Restricted exponential forgetting in real-time identification", Automatica 23,
 * 1987). Not the shorter `S x x' S / (x' S x)`: what that forgets depends on the units of work.
 */
function forgetAlong(own: Float64Array, x1: number, x2: number): void {
  const s11 = own[LINE.s11] * INVERTIBLE;
  const s22 = own[LINE.s22] * INVERTIBLE;
  const s12 = Math.min(own[LINE.s12], Math.sqrt(own[LINE.s11] * own[LINE.s22]));
  const t1 = own[LINE.t1];
  const t2 = own[LINE.t2];
  const adjoint = x1 * (x1 * s22 - x2 * s12) + x2 * (x2 * s11 - x1 * s12);
  if (!(adjoint > 0)) return;
  const share = ((1 - FORGETTING) * (s11 * s22 - s12 * s12)) / adjoint;
  const moved = ((1 - FORGETTING) * (x1 * (s22 * t1 - s12 * t2) + x2 * (s11 * t2 - s12 * t1))) / adjoint;
  own[LINE.s11] = Math.max(0, own[LINE.s11] - share * x1 * x1);
  own[LINE.s12] = Math.max(0, own[LINE.s12] - share * x1 * x2);
  own[LINE.s22] = Math.max(0, own[LINE.s22] - share * x2 * x2);
  own[LINE.t1] = Math.max(0, t1 - moved * x1);
  own[LINE.t2] = Math.max(0, t2 - moved * x2);
}
