/**
 * What the straight line of a cost misses: caches that end, thread pools that start, waves of a GPU. Per half-octave of
 * size, a moving average of log(measured / line), pulled towards 0 while few samples speak for it.
 *
 * They live behind the other sums of a {@link CostLine}, three numbers a bucket, and add up over threads like these.
 */
export const BUCKETS_AT = 16;
export const BUCKET_COUNT = 80;
export const BUCKET_LENGTH = 3;
/** Offsets within a bucket: the decayed sum of residuals, its decayed weight, and how many samples there ever were. */
const SUM = 0;
const WEIGHT = 1;
const COUNT = 2;

/** Half-octaves below the first bucket: it starts at 256 units of work. */
const FIRST_HALF_OCTAVE = 16;
const KEPT_PER_SAMPLE = 0.9;
/** With this many samples a bucket is believed by half. */
const HALF_BELIEVED_AT = 3;
const LARGEST_RESIDUAL = 2;

/** Index of the first number of the bucket that this much work falls into; the outermost ones take what lies beyond. */
export function bucketAt(work: number): number {
  const halfOctave = Math.round(2 * Math.log2(work)) - FIRST_HALF_OCTAVE;
  const bucket = halfOctave > 0 ? Math.min(halfOctave, BUCKET_COUNT - 1) : 0;
  return BUCKETS_AT + bucket * BUCKET_LENGTH;
}

/** The logarithm of the factor between the line and what to expect. */
export function residualOf(sums: Float64Array, at: number): number {
  const count = sums[at + COUNT];
  if (!(count > 0)) return 0;
  return (sums[at + SUM] / sums[at + WEIGHT]) * (count / (count + HALF_BELIEVED_AT));
}

export function sampleCountOf(sums: Float64Array, at: number): number {
  return sums[at + COUNT];
}

export function addResidual(own: Float64Array, at: number, residual: number): void {
  const clipped = Math.max(-LARGEST_RESIDUAL, Math.min(LARGEST_RESIDUAL, residual));
  own[at + SUM] = own[at + SUM] * KEPT_PER_SAMPLE + clipped;
  own[at + WEIGHT] = own[at + WEIGHT] * KEPT_PER_SAMPLE + 1;
  own[at + COUNT] += 1;
}
