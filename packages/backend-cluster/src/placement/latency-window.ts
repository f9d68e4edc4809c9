const SAMPLES = 64;
/** Fewer say too little about the slow ones. */
const LEAST_SAMPLES = 8;
const QUANTILE = 0.95;

/** The latest latencies of one kind of query at one shard. */
export class LatencyWindow {
  readonly #latencies = new Float64Array(SAMPLES);
  #count = 0;

  add(latencyMs: number): void {
    this.#latencies[this.#count % SAMPLES] = latencyMs;
    this.#count += 1;
  }

  /** NaN for as long as there are few samples. */
  p95(): number {
    if (this.#count < LEAST_SAMPLES) return NaN;
    const sorted = this.#latencies.slice(0, Math.min(this.#count, SAMPLES)).sort();
    return sorted[Math.ceil(QUANTILE * sorted.length) - 1];
  }
}
