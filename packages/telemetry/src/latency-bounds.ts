import { LATENCY_BOUNDS_MS } from '@gearshift/tracker';

/** Bounds of the histograms in seconds, without the digits that dividing adds: they are labels, and compared as text. */
export const LATENCY_BOUNDS_S: readonly number[] = LATENCY_BOUNDS_MS.map((boundMs) =>
  Number((boundMs / 1000).toPrecision(12)),
);
