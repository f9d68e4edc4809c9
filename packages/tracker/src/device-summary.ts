import type { DeviceFigures } from './layout.js';
import { percentilesMs } from './log-buckets.js';

const SHARES = [0.5, 0.95, 0.99] as const;

/** What the latencies of one device add up to. What does not change from snapshot to snapshot is not computed again. */
export class DeviceSummary {
  count = 0;
  windowCount = 0;
  avgMs = 0;
  /** In the order of `SHARES`. */
  readonly percentilesMs = new Float64Array(SHARES.length);
  readonly #at: DeviceFigures;

  constructor(at: DeviceFigures) {
    this.#at = at;
  }

  /**
   * Takes over the sum of two figures.
   *
   * Successes for life only grow. While their sum stands still nobody had a new sample, and then windows can only have
   * ended: so if the sum of the windows' counts stands still too, nothing has changed in any of them.
   */
  update(others: Float64Array, own: Float64Array): void {
    const at = this.#at;
    const count = others[at.count] + own[at.count];
    const windowCount = others[at.windowCount] + own[at.windowCount];
    if (count === this.count && windowCount === this.windowCount) return;
    this.count = count;
    this.windowCount = windowCount;
    this.avgMs = windowCount > 0 ? (others[at.windowSumNs] + own[at.windowSumNs]) / windowCount / 1e6 : 0;
    let low = own[at.bucketLow];
    let end = own[at.bucketEnd];
    if (others[at.windowCount] > 0) {
      const alone = low === end;
      low = alone ? others[at.bucketLow] : Math.min(low, others[at.bucketLow]);
      end = alone ? others[at.bucketEnd] : Math.max(end, others[at.bucketEnd]);
    }
    percentilesMs(others, own, at.buckets, low, end, windowCount, SHARES, this.percentilesMs);
  }
}
