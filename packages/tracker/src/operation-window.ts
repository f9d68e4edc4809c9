import { bucketOf } from './latency-buckets.js';
import { FIELD, FIELD_COUNT, LIFETIME_FIELDS } from './shared-layout.js';

const NS_PER_MS = 1e6;
const SUCCESS = 0;
const FAILURE = 1;

/**
 * What one writer measured for one operation, private to its thread: rings of the last samples and the running figures.
 * Every record is a few additions, whatever the size of the window.
 */
export class OperationWindow {
  /** The fields of shared-layout.ts, ready to be published. */
  readonly figures = new Float64Array(FIELD_COUNT);
  readonly #cpuLatenciesNs: Float64Array;
  readonly #gpuLatenciesNs: Float64Array;
  readonly #outcomes: Uint8Array;
  #cpuNext = 0;
  #gpuNext = 0;
  #outcomeNext = 0;

  constructor(windowSize: number) {
    this.#cpuLatenciesNs = new Float64Array(windowSize);
    this.#gpuLatenciesNs = new Float64Array(windowSize);
    this.#outcomes = new Uint8Array(windowSize);
  }

  /** Carries on what the slot's last owner counted. Its window ended with it. */
  inherit(figures: Float64Array): void {
    for (const field of LIFETIME_FIELDS) this.figures[field] = figures[field];
  }

  cpuLatency(latencyMs: number): void {
    this.#cpuNext = this.#latency(
      this.#cpuLatenciesNs,
      this.#cpuNext,
      latencyMs,
      FIELD.cpuWindowSumNs,
      FIELD.cpuBuckets,
    );
    this.figures[FIELD.cpuCount] += 1;
  }

  cpuFailure(): void {
    this.figures[FIELD.cpuFailureCount] += 1;
  }

  gpuSuccess(latencyMs: number): void {
    this.#gpuNext = this.#latency(
      this.#gpuLatenciesNs,
      this.#gpuNext,
      latencyMs,
      FIELD.gpuWindowSumNs,
      FIELD.gpuBuckets,
    );
    this.figures[FIELD.gpuCount] += 1;
    this.#outcome(SUCCESS);
  }

  gpuFailure(): void {
    this.figures[FIELD.gpuFailureCount] += 1;
    this.#outcome(FAILURE);
  }

  outOfMemory(): void {
    this.figures[FIELD.oomCount] += 1;
    this.gpuFailure();
  }

  fallback(): void {
    this.figures[FIELD.fallbackCount] += 1;
  }

  /** The window's count lies right behind its sum. Returns the ring's next position. */
  #latency(ring: Float64Array, position: number, latencyMs: number, sumField: number, bucketField: number): number {
    const figures = this.figures;
    const latencyNs = Math.round(latencyMs * NS_PER_MS);
    if (figures[sumField + 1] === ring.length) {
      const oldestNs = ring[position];
      figures[sumField] -= oldestNs;
      figures[bucketField + bucketOf(oldestNs)] -= 1;
    } else {
      figures[sumField + 1] += 1;
    }
    ring[position] = latencyNs;
    figures[sumField] += latencyNs;
    figures[bucketField + bucketOf(latencyNs)] += 1;
    return position + 1 === ring.length ? 0 : position + 1;
  }

  #outcome(outcome: typeof SUCCESS | typeof FAILURE): void {
    const figures = this.figures;
    const outcomes = this.#outcomes;
    const position = this.#outcomeNext;
    if (figures[FIELD.outcomeWindowCount] === outcomes.length) {
      figures[FIELD.outcomeWindowFailures] -= outcomes[position];
    } else {
      figures[FIELD.outcomeWindowCount] += 1;
    }
    outcomes[position] = outcome;
    figures[FIELD.outcomeWindowFailures] += outcome;
    this.#outcomeNext = position + 1 === outcomes.length ? 0 : position + 1;
  }
}
