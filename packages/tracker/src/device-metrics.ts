import type { DeviceMetrics } from '@gearshift/contracts';

/** The metrics of a device that has recorded nothing. */
export const NO_DEVICE_METRICS: DeviceMetrics = Object.freeze({
  count: 0,
  windowCount: 0,
  avgMs: 0,
  p50Ms: 0,
  p95Ms: 0,
  p99Ms: 0,
  lastSampleAtMs: null,
  failureCount: 0,
  oomCount: 0,
  successRate: 1,
  lifetimeSuccessRate: 1,
});
