import type { MetricsSnapshot } from '@gearshift/contracts';
import type { DeviceSummary } from './device-summary.js';
import { FIGURES as ALL_FIGURES } from './layout.js';

/** Constant to the compiler, unlike what is imported, which is looked up again at each use. */
const FIGURES = ALL_FIGURES;

/** The snapshot that two figures and what they say about the devices add up to. */
export function buildSnapshot(
  others: Float64Array,
  own: Float64Array,
  cpu: DeviceSummary,
  gpu: DeviceSummary,
  staleWriters: number,
): MetricsSnapshot {
  const outcomeCount = others[FIGURES.outcomeCount] + own[FIGURES.outcomeCount];
  const outcomeSuccesses = others[FIGURES.outcomeSuccesses] + own[FIGURES.outcomeSuccesses];
  const cpuLastSampleAtMs = Math.max(others[FIGURES.cpu.lastAtMs], own[FIGURES.cpu.lastAtMs]);
  const gpuLastSampleAtMs = Math.max(others[FIGURES.gpu.lastAtMs], own[FIGURES.gpu.lastAtMs]);
  const gpuFailureCount = others[FIGURES.gpu.failures] + own[FIGURES.gpu.failures];
  const gpuAttemptCount = gpu.count + gpuFailureCount;
  return Object.freeze({
    cpuAvgMs: cpu.avgMs,
    gpuAvgMs: gpu.avgMs,
    // A mean of 0 is no data, or too fast for the clock: either way nothing can be said.
    speedup: gpu.avgMs > 0 ? cpu.avgMs / gpu.avgMs : 0,
    successRate: outcomeCount > 0 ? outcomeSuccesses / outcomeCount : 1,
    oomCount: others[FIGURES.outOfMemory] + own[FIGURES.outOfMemory],
    cpuCount: cpu.count,
    cpuWindowCount: cpu.windowCount,
    cpuP50Ms: cpu.percentilesMs[0],
    cpuP95Ms: cpu.percentilesMs[1],
    cpuP99Ms: cpu.percentilesMs[2],
    cpuLastSampleAtMs: cpu.count > 0 ? cpuLastSampleAtMs : null,
    cpuFailureCount: others[FIGURES.cpu.failures] + own[FIGURES.cpu.failures],
    gpuCount: gpu.count,
    gpuWindowCount: gpu.windowCount,
    gpuP50Ms: gpu.percentilesMs[0],
    gpuP95Ms: gpu.percentilesMs[1],
    gpuP99Ms: gpu.percentilesMs[2],
    gpuLastSampleAtMs: gpu.count > 0 ? gpuLastSampleAtMs : null,
    gpuFailureCount,
    lifetimeSuccessRate: gpuAttemptCount > 0 ? gpu.count / gpuAttemptCount : 1,
    fallbackCount: others[FIGURES.fallbacks] + own[FIGURES.fallbacks],
    version: others[FIGURES.records] + own[FIGURES.records],
    staleWriters,
  });
}
