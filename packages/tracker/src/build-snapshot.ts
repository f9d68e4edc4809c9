import type { DeviceMetrics, MetricsSnapshot } from '@gearshift/contracts';
import { NO_DEVICE_METRICS } from './device-metrics.js';

/** A snapshot that consists of the metrics of each device, and of the figures that belong to none. */
export function buildSnapshot(
  devices: Readonly<Record<string, DeviceMetrics>>,
  fallbackCount: number,
  version: number,
  staleWriters: number,
): MetricsSnapshot {
  const { cpu = NO_DEVICE_METRICS, gpu = NO_DEVICE_METRICS } = devices;
  return Object.freeze({
    cpuAvgMs: cpu.avgMs,
    gpuAvgMs: gpu.avgMs,
    // A mean of 0 is no data, or too fast for the clock: either way the speedup is unknown.
    speedup: gpu.avgMs > 0 ? cpu.avgMs / gpu.avgMs : 0,
    successRate: gpu.successRate,
    oomCount: gpu.oomCount,
    cpuCount: cpu.count,
    cpuWindowCount: cpu.windowCount,
    cpuP50Ms: cpu.p50Ms,
    cpuP95Ms: cpu.p95Ms,
    cpuP99Ms: cpu.p99Ms,
    cpuLastSampleAtMs: cpu.lastSampleAtMs,
    cpuFailureCount: cpu.failureCount,
    gpuCount: gpu.count,
    gpuWindowCount: gpu.windowCount,
    gpuP50Ms: gpu.p50Ms,
    gpuP95Ms: gpu.p95Ms,
    gpuP99Ms: gpu.p99Ms,
    gpuLastSampleAtMs: gpu.lastSampleAtMs,
    gpuFailureCount: gpu.failureCount,
    lifetimeSuccessRate: gpu.lifetimeSuccessRate,
    fallbackCount,
    devices,
    version,
    staleWriters,
  });
}
