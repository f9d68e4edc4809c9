import { LATENCY_BOUNDS_MS } from '@gearshift/tracker';

/** Histogram bounds in seconds. Rounded, because they are labels, which are compared as text, and a division adds digits. */
export const LATENCY_BOUNDS_S: readonly number[] = LATENCY_BOUNDS_MS.map((boundMs) =>
  Number((boundMs / 1000).toPrecision(12)),
);

/** The bucket of a latency, the last one for what is above all bounds. A latency equal to a bound counts as above it. */
export function bucketOf(seconds: number): number {
  const bucket = LATENCY_BOUNDS_S.findIndex((bound) => seconds < bound);
  return bucket < 0 ? LATENCY_BOUNDS_S.length : bucket;
}
