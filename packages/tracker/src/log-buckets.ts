/** Four buckets per doubling, from 1 microsecond to 9 minutes. The first one also takes what is below, the last one what is above. */
export const BUCKET_COUNT = 117;

/** Whole doublings, for lifetime counts. The first one is the first bucket. */
export const DOUBLING_COUNT = 30;

/** The doubling that a bucket is in. */
export function doublingOf(bucket: number): number {
  return (bucket + 3) >> 2;
}

/** Where doublings end, in milliseconds, ascending, from 1.024 microseconds. The last one also takes everything above. */
export const DOUBLING_ENDS_MS: readonly number[] = Object.freeze(
  Array.from({ length: DOUBLING_COUNT }, (_, doubling) => (1024 * 2 ** doubling) / 1e6),
);

/**
 * A floating-point number begins with its exponent and the leading bits of its mantissa. The exponent with two of these
 * counts the quarters of doublings, so the upper half of a latency in nanoseconds, shifted, is its bucket plus a constant.
 */
const SHIFT = 18;
const LAST_BUCKET = BUCKET_COUNT - 1;
const EXPONENT_BIAS = 1023;
/** The first bucket ends at 2^10 ns. */
const QUARTERS_BEFORE = (EXPONENT_BIAS + 10) * 4 - 1;

/** The bucket of a latency of which `upperHalf` is the more significant half of its 64 bits. */
export function bucketOf(upperHalf: number): number {
  return Math.min(Math.max((upperHalf >> SHIFT) - QUARTERS_BEFORE, 0), LAST_BUCKET);
}

/** Where each bucket begins, in nanoseconds, and where the last one ends. */
const BUCKET_STARTS_NS = Float64Array.from({ length: BUCKET_COUNT + 1 }, (_, bucket) =>
  bucket === 0 ? 0 : (4 + ((bucket - 1) & 3)) * 2 ** (8 + ((bucket - 1) >> 2)),
);

/**
 * Percentiles of counts per bucket: `result[i]` becomes the latency in milliseconds that the share `shares[i]` of the
 * samples does not exceed, interpolated within its bucket, so accurate to a quarter; 0 without samples.
 *
 * @param first `first[at + bucket] + second[at + bucket]` is the count of a bucket; only `[low, end)` are read.
 * @param total sum of these counts.
 * @param shares ascending, in (0, 1].
 */
export function percentilesMs(
  first: Float64Array,
  second: Float64Array,
  at: number,
  low: number,
  end: number,
  total: number,
  shares: readonly number[],
  result: Float64Array,
): void {
  let bucket = low;
  let below = 0;
  let count = bucket < end ? first[at + bucket] + second[at + bucket] : 0;
  for (let i = 0; i < shares.length; i++) {
    const rank = shares[i] * total;
    while (below + count < rank && ++bucket < end) {
      below += count;
      count = first[at + bucket] + second[at + bucket];
    }
    result[i] = count > 0 ? interpolateNs(bucket, (rank - below) / count) / 1e6 : 0;
  }
}

function interpolateNs(bucket: number, share: number): number {
  const startNs = BUCKET_STARTS_NS[bucket];
  return startNs + (BUCKET_STARTS_NS[bucket + 1] - startNs) * share;
}
