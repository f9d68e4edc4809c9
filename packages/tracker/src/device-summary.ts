import { DEVICE as DEVICE_FIGURES, type DeviceFigures } from './layout.js';
import { percentilesMs } from './log-buckets.js';

/** Constant to the compiler, unlike what is imported, which is looked up again at each use. */
const DEVICE = DEVICE_FIGURES;

const SHARES = [0.5, 0.95, 0.99] as const;

/** What the latencies of one device add up to. What does not change from snapshot to snapshot is not computed again. */
export class DeviceSummary {
  count = 0;
  windowCount = 0;
  avgMs = 0;
  /** In the order of `SHARES`. */
  readonly percentilesMs = new Float64Array(SHARES.length);
  readonly #start: number;
  readonly #buckets: number;

  constructor({ start, buckets }: DeviceFigures) {
    this.#start = start;
    this.#buckets = buckets;
  }

  /**
   * Takes over the sum of two figures.
   *
   * Successes for life only grow. While their sum stands still nobody had a new sample, and then windows can only have
   * ended: so if the sum of the windows' counts stands still too, nothing has changed in any of them.
   */
  update(others: Float64Array, own: Float64Array): void {
    const start = this.#start;
    const count = others[start + DEVICE.count] + own[start + DEVICE.count];
    const windowCount = others[start + DEVICE.windowCount] + own[start + DEVICE.windowCount];
    if (count === this.count && windowCount === this.windowCount) return;
    this.count = count;
    this.windowCount = windowCount;
    const windowSumNs = others[start + DEVICE.windowSumNs] + own[start + DEVICE.windowSumNs];
    this.avgMs = windowCount > 0 ? windowSumNs / windowCount / 1e6 : 0;
    let low = own[start + DEVICE.bucketLow] | 0;
    let end = own[start + DEVICE.bucketEnd] | 0;
    if (others[start + DEVICE.windowCount] > 0) {
      const isEmpty = low === end;
      const othersLow = others[start + DEVICE.bucketLow] | 0;
      const othersEnd = others[start + DEVICE.bucketEnd] | 0;
      if (isEmpty || othersLow < low) low = othersLow;
      if (isEmpty || othersEnd > end) end = othersEnd;
    }
    percentilesMs(others, own, this.#buckets, low, end, windowCount, SHARES, this.percentilesMs);
  }
}
