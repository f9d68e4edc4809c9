import { DEVICE as DEVICE_FIELDS, DEVICE_LENGTH, type DeviceFigures } from './figures-layout.js';
import { BUCKET_COUNT, bucketOf, DOUBLING_COUNT, doublingOf } from './log-buckets.js';

/** A constant to the compiler; an import is looked up again at each use. */
const DEVICE = DEVICE_FIELDS;

/** As many as a writer records between two publications. */
const MOST_UNSETTLED = 32;

/** Which of the two halves of a floating-point number in memory is the more significant one. */
const UPPER_HALF = new Int32Array(Float64Array.of(1).buffer)[0] === 0 ? 1 : 0;

/**
 * The most recent latencies of one device. It keeps their sum and their histogram in the writer's figures, so that the window
 * is never scanned. Whole nanoseconds add and subtract exactly; sums of milliseconds would drift.
 *
 * New latencies are settled when the figures are read, usually 32 at a time: one loop over them keeps in registers what
 * would otherwise go through memory for each.
 */
export class LatencyWindow {
  /** The device's part of the writer's figures, indexed by `DEVICE`. */
  readonly #figures: Float64Array;
  readonly #buckets: Float64Array;
  readonly #doublings: Float64Array;
  /** A ring that holds the window, and what may enter before what leaves is settled. */
  readonly #latenciesNs: Float64Array;
  readonly #halves: Int32Array;
  readonly #windowSize: number;
  /** Where in the ring the next latency goes, and how many before it are not settled. */
  #next = 0;
  #unsettled = 0;
  #lastAtMs = 0;

  constructor(figures: Float64Array, at: DeviceFigures, windowSize: number) {
    this.#figures = figures.subarray(at.start, at.start + DEVICE_LENGTH);
    this.#buckets = figures.subarray(at.buckets, at.buckets + BUCKET_COUNT);
    this.#doublings = figures.subarray(at.doublings, at.doublings + DOUBLING_COUNT);
    this.#windowSize = windowSize;
    this.#latenciesNs = new Float64Array(windowSize + MOST_UNSETTLED);
    this.#halves = new Int32Array(this.#latenciesNs.buffer);
  }

  /** Returns whether `settle` has to be called before the next one. */
  add(latencyMs: number, atMs: number): boolean {
    const latenciesNs = this.#latenciesNs;
    const next = this.#next;
    // Not `Math.round`, which branches on the fraction: the processor would guess wrong half the time.
    latenciesNs[next] = Math.floor(latencyMs * 1e6 + 0.5);
    this.#next = next + 1 === latenciesNs.length ? 0 : next + 1;
    this.#lastAtMs = atMs;
    return ++this.#unsettled === MOST_UNSETTLED;
  }

  /** Brings the figures up to date; returns how many latencies were added since the last time. */
  settle(): number {
    const entering = this.#unsettled;
    if (entering === 0) return 0;
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
    return entering;
  }

  /** Adds latencies of the ring to the sum and the histogram, or subtracts them again. */
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

  /** Adds what enters to the totals for life, from which nothing is ever subtracted. */
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

  /** Removes empty buckets from both ends of the range: the cost of publications and snapshots grows with its length. */
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

  /** The place in the ring that is `count` before the next one. */
  #back(count: number): number {
    const at = this.#next - count;
    return at < 0 ? at + this.#latenciesNs.length : at;
  }
}
