import type { DeviceFigures } from './layout.js';
import { bucketOf } from './log-buckets.js';

/**
 * The most recent latencies of one device: keeps their sum and their histogram in the writer's figures, so that nobody
 * ever scans the window. Whole nanoseconds add and subtract exactly; sums of milliseconds would drift.
 */
export class LatencyWindow {
  readonly #figures: Float64Array;
  readonly #at: DeviceFigures;
  readonly #latenciesNs: Float64Array;
  readonly #buckets: Uint8Array;
  #next = 0;

  constructor(figures: Float64Array, at: DeviceFigures, windowSize: number) {
    this.#figures = figures;
    this.#at = at;
    this.#latenciesNs = new Float64Array(windowSize);
    this.#buckets = new Uint8Array(windowSize);
  }

  add(latencyMs: number, atMs: number): void {
    const figures = this.#figures;
    const at = this.#at;
    const next = this.#next;
    const latencyNs = Math.round(latencyMs * 1e6);
    const bucket = bucketOf(latencyNs);
    figures[at.count]++;
    figures[at.lastAtMs] = atMs;
    if (figures[at.windowCount] === this.#latenciesNs.length) {
      figures[at.windowSumNs] += latencyNs - this.#latenciesNs[next];
      const leaving = this.#buckets[next];
      if (leaving !== bucket) {
        this.#fill(bucket);
        this.#drain(leaving);
      }
    } else {
      figures[at.windowCount]++;
      figures[at.windowSumNs] += latencyNs;
      this.#fill(bucket);
    }
    this.#latenciesNs[next] = latencyNs;
    this.#buckets[next] = bucket;
    this.#next = next + 1 === this.#latenciesNs.length ? 0 : next + 1;
  }

  #fill(bucket: number): void {
    const figures = this.#figures;
    const at = this.#at;
    figures[at.buckets + bucket]++;
    if (figures[at.bucketLow] === figures[at.bucketEnd]) {
      figures[at.bucketLow] = bucket;
      figures[at.bucketEnd] = bucket + 1;
    } else if (bucket < figures[at.bucketLow]) {
      // What lies between may be left over from samples that are gone; it was emptied on the way, so it counts 0.
      figures[at.bucketLow] = bucket;
    } else if (bucket >= figures[at.bucketEnd]) {
      figures[at.bucketEnd] = bucket + 1;
    }
  }

  /** Called with at least one other sample in the window, so neither loop runs off the end. */
  #drain(bucket: number): void {
    const figures = this.#figures;
    const at = this.#at;
    if (--figures[at.buckets + bucket] > 0) return;
    while (figures[at.buckets + figures[at.bucketLow]] === 0) figures[at.bucketLow]++;
    while (figures[at.buckets + figures[at.bucketEnd] - 1] === 0) figures[at.bucketEnd]--;
  }
}
