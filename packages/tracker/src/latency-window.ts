import { DEVICE, type DeviceFigures } from './layout.js';
import { BUCKET_COUNT, bucketOf } from './log-buckets.js';

/**
 * The most recent latencies of one device: keeps their sum and their histogram in the writer's figures, so that nobody
 * ever scans the window. Whole nanoseconds add and subtract exactly; sums of milliseconds would drift.
 */
export class LatencyWindow {
  /** The device's part of the writer's figures: `DEVICE` by index. */
  readonly #figures: Float64Array;
  readonly #buckets: Float64Array;
  readonly #latenciesNs: Float64Array;
  readonly #bucketsOf: Uint8Array;
  #next = 0;

  constructor(figures: Float64Array, at: DeviceFigures, windowSize: number) {
    this.#figures = figures.subarray(at.start, at.start + Object.keys(DEVICE).length);
    this.#buckets = figures.subarray(at.buckets, at.buckets + BUCKET_COUNT);
    this.#latenciesNs = new Float64Array(windowSize);
    this.#bucketsOf = new Uint8Array(windowSize);
  }

  /** Branches on nothing that differs from sample to sample: a wrong guess of the processor would cost as much as all this. */
  add(latencyMs: number, atMs: number): void {
    const figures = this.#figures;
    const buckets = this.#buckets;
    const latenciesNs = this.#latenciesNs;
    const next = this.#next;
    const latencyNs = Math.round(latencyMs * 1e6);
    const bucket = bucketOf(latencyNs);
    if (figures[DEVICE.windowCount] === latenciesNs.length) {
      figures[DEVICE.windowSumNs] += latencyNs - latenciesNs[next];
      buckets[this.#bucketsOf[next]]--;
    } else {
      figures[DEVICE.windowSumNs] += latencyNs;
      figures[DEVICE.windowCount]++;
    }
    buckets[bucket]++;
    if (bucket < figures[DEVICE.bucketLow]) figures[DEVICE.bucketLow] = bucket;
    if (bucket >= figures[DEVICE.bucketEnd]) figures[DEVICE.bucketEnd] = bucket + 1;
    figures[DEVICE.count]++;
    figures[DEVICE.lastAtMs] = atMs;
    latenciesNs[next] = latencyNs;
    this.#bucketsOf[next] = bucket;
    this.#next = next + 1 === latenciesNs.length ? 0 : next + 1;
  }
}
