/** Measurements of one operation on one device: frozen plain data. "Window" and latencies as in `MetricsSnapshot`. */
export interface DeviceMetrics {
  /** Successes in total. */
  readonly count: number;
  /** How many of them are in the window. */
  readonly windowCount: number;
  /** Mean latency of the successes in the window; 0 without any. */
  readonly avgMs: number;
  /** Percentiles over the window from logarithmic buckets, accurate to 25 %; 0 without samples. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** When the last success came, on the tracker's clock (`nowMs()`), to within one turn of the event loop; null without any. */
  readonly lastSampleAtMs: number | null;
  /** Failures in total, including running out of memory. */
  readonly failureCount: number;
  /** How often it ran out of memory, in total. */
  readonly oomCount: number;
  /** Share of the attempts in the window that succeeded; 1 without attempts. */
  readonly successRate: number;
  /** Share of all attempts that succeeded; 1 without attempts. */
  readonly lifetimeSuccessRate: number;
}
