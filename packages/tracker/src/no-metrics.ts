import type { MetricsSnapshot } from '@gearshift/contracts';

/** What a tracker says before anything was recorded. Spread it to write one by hand: `{ ...NO_METRICS, speedup: 2 }`. */
export const NO_METRICS: MetricsSnapshot = Object.freeze({
  cpuAvgMs: 0,
  gpuAvgMs: 0,
  speedup: 0,
  successRate: 1,
  oomCount: 0,
  cpuCount: 0,
  cpuWindowCount: 0,
  cpuP50Ms: 0,
  cpuP95Ms: 0,
  cpuP99Ms: 0,
  cpuLastSampleAtMs: null,
  cpuFailureCount: 0,
  gpuCount: 0,
  gpuWindowCount: 0,
  gpuP50Ms: 0,
  gpuP95Ms: 0,
  gpuP99Ms: 0,
  gpuLastSampleAtMs: null,
  gpuFailureCount: 0,
  lifetimeSuccessRate: 1,
  fallbackCount: 0,
  version: 0,
  staleWriters: 0,
});
