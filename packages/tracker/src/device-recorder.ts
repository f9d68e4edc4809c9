import { DEVICE as DEVICE_FIELDS, DEVICE_LENGTH, type DeviceFigures } from './figures-layout.js';
import { BUCKET_COUNT, bucketOf, DOUBLING_COUNT, doublingOf } from './log-buckets.js';
import { SuccessWindow } from './success-window.js';

/** Local, because V8 loads an imported binding again at each use. */
const DEVICE = DEVICE_FIELDS;

/** The most latencies that wait to be settled: as many as a writer records between two publications. */
const MOST_UNSETTLED = 32;

/** Which of the two halves of a floating-point number in memory is the more significant one. */
const UPPER_HALF = new Int32Array(Float64Array.of(1).buffer)[0] === 0 ? 1 : 0;

/**
 * What one writer records about one operation on one device: the windows of the most recent latencies and outcomes, and the
 * figures that sum them up, so that no window is ever scanned. Sums are in whole nanoseconds, which add and subtract
 * exactly; sums of milliseconds would drift. Only above 2^53 ns, 104 days in one window, are sums rounded, and then the window
 * is summed up again each time.
 *
 * New latencies are settled when the figures are read, usually 32 at a time: one loop over them keeps in registers what
 * would otherwise go through memory for each.
 */
export class DeviceRecorder {
  /** Indexed by `DEVICE`. */
  readonly #figures: Float64Array;
  readonly #buckets: Float64Array;
  readonly #doublings: Float64Array;
  /** A ring that holds the window and the latencies that are not settled. */
  readonly #latenciesNs: Float64Array;
  readonly #halves: Int32Array;
  readonly #windowSize: number;
  /** Where in the ring the next latency goes, and how many before it are not settled. */
  #next = 0;
  #unsettled = 0;
  #lastAtMs = 0;
  readonly #outcomes: SuccessWindow;

  constructor(figures: Float64Array, at: DeviceFigures, windowSize: number) {
    this.#figures = figures.subarray(at.start, at.start + DEVICE_LENGTH);
    this.#buckets = figures.subarray(at.buckets, at.buckets + BUCKET_COUNT);
    this.#doublings = figures.subarray(at.doublings, at.doublings + DOUBLING_COUNT);
    this.#windowSize = windowSize;
    this.#latenciesNs = new Float64Array(windowSize + MOST_UNSETTLED);
    this.#halves = new Int32Array(this.#latenciesNs.buffer);
    this.#outcomes = new SuccessWindow(windowSize);
  }

  success(latencyMs: number, atMs: number): void {
    const latenciesNs = this.#latenciesNs;
    const next = this.#next;
    // Not `Math.round`: it branches on the fraction, which the processor mispredicts half the time.
    latenciesNs[next] = Math.floor(latencyMs * 1e6 + 0.5);
    this.#next = next + 1 === latenciesNs.length ? 0 : next + 1;
    this.#lastAtMs = atMs;
    if (++this.#unsettled === MOST_UNSETTLED) this.#settleLatencies();
  }

  /** @param latencyMs how long the attempt took; 0 if that is not known. */
  failure(latencyMs: number, isOutOfMemory: boolean): void {
    // The window keeps outcomes in order, so the successes before this failure go first.
    if (this.#unsettled > 0) this.#settleLatencies();
    const figures = this.#figures;
    figures[DEVICE.failures]++;
    if (isOutOfMemory) figures[DEVICE.outOfMemory]++;
    figures[DEVICE.lostNs] += Math.round(latencyMs * 1e6);
    this.#outcomes.addFailure();
  }

  /** Brings the figures up to date with the attempts recorded. */
  settle(): void {
    if (this.#unsettled > 0) this.#settleLatencies();
    this.#figures[DEVICE.outcomeCount] = this.#outcomes.count;
    this.#figures[DEVICE.outcomeSuccesses] = this.#outcomes.successes;
  }

  /** Adds the latencies that are not settled to the figures, and subtracts those that leave the window. */
  #settleLatencies(): void {
    const figures = this.#figures;
    const buckets = this.#buckets;
    const doublings = this.#doublings;
    const latenciesNs = this.#latenciesNs;
    const halves = this.#halves;
    const ringSize = latenciesNs.length;
    const entering = this.#unsettled;
    // As integers: loops that count with floating-point numbers take twice as long.
    const before = figures[DEVICE.windowCount] | 0;
    const leaving = Math.max(before + entering - this.#windowSize, 0);
    let windowSumNs = figures[DEVICE.windowSumNs];
    let totalNs = figures[DEVICE.totalNs];
    let low = figures[DEVICE.bucketLow] | 0;
    let end = figures[DEVICE.bucketEnd] | 0;
    let doublingEnd = figures[DEVICE.doublingEnd] | 0;
    let doublingLow = doublingEnd === 0 ? DOUBLING_COUNT : figures[DEVICE.doublingLow] | 0;

    let at = this.#back(entering);
    for (let i = 0; i < entering; i++) {
      const bucket = bucketOf(halves[2 * at + UPPER_HALF]);
      const doubling = doublingOf(bucket);
      windowSumNs += latenciesNs[at];
      totalNs += latenciesNs[at];
      buckets[bucket]++;
      doublings[doubling]++;
      if (bucket < low) low = bucket;
      if (bucket >= end) end = bucket + 1;
      if (doubling < doublingLow) doublingLow = doubling;
      if (doubling >= doublingEnd) doublingEnd = doubling + 1;
      if (++at === ringSize) at = 0;
    }
    // Of all sums on the way: nothing is negative, and what leaves is subtracted last.
    const largestSumNs = windowSumNs;
    at = this.#back(entering + before);
    for (let i = 0; i < leaving; i++) {
      windowSumNs -= latenciesNs[at];
      buckets[bucketOf(halves[2 * at + UPPER_HALF])]--;
      if (++at === ringSize) at = 0;
    }
    // Drops the empty buckets at both ends: the cost of publications and snapshots grows with the length of the range.
    while (buckets[low] === 0) low++;
    while (buckets[end - 1] === 0) end--;

    const windowCount = before + entering - leaving;
    figures[DEVICE.windowSumNs] = largestSumNs > Number.MAX_SAFE_INTEGER ? this.#sumOfLast(windowCount) : windowSumNs;
    figures[DEVICE.windowCount] = windowCount;
    figures[DEVICE.count] += entering;
    figures[DEVICE.lastAtMs] = this.#lastAtMs;
    figures[DEVICE.totalNs] = totalNs;
    figures[DEVICE.bucketLow] = low;
    figures[DEVICE.bucketEnd] = end;
    figures[DEVICE.doublingLow] = doublingLow;
    figures[DEVICE.doublingEnd] = doublingEnd;
    this.#outcomes.addSuccesses(entering);
    this.#unsettled = 0;
  }

  #sumOfLast(count: number): number {
    const latenciesNs = this.#latenciesNs;
    let sumNs = 0;
    let at = this.#back(count);
    for (let i = 0; i < count; i++) {
      sumNs += latenciesNs[at];
      if (++at === latenciesNs.length) at = 0;
    }
    return sumNs;
  }

  /** The place in the ring that is `count` before the next one. */
  #back(count: number): number {
    const at = this.#next - count;
    return at < 0 ? at + this.#latenciesNs.length : at;
  }
}
