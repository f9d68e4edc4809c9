import type { DeviceMetrics } from './device-metrics.js';

/**
 * Measurements of one operation: a frozen plain object. Latencies are in milliseconds, and include the time that attempts
 * waited for others on their device. "Window" means the most
 * recent `windowSize` samples of each writer; the windows of several writers are pooled, and every sample weighs the same.
 *
 * The fields about the CPU and the GPU are those of the devices `'cpu'` and `'gpu'`; for a device that the tracker does not
 * have they are as without samples.
 */
export interface MetricsSnapshot {
  /** Mean latency of the CPU over the window; 0 without samples. */
  readonly cpuAvgMs: number;
  /** Mean latency of the GPU's successes over the window; 0 without samples. */
  readonly gpuAvgMs: number;
  /** `cpuAvgMs / gpuAvgMs`; 0 while either is unknown. */
  readonly speedup: number;
  /** Share of the GPU's attempts over the window that succeeded; 1 without attempts. Running out of memory is a failure. */
  readonly successRate: number;
  /** How often the GPU ran out of memory, in total. */
  readonly oomCount: number;

  /** Successes of the CPU, in total. */
  readonly cpuCount: number;
  /** How many of them are in the window. */
  readonly cpuWindowCount: number;
  /** Percentiles over the window from logarithmic buckets, accurate to 25 %; 0 without samples. */
  readonly cpuP50Ms: number;
  readonly cpuP95Ms: number;
  readonly cpuP99Ms: number;
  /** On the tracker's clock (`nowMs()`), to within one turn of the event loop; null without samples. */
  readonly cpuLastSampleAtMs: number | null;
  /** Failures of the CPU, in total. */
  readonly cpuFailureCount: number;

  readonly gpuCount: number;
  readonly gpuWindowCount: number;
  readonly gpuP50Ms: number;
  readonly gpuP95Ms: number;
  readonly gpuP99Ms: number;
  readonly gpuLastSampleAtMs: number | null;
  /** Failures of the GPU in total, including running out of memory. */
  readonly gpuFailureCount: number;

  /** Like `successRate`, for all attempts. */
  readonly lifetimeSuccessRate: number;
  /** Attempts that ran because an earlier one failed, in total. */
  readonly fallbackCount: number;
  /** The metrics of each of the tracker's `devices`, by name. */
  readonly devices: Readonly<Record<string, DeviceMetrics>>;
  /** The number of facts recorded about the operation. It grows with every change of the fields above and never falls. */
  readonly version: number;
  /**
   * Writers that published faster than this thread could read. Their figures are from an earlier reading: consistent, but not
   * the latest. 0 except on a heavily overloaded machine.
   */
  readonly staleWriters: number;
}
