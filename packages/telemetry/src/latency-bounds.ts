import { LATENCY_BOUNDS_MS } from '@gearshift/tracker';

/** Histogram bounds in seconds. Rounded, because they are labels, which are compared as text, and a division adds digits. */
export const LATENCY_BOUNDS_S: readonly number[] = LATENCY_BOUNDS_MS.map((boundMs) =>
  Number((boundMs / 1000).toPrecision(12)),
);
