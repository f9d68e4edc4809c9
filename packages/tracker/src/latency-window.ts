import { DEVICE as DEVICE_FIGURES, type DeviceFigures } from './layout.js';
import { BUCKET_COUNT, bucketOf, DOUBLING_COUNT, doublingOf } from './log-buckets.js';

/** Constant to the compiler, unlike what is imported, which is looked up again at each use. */
const DEVICE = DEVICE_FIGURES;

/** As many as a writer records between two publications. */
const MOST_UNSETTLED = 32;

/** Which of the two halves of a floating-point number in memory is the more significant one. */
const UPPER_HALF = new Int32Array(Float64Array.of(1).buffer)[0] === 0 ? 1 : 0;

/**
 * The most recent latencies of one device: keeps their sum and their histogram in the writer's figures, so that nobody
 * ever scans the window. Whole nanoseconds add and subtract exactly; sums of milliseconds would drift.
 *
 * New latencies are settled when somebody wants the figures, which for most is together with the next 31: one loop over
 * them keeps in registers what would go through memory for each.
 */
export class LatencyWindow {
  /** The device's part of the writer's figures: `DEVICE` by index. */
  readonly #figures: Float64Array;
  readonly #buckets: Float64Array;
  readonly #doublings: Float64Array;
  /** A ring of the window and of what may enter before what leaves is settled. */
  readonly #latenciesNs: Float64Array;
  readonly #halves: Int32Array;
  readonly #windowSize: number;
  /** Where in the ring the next latency goes, and how many before it are not settled. */
  #next = 0;
  #unsettled = 0;
  #lastAtMs = 0;

  constructor(figures: Float64Array, at: DeviceFigures, windowSize: number) {
    this.#figures = figures.subarray(at.start, at.start + Object.keys(DEVICE).length);
    this.#buckets = figures.subarray(at.buckets, at.buckets + BUCKET_COUNT);
    this.#doublings = figures.subarray(at.doublings, at.doublings + DOUBLING_COUNT);
    this.#windowSize = windowSize;
    this.#latenciesNs = new Float64Array(windowSize + MOST_UNSETTLED);
    this.#halves = new Int32Array(this.#latenciesNs.buffer);
  }

  add(latencyMs: number, atMs: number): void {
    const latenciesNs = this.#latenciesNs;
    const next = this.#next;
    // Not `Math.round`, which branches on the fraction: the processor would guess wrong half the time.
    latenciesNs[next] = Math.floor(latencyMs * 1e6 + 0.5);
    this.#next = next + 1 === latenciesNs.length ? 0 : next + 1;
    this.#lastAtMs = atMs;
    if (++this.#unsettled === MOST_UNSETTLED) this.settle();
  }

  /** Brings the figures up to date. */
  settle(): void {
    const entering = this.#unsettled;
    if (entering === 0) return;
    const figures = this.#figures;
    // To whole numbers of the processor: loops that count with floating-point ones take twice as long.
    const before = figures[DEVICE.windowCount] | 0;
    const leaving = Math.max(before + entering - this.#windowSize, 0);
    figures[DEVICE.windowCount] = before + entering - leaving;
    figures[DEVICE.count] += entering;
    figures[DEVICE.lastAtMs] = this.#lastAtMs;
    this.#tally(this.#back(entering), entering, 1);
    this.#tallyForLife(this.#back(entering), entering);
    this.#tally(this.#back(entering + before), leaving, -1);
    this.#trimBuckets();
    this.#unsettled = 0;
  }

  /** Adds latencies of the ring to the sum and the histogram, or takes them off again. */
  #tally(first: number, count: number, weight: 1 | -1): void {
    const figures = this.#figures;
    const buckets = this.#buckets;
    const latenciesNs = this.#latenciesNs;
    const halves = this.#halves;
    const ringSize = latenciesNs.length;
    let sumNs = figures[DEVICE.windowSumNs];
    let low = figures[DEVICE.bucketLow] | 0;
    let end = figures[DEVICE.bucketEnd] | 0;
    let at = first;
    for (let i = 0; i < count; i++) {
      const bucket = bucketOf(halves[2 * at + UPPER_HALF]);
      sumNs += weight * latenciesNs[at];
      buckets[bucket] += weight;
      if (bucket < low) low = bucket;
      if (bucket >= end) end = bucket + 1;
      if (++at === ringSize) at = 0;
    }
    figures[DEVICE.windowSumNs] = sumNs;
    figures[DEVICE.bucketLow] = low;
    figures[DEVICE.bucketEnd] = end;
  }

  /** Of what enters: nothing is ever taken off again. */
  #tallyForLife(first: number, count: number): void {
    const figures = this.#figures;
    const doublings = this.#doublings;
    const latenciesNs = this.#latenciesNs;
    const halves = this.#halves;
    const ringSize = latenciesNs.length;
    let totalNs = figures[DEVICE.totalNs];
    let low = figures[DEVICE.doublingLow] | 0;
    let end = figures[DEVICE.doublingEnd] | 0;
    if (low === end) low = DOUBLING_COUNT;
    let at = first;
    for (let i = 0; i < count; i++) {
      const doubling = doublingOf(bucketOf(halves[2 * at + UPPER_HALF]));
      totalNs += latenciesNs[at];
      doublings[doubling]++;
      if (doubling < low) low = doubling;
      if (doubling >= end) end = doubling + 1;
      if (++at === ringSize) at = 0;
    }
    figures[DEVICE.totalNs] = totalNs;
    figures[DEVICE.doublingLow] = low;
    figures[DEVICE.doublingEnd] = end;
  }

  /** Takes empty buckets off both ends of the range: publications and snapshots cost by its length. */
  #trimBuckets(): void {
    const figures = this.#figures;
    const buckets = this.#buckets;
    let low = figures[DEVICE.bucketLow] | 0;
    let end = figures[DEVICE.bucketEnd] | 0;
    while (buckets[low] === 0) low++;
    while (buckets[end - 1] === 0) end--;
    figures[DEVICE.bucketLow] = low;
    figures[DEVICE.bucketEnd] = end;
  }

  /** The place in the ring so many before the next one. */
  #back(count: number): number {
    const at = this.#next - count;
    return at < 0 ? at + this.#latenciesNs.length : at;
  }
}
