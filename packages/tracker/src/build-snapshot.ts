import { FIGURES, type DeviceFigures } from './layout.js';
import { percentilesMs } from './log-buckets.js';
import type { MetricsSnapshot } from './metrics-snapshot.js';

const SHARES = [0.5, 0.95, 0.99] as const;

/**
 * The snapshot that figures add up to.
 *
 * @param cpuPercentiles room for three numbers, overwritten; likewise `gpuPercentiles`.
 */
export function buildSnapshot(
  figures: Float64Array,
  staleWriters: number,
  cpuPercentiles: Float64Array,
  gpuPercentiles: Float64Array,
): MetricsSnapshot {
  const cpuAvgMs = averageMs(figures, FIGURES.cpu);
  const gpuAvgMs = averageMs(figures, FIGURES.gpu);
  const outcomeCount = figures[FIGURES.outcomeCount];
  const gpuCount = figures[FIGURES.gpu.count];
  const gpuFailureCount = figures[FIGURES.gpu.failures];
  measurePercentiles(figures, FIGURES.cpu, cpuPercentiles);
  measurePercentiles(figures, FIGURES.gpu, gpuPercentiles);
  return Object.freeze({
    cpuAvgMs,
    gpuAvgMs,
    // A mean of 0 is no data, or too fast for the clock: either way nothing can be said.
    speedup: gpuAvgMs > 0 ? cpuAvgMs / gpuAvgMs : 0,
    successRate: outcomeCount > 0 ? figures[FIGURES.outcomeSuccesses] / outcomeCount : 1,
    oomCount: figures[FIGURES.outOfMemory],
    cpuCount: figures[FIGURES.cpu.count],
    cpuWindowCount: figures[FIGURES.cpu.windowCount],
    cpuP50Ms: cpuPercentiles[0],
    cpuP95Ms: cpuPercentiles[1],
    cpuP99Ms: cpuPercentiles[2],
    cpuLastSampleAtMs: figures[FIGURES.cpu.count] > 0 ? figures[FIGURES.cpu.lastAtMs] : null,
    cpuFailureCount: figures[FIGURES.cpu.failures],
    gpuCount,
    gpuWindowCount: figures[FIGURES.gpu.windowCount],
    gpuP50Ms: gpuPercentiles[0],
    gpuP95Ms: gpuPercentiles[1],
    gpuP99Ms: gpuPercentiles[2],
    gpuLastSampleAtMs: gpuCount > 0 ? figures[FIGURES.gpu.lastAtMs] : null,
    gpuFailureCount,
    lifetimeSuccessRate: gpuCount + gpuFailureCount > 0 ? gpuCount / (gpuCount + gpuFailureCount) : 1,
    fallbackCount: figures[FIGURES.fallbacks],
    version: figures[FIGURES.records],
    staleWriters,
  });
}

function averageMs(figures: Float64Array, at: DeviceFigures): number {
  const count = figures[at.windowCount];
  return count > 0 ? figures[at.windowSumNs] / count / 1e6 : 0;
}

function measurePercentiles(figures: Float64Array, at: DeviceFigures, result: Float64Array): void {
  const { buckets, bucketLow, bucketEnd, windowCount } = at;
  percentilesMs(figures, buckets, figures[bucketLow], figures[bucketEnd], figures[windowCount], SHARES, result);
}
