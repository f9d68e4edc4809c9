const SAMPLES = 64;
/** Fewer say too little about the slow ones. */
const LEAST_SAMPLES = 8;
const QUANTILE = 0.95;

/** The latest latencies of one kind of query at one shard. Kept in order, because each query asks for the slow ones. */
export class LatencyWindow {
  readonly #latencies = new Float64Array(SAMPLES);
  readonly #ascending = new Float64Array(SAMPLES);
  #count = 0;

  add(latencyMs: number): void {
    const at = this.#count % SAMPLES;
    let kept = this.#count;
    if (this.#count >= SAMPLES) {
      const oldest = this.#placeOf(this.#latencies[at], SAMPLES);
      this.#ascending.copyWithin(oldest, oldest + 1);
      kept = SAMPLES - 1;
    }
    const place = this.#placeOf(latencyMs, kept);
    this.#ascending.copyWithin(place + 1, place, kept);
    this.#ascending[place] = latencyMs;
    this.#latencies[at] = latencyMs;
    this.#count += 1;
  }

  /** NaN for as long as there are few samples. */
  p95(): number {
    if (this.#count < LEAST_SAMPLES) return NaN;
    return this.#ascending[Math.ceil(QUANTILE * Math.min(this.#count, SAMPLES)) - 1];
  }

  /** How many of the first `count` ascending latencies are below. */
  #placeOf(latencyMs: number, count: number): number {
    let [from, to] = [0, count];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#ascending[middle] < latencyMs) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
