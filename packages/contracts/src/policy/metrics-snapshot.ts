import type { DeviceMetrics } from './device-metrics.js';

/**
 * What was measured for one operation: a frozen plain object. Latencies are in milliseconds. "Window" means the most
 * recent `windowSize` samples of each writer; the windows of several writers are pooled, and every sample weighs the same.
 *
 * The fields about the CPU and the GPU are those of the devices `'cpu'` and `'gpu'`, and as if without samples where a
 * tracker does not have that device.
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
  /** How often the GPU ran out of memory, for life. */
  readonly oomCount: number;

  /** Successes of the CPU, for life. */
  readonly cpuCount: number;
  /** How many of them are in the window. */
  readonly cpuWindowCount: number;
  /** Percentiles over the window from logarithmic buckets: right to within a quarter; 0 without samples. */
  readonly cpuP50Ms: number;
  readonly cpuP95Ms: number;
  readonly cpuP99Ms: number;
  /** On the tracker's clock (`nowMs()`), to within one turn of the event loop; null without samples. */
  readonly cpuLastSampleAtMs: number | null;
  /** Failures of the CPU, for life. */
  readonly cpuFailureCount: number;

  readonly gpuCount: number;
  readonly gpuWindowCount: number;
  readonly gpuP50Ms: number;
  readonly gpuP95Ms: number;
  readonly gpuP99Ms: number;
  readonly gpuLastSampleAtMs: number | null;
  /** Failures of the GPU for life, running out of memory included. */
  readonly gpuFailureCount: number;

  /** Like `successRate`, for life. */
  readonly lifetimeSuccessRate: number;
  /** Attempts that ran because an earlier one failed, for life. */
  readonly fallbackCount: number;
  /** The metrics of each of the tracker's `devices`, by name. */
  readonly devices: Readonly<Record<string, DeviceMetrics>>;
  /** Facts recorded about the operation: grows with every change of anything above, never falls. */
  readonly version: number;
  /**
   * Writers that published faster than this thread could read, so that their figures are from an earlier reading: consistent,
   * but not the latest. 0 except on a heavily overloaded machine.
   */
  readonly staleWriters: number;
}
