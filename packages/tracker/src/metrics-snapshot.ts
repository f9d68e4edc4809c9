import { quantileMs } from './latency-buckets.js';
import { FIELD } from './shared-layout.js';

const NS_PER_MS = 1e6;

/**
 * What was measured for one operation, all fields of one instant. A frozen plain object; a test may write one by hand.
 *
 * "Window" means the last `windowSize` samples of every writer, taken together. Counts without "window" are for life.
 */
export interface MetricsSnapshot {
  /** Mean latency of the CPU over the window; 0 without samples. */
  readonly cpuAvgMs: number;
  /** Mean latency of the GPU's successes over the window; 0 without samples. */
  readonly gpuAvgMs: number;
  /** `cpuAvgMs / gpuAvgMs`; 0 while either has no samples. */
  readonly speedup: number;
  /** Share of the GPU's attempts that succeeded, over the window; 1 without attempts. */
  readonly successRate: number;
  /** GPU attempts that ran out of memory. */
  readonly oomCount: number;

  /** CPU attempts that succeeded. */
  readonly cpuCount: number;
  readonly cpuFailureCount: number;
  /** Percentiles over the window, from buckets of half an octave; 0 without samples. */
  readonly cpuP50Ms: number;
  readonly cpuP95Ms: number;
  readonly cpuP99Ms: number;
  /** When the last sample was published, in milliseconds since the epoch; 0 without samples. */
  readonly cpuLastSampleAtMs: number;

  /** GPU attempts that succeeded. */
  readonly gpuCount: number;
  /** GPU attempts that failed, those out of memory included. */
  readonly gpuFailureCount: number;
  readonly gpuP50Ms: number;
  readonly gpuP95Ms: number;
  readonly gpuP99Ms: number;
  readonly gpuLastSampleAtMs: number;

  /** Share of the GPU's attempts that succeeded since the tracker was made; 1 without attempts. */
  readonly lifetimeSuccessRate: number;
  /** Attempts made because an earlier one at the same work had failed. */
  readonly fallbackCount: number;
}

/** A snapshot from the sums of all writers' fields. */
export function snapshotOf(figures: Float64Array): MetricsSnapshot {
  const cpuWindowCount = figures[FIELD.cpuWindowCount];
  const gpuWindowCount = figures[FIELD.gpuWindowCount];
  const cpuAvgMs = meanMs(figures[FIELD.cpuWindowSumNs], cpuWindowCount);
  const gpuAvgMs = meanMs(figures[FIELD.gpuWindowSumNs], gpuWindowCount);
  const outcomes = figures[FIELD.outcomeWindowCount];
  const gpuCount = figures[FIELD.gpuCount];
  const gpuFailureCount = figures[FIELD.gpuFailureCount];
  return Object.freeze({
    cpuAvgMs,
    gpuAvgMs,
    speedup: cpuAvgMs > 0 && gpuAvgMs > 0 ? cpuAvgMs / gpuAvgMs : 0,
    successRate: shareOf(outcomes - figures[FIELD.outcomeWindowFailures], outcomes),
    oomCount: figures[FIELD.oomCount],
    cpuCount: figures[FIELD.cpuCount],
    cpuFailureCount: figures[FIELD.cpuFailureCount],
    cpuP50Ms: quantileMs(figures, FIELD.cpuBuckets, cpuWindowCount, 0.5),
    cpuP95Ms: quantileMs(figures, FIELD.cpuBuckets, cpuWindowCount, 0.95),
    cpuP99Ms: quantileMs(figures, FIELD.cpuBuckets, cpuWindowCount, 0.99),
    cpuLastSampleAtMs: figures[FIELD.cpuLastSampleAtMs],
    gpuCount,
    gpuFailureCount,
    gpuP50Ms: quantileMs(figures, FIELD.gpuBuckets, gpuWindowCount, 0.5),
    gpuP95Ms: quantileMs(figures, FIELD.gpuBuckets, gpuWindowCount, 0.95),
    gpuP99Ms: quantileMs(figures, FIELD.gpuBuckets, gpuWindowCount, 0.99),
    gpuLastSampleAtMs: figures[FIELD.gpuLastSampleAtMs],
    lifetimeSuccessRate: shareOf(gpuCount, gpuCount + gpuFailureCount),
    fallbackCount: figures[FIELD.fallbackCount],
  });
}

/** What is known before anything was measured. Spread it to write a snapshot by hand: `{ ...NO_METRICS, speedup: 2 }`. */
export const NO_METRICS: MetricsSnapshot = snapshotOf(new Float64Array(FIELD.gpuBuckets + 1));

function meanMs(sumNs: number, count: number): number {
  return count === 0 ? 0 : sumNs / count / NS_PER_MS;
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole;
}
