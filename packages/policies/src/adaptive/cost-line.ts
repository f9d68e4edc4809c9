import type { DeviceKind, Work } from '@gearshift/contracts';
import { LearnedSums } from './learned-sums.js';

/** Indices into the sums: the normal equations, then counts and errors. */
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

/** The buckets of residuals follow: a decayed sum, its decayed weight, and the number of samples for life. */
export const BUCKETS_AT = 16;
export const BUCKET_COUNT = 80;
export const BUCKET_LENGTH = 3;
const BUCKET = { sum: 0, weight: 1, count: 2 } as const;
/** Half-octaves below the first bucket: it starts at 256 units of work. */
const FIRST_HALF_OCTAVE = 16;
const BUCKET_FORGETTING = 0.9;
/** With this many samples a bucket is believed by half. */
const BUCKET_HALF_BELIEVED_AT = 3;
/** A single residual, as a logarithm, counts as at most this. */
export const LARGEST_RESIDUAL = 2;

const FORGETTING = 0.99;
/** Factor of the diagonal of the sums, so that those of a single size can be inverted. */
const INVERTIBLE = 1 + 1e-6;
const ERROR_FORGETTING = 0.97;
/** Standard deviation of log(measured / predicted) that is assumed at first, and how many samples that counts for. */
const FIRST_DEVIATION = 0.3;
const FIRST_DEVIATION_WEIGHT = 2;
/** Upper limit for a single error, as a logarithm squared: spikes are not part of the usual scatter. */
const LARGEST_SQUARED_ERROR = 1;
/** How far off the line may be where no sample of this size was seen, as a logarithm. */
const UNSEEN_SIZE_DEVIATION = 0.2;
const LARGEST_VARIANCE = 4;
/** Fitted runs after which a line is known: one of them may be a spike. */
const SAMPLES_TO_KNOW = 2;
/** Share of one sample that is added to the diagonal of the sums: a single size does not determine a line. */
const RIDGE = 0.1;
/** Significance, in squared standard deviations, at which the measured form of the line is believed by half. */
const HALF_BELIEVED_AT = 4;

/** A straight line of cost: `fixedMs + msPerUnit * units`. */
export interface Cost {
  readonly fixedMs: number;
  readonly msPerUnit: number;
}

/**
 * Round figures, right to within a factor of ten for most machines. They matter for the first few decisions and for sizes
 * never seen: measurements outweigh them from the first sample on.
 */
const GENERIC = {
  cpu: { fixedMs: 0.003, flopsPerMs: 5e7, bytesPerMs: 2e7 },
  gpu: { fixedMs: 0.03, flopsPerMs: 5e9, bytesPerMs: 4e8 },
  // Another machine's CPU, behind a network.
  remote: { fixedMs: 0.5, flopsPerMs: 5e7, bytesPerMs: 2e7 },
} as const;

/** 10 GB/s, after the start of a transfer. */
export const GENERIC_TRANSFER: Cost = { fixedMs: 0.02, msPerUnit: 1e-7 };

/** The cost of requests like this one on a usual device of this kind: arithmetic or memory, the slower of both. */
export function genericCost(kind: DeviceKind, work: Pick<Work, 'flops' | 'bytes'>): Cost {
  const { fixedMs, flopsPerMs, bytesPerMs } = GENERIC[kind];
  const runMs = Math.max(work.flops / flopsPerMs, work.bytes / bytesPerMs);
  return { fixedMs, msPerUnit: runMs / unitsOf(work) };
}

/** The amount of work by which time is predicted: arithmetic, or bytes where a request has none. */
export function unitsOf({ flops, bytes }: Pick<Work, 'flops' | 'bytes'>): number {
  const units = flops > 0 ? flops : bytes;
  return units > 1 ? units : 1;
}

/** Index of the first number of the bucket for this much work; the outermost buckets include all sizes beyond them. */
export function bucketAt(units: number): number {
  const halfOctave = Math.round(2 * Math.log2(units)) - FIRST_HALF_OCTAVE;
  const bucket = halfOctave > 0 ? Math.min(halfOctave, BUCKET_COUNT - 1) : 0;
  return BUCKETS_AT + bucket * BUCKET_LENGTH;
}

/**
 * The time that one device takes for one kind of work, as `(a + b * units) * exp(residual of the size)`.
 *
 * `a` and `b`, both at least 0, minimize the sum of squared *relative* errors, so that small requests count as much as
 * large ones: with `x = (1, units) / ms` the sums of `x x'` and of `x` are all that is kept, and those of several threads
 * add up. Old samples fade only in the direction of a new one: a thousand small requests do not erase the slope.
 *
 * The residuals are what a straight line misses: limits of caches, start of thread pools, waves of a GPU. Per half-octave
 * of size, a moving average of log(measured / line), pulled towards 0 while there are few samples.
 */
export class CostLine {
  readonly sums: LearnedSums;
  /** The line that is assumed before anything is measured. */
  readonly prior: Cost;
  /** The line, as of the last {@link refresh} or {@link fit}. */
  fixedMs = NaN;
  msPerUnit = NaN;
  /** Variance of log(measured / predicted), run by run. */
  noise = NaN;
  /** Enough was measured, by all threads together, to choose by it. */
  isKnown = false;
  /** This thread ran it before, so the next run is not a warm-up. */
  isWarm = false;
  /** Latency that is paid for by the exploration under way; 0 while there is none. */
  exploredUpToMs = 0;
  /** The inverse of the sums. */
  #p11 = NaN;
  #p12 = NaN;
  #p22 = NaN;

  constructor(name: string, prior: Cost) {
    this.sums = new LearnedSums(name, LINE.runs);
    this.prior = prior;
    this.#solve();
  }

  /** Solves for the line again where this thread, or another one, has learned something. */
  refresh(nowMs: number, decisions: number): void {
    this.sums.refresh(nowMs, decisions);
    if (this.sums.isNew) this.#solve();
  }

  /**
   * @param bucket of that much work: a decision computes it once for several devices.
   * @param logFactor how much slower than usual the device is, as a logarithm.
   * @returns expected milliseconds for this much work.
   */
  predict(units: number, bucket = bucketAt(units), logFactor = 0): number {
    const { total } = this.sums;
    const count = total[bucket + BUCKET.count];
    const believed = count / (count + BUCKET_HALF_BELIEVED_AT);
    const residual = count > 0 ? (total[bucket + BUCKET.sum] / total[bucket + BUCKET.weight]) * believed : 0;
    return (this.fixedMs + this.msPerUnit * units) * Math.exp(residual + logFactor);
  }

  /** Expected squared error of {@link predict} itself, as a logarithm: without the scatter from run to run. */
  variance(units: number, bucket = bucketAt(units)): number {
    const { total } = this.sums;
    if (!(total[LINE.samples] > 0)) return LARGEST_VARIANCE;
    const line = this.fixedMs + this.msPerUnit * units;
    const leverage = (this.#p11 + units * (2 * this.#p12 + units * this.#p22)) / (line * line);
    const seen = total[bucket + BUCKET.count];
    const unseen = (UNSEEN_SIZE_DEVIATION * UNSEEN_SIZE_DEVIATION) / ((1 + seen) * (1 + seen));
    const variance = this.noise * Math.max(0, leverage) + unseen;
    return variance < LARGEST_VARIANCE ? variance : LARGEST_VARIANCE;
  }

  /** A larger error of prediction, as a logarithm, is an outlier: a spike, or a device that changed its speed. */
  outlierLimit(units: number, bucket = bucketAt(units)): number {
    return Math.max(0.7, 3.5 * Math.sqrt(this.noise + this.variance(units, bucket)));
  }

  /** @param error log(measured / predicted), of the prediction before this sample. */
  fit(units: number, ms: number, error: number, bucket = bucketAt(units)): void {
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
    const squaredError = Math.min(error * error, LARGEST_SQUARED_ERROR);
    const relativeError = Math.min(Math.abs(Math.expm1(error)), 10);
    own[LINE.squaredErrors] = own[LINE.squaredErrors] * ERROR_FORGETTING + squaredError;
    own[LINE.relativeErrors] = own[LINE.relativeErrors] * ERROR_FORGETTING + relativeError;
    own[LINE.errorWeight] = own[LINE.errorWeight] * ERROR_FORGETTING + 1;
    this.sums.changed(0, BUCKETS_AT);
    this.#solve();

    const residual = Math.log(ms / (this.fixedMs + this.msPerUnit * units));
    const clipped = Math.max(-LARGEST_RESIDUAL, Math.min(LARGEST_RESIDUAL, residual));
    own[bucket + BUCKET.sum] = own[bucket + BUCKET.sum] * BUCKET_FORGETTING + clipped;
    own[bucket + BUCKET.weight] = own[bucket + BUCKET.weight] * BUCKET_FORGETTING + 1;
    own[bucket + BUCKET.count] += 1;
    this.sums.changed(bucket, bucket + BUCKET_LENGTH);
  }

  #solve(): void {
    const { total } = this.sums;
    this.sums.isNew = false;
    this.isKnown = total[LINE.samples] >= SAMPLES_TO_KNOW;
    const { fixedMs: g1, msPerUnit: g2 } = this.prior;
    const weight = total[LINE.weight];
    if (!(weight > 0)) {
      this.#assume(this.prior);
      return;
    }
    const noise =
      (total[LINE.squaredErrors] + FIRST_DEVIATION_WEIGHT * FIRST_DEVIATION * FIRST_DEVIATION) /
      (total[LINE.errorWeight] + FIRST_DEVIATION_WEIGHT);
    const ridge = 1 + RIDGE / weight;
    const s11 = total[LINE.s11] * ridge;
    const s22 = total[LINE.s22] * ridge;
    const t1 = total[LINE.t1];
    const t2 = total[LINE.t2];
    // Keeps the sums consistent in spite of rounding.
    const s12 = Math.min(total[LINE.s12], Math.sqrt(total[LINE.s11] * total[LINE.s22]));
    const determinant = s11 * s22 - s12 * s12;
    this.noise = noise;
    this.#p11 = s22 / determinant;
    this.#p12 = -s12 / determinant;
    this.#p22 = s11 / determinant;
    let fixedMs = (t1 * s22 - t2 * s12) / determinant;
    let msPerUnit = (s11 * t2 - s12 * t1) / determinant;
    if (!(fixedMs >= 0)) {
      fixedMs = 0;
      msPerUnit = t2 / s22;
    } else if (!(msPerUnit >= 0)) {
      msPerUnit = 0;
      fixedMs = t1 / s11;
    }
    // The generic line in the scale of the measurements, and the measured line only as far as it fits significantly better.
    // Otherwise noise at a few sizes would be magnified at all the others.
    const scale = (g1 * t1 + g2 * t2) / (g1 * g1 * s11 + 2 * g1 * g2 * s12 + g2 * g2 * s22);
    const d1 = fixedMs - scale * g1;
    const d2 = msPerUnit - scale * g2;
    const significance = (d1 * d1 * s11 + 2 * d1 * d2 * s12 + d2 * d2 * s22) / noise;
    const squared = significance * significance;
    const believed = squared / (squared + HALF_BELIEVED_AT * HALF_BELIEVED_AT);
    this.fixedMs = scale * g1 + believed * d1;
    this.msPerUnit = scale * g2 + believed * d2;
    // Sums too extreme to be solved say nothing, and NaN must not reach a comparison.
    if (!(this.fixedMs + this.msPerUnit < Infinity && noise < Infinity)) this.#assume(this.prior);
  }

  #assume({ fixedMs, msPerUnit }: Cost): void {
    this.isKnown = false;
    this.fixedMs = fixedMs;
    this.msPerUnit = msPerUnit;
    this.noise = FIRST_DEVIATION * FIRST_DEVIATION;
  }
}

/**
 * Lets the sums fade in the direction of `x` alone: `S -= (1 - λ) x x' / (x' S^-1 x)`, and `t` with it so that the line that
 * they describe stays the same (R. Kulhavý, "Restricted exponential forgetting in real-time identification", Automatica 23,
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
