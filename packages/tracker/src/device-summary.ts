import type { DeviceMetrics } from '@gearshift/contracts';
import { NO_DEVICE_METRICS } from './device-metrics.js';
import { DEVICE as DEVICE_FIELDS, type DeviceFigures } from './figures-layout.js';
import { percentilesMs } from './log-buckets.js';

/** Local, because V8 loads an imported binding again at each use. */
const DEVICE = DEVICE_FIELDS;

const SHARES = [0.5, 0.95, 0.99] as const;

/** The metrics of one device, computed again only when something about it has changed. */
export class DeviceSummary {
  readonly #start: number;
  readonly #buckets: number;
  readonly #percentilesMs = new Float64Array(SHARES.length);
  #metrics = NO_DEVICE_METRICS;
  #outcomeCount = 0;

  constructor({ start, buckets }: DeviceFigures) {
    this.#start = start;
    this.#buckets = buckets;
  }

  get metrics(): DeviceMetrics {
    return this.#metrics;
  }

  /**
   * Takes the sum of two figures; returns whether it differs from the previous one.
   *
   * The lifetime counts of successes and failures only grow. While their sums stay the same, no writer has a new attempt, and
   * the only possible change is that windows have ended. A window of latencies ends together with one of outcomes, so the
   * count of outcomes shows it.
   */
  update(others: Float64Array, own: Float64Array): boolean {
    const start = this.#start;
    const count = others[start + DEVICE.count] + own[start + DEVICE.count];
    const failureCount = others[start + DEVICE.failures] + own[start + DEVICE.failures];
    const outcomeCount = others[start + DEVICE.outcomeCount] + own[start + DEVICE.outcomeCount];
    const before = this.#metrics;
    if (count === before.count && failureCount === before.failureCount && outcomeCount === this.#outcomeCount) {
      return false;
    }
    this.#outcomeCount = outcomeCount;
    const windowCount = others[start + DEVICE.windowCount] + own[start + DEVICE.windowCount];
    if (count !== before.count || windowCount !== before.windowCount) this.#updatePercentiles(others, own, windowCount);
    const windowSumNs = others[start + DEVICE.windowSumNs] + own[start + DEVICE.windowSumNs];
    const outcomeSuccesses = others[start + DEVICE.outcomeSuccesses] + own[start + DEVICE.outcomeSuccesses];
    const lastAtMs = Math.max(others[start + DEVICE.lastAtMs], own[start + DEVICE.lastAtMs]);
    const attemptCount = count + failureCount;
    this.#metrics = Object.freeze({
      count,
      windowCount,
      avgMs: windowCount > 0 ? windowSumNs / windowCount / 1e6 : 0,
      p50Ms: this.#percentilesMs[0],
      p95Ms: this.#percentilesMs[1],
      p99Ms: this.#percentilesMs[2],
      lastSampleAtMs: count > 0 ? lastAtMs : null,
      failureCount,
      oomCount: others[start + DEVICE.outOfMemory] + own[start + DEVICE.outOfMemory],
      successRate: outcomeCount > 0 ? outcomeSuccesses / outcomeCount : 1,
      lifetimeSuccessRate: attemptCount > 0 ? count / attemptCount : 1,
    });
    return true;
  }

  #updatePercentiles(others: Float64Array, own: Float64Array, windowCount: number): void {
    const start = this.#start;
    let low = own[start + DEVICE.bucketLow] | 0;
    let end = own[start + DEVICE.bucketEnd] | 0;
    if (others[start + DEVICE.windowCount] > 0) {
      const isEmpty = low === end;
      const othersLow = others[start + DEVICE.bucketLow] | 0;
      const othersEnd = others[start + DEVICE.bucketEnd] | 0;
      if (isEmpty || othersLow < low) low = othersLow;
      if (isEmpty || othersEnd > end) end = othersEnd;
    }
    percentilesMs(others, own, this.#buckets, low, end, windowCount, SHARES, this.#percentilesMs);
  }
}
