/*
 * Latencies are counted in buckets whose bounds grow by half an octave: a percentile read from them is off by at most a
 * fifth, whatever the scale, and a record costs one increment. The first bucket ends at about a microsecond, the last
 * begins at about 16 seconds.
 */

export const BUCKET_COUNT = 48;

/** 2^10 ns: everything shorter goes into the first bucket. */
const FIRST_OCTAVE = 10;
const NS_PER_MS = 1e6;

/** @param latencyNs a whole number of nanoseconds, at least 0 */
export function bucketOf(latencyNs: number): number {
  if (latencyNs < 2 ** FIRST_OCTAVE) return 0;
  // Math.clz32 sees 32 bits; longer latencies are looked at in units of 2^10 ns.
  const isLong = latencyNs >= 2 ** 31;
  const scaled = isLong ? Math.floor(latencyNs / 2 ** FIRST_OCTAVE) : latencyNs;
  const highestBit = 31 - Math.clz32(scaled);
  const nextBit = (scaled >>> (highestBit - 1)) & 1;
  const octave = highestBit + (isLong ? FIRST_OCTAVE : 0) - FIRST_OCTAVE;
  return Math.min(BUCKET_COUNT - 1, 1 + 2 * octave + nextBit);
}

/** Lower bound of a bucket in milliseconds. */
export function bucketStartMs(bucket: number): number {
  if (bucket === 0) return 0;
  const octave = Math.floor((bucket - 1) / 2);
  const isUpperHalf = (bucket - 1) % 2 === 1;
  return (2 ** (octave + FIRST_OCTAVE) * (isUpperHalf ? 1.5 : 1)) / NS_PER_MS;
}

/** The bounds, looked up: each snapshot needs some. */
const STARTS_MS = Float64Array.from({ length: BUCKET_COUNT + 1 }, (_, bucket) => bucketStartMs(bucket));

/**
 * The latency below which the share `quantile` of the samples lies, between the bounds of its bucket in proportion to the
 * samples there; 0 without samples.
 *
 * @param counts samples by bucket, from `offset` on
 * @param total their sum
 */
export function quantileMs(counts: Float64Array, offset: number, total: number, quantile: number): number {
  if (total === 0) return 0;
  const rank = quantile * total;
  let below = 0;
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const count = counts[offset + bucket];
    if (count > 0 && below + count >= rank) {
      const share = (rank - below) / count;
      return STARTS_MS[bucket] + share * (STARTS_MS[bucket + 1] - STARTS_MS[bucket]);
    }
    below += count;
  }
  return STARTS_MS[BUCKET_COUNT];
}
