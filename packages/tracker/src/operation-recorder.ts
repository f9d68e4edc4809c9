import { LatencyWindow } from './latency-window.js';
import { FIGURE_COUNT, FIGURES } from './layout.js';
import { trimBuckets } from './merge-figures.js';

const LIFELONG: readonly number[] = [
  FIGURES.records,
  FIGURES.outOfMemory,
  FIGURES.fallbacks,
  FIGURES.cpu.count,
  FIGURES.cpu.failures,
  FIGURES.gpu.count,
  FIGURES.gpu.failures,
];

/** What one writer knows about one operation: its figures, and the windows that they are the sums of. */
export class OperationRecorder {
  /** In the order of `FIGURES`; readable at any time, changed by the methods only. The ranges of buckets may be too wide. */
  readonly figures = new Float64Array(FIGURE_COUNT);
  readonly #cpu: LatencyWindow;
  readonly #gpu: LatencyWindow;
  readonly #outcomes: Uint8Array;
  #nextOutcome = 0;

  constructor(windowSize: number) {
    this.#cpu = new LatencyWindow(this.figures, FIGURES.cpu, windowSize);
    this.#gpu = new LatencyWindow(this.figures, FIGURES.gpu, windowSize);
    this.#outcomes = new Uint8Array(windowSize);
  }

  /**
   * Takes over what the slot's owner of before published: what it counted for life goes on from there. Its window ends
   * with it, as its samples are not known one by one.
   */
  inherit(figures: Float64Array): void {
    for (const counter of LIFELONG) this.figures[counter] += figures[counter];
    for (const { lastAtMs } of [FIGURES.cpu, FIGURES.gpu]) {
      this.figures[lastAtMs] = Math.max(this.figures[lastAtMs], figures[lastAtMs]);
    }
  }

  /** Facts recorded so far. */
  get version(): number {
    return this.figures[FIGURES.records];
  }

  /** To be called before a publication, which costs by the length of the histograms. */
  trim(): void {
    trimBuckets(this.figures, FIGURES.cpu);
    trimBuckets(this.figures, FIGURES.gpu);
  }

  cpuSuccess(latencyMs: number, atMs: number): void {
    this.#cpu.add(latencyMs, atMs);
    this.figures[FIGURES.records]++;
  }

  cpuFailure(): void {
    this.figures[FIGURES.cpu.failures]++;
    this.figures[FIGURES.records]++;
  }

  gpuSuccess(latencyMs: number, atMs: number): void {
    this.#gpu.add(latencyMs, atMs);
    this.#addOutcome(1);
    this.figures[FIGURES.records]++;
  }

  gpuFailure(): void {
    this.figures[FIGURES.gpu.failures]++;
    this.#addOutcome(0);
    this.figures[FIGURES.records]++;
  }

  gpuOutOfMemory(): void {
    this.figures[FIGURES.outOfMemory]++;
    this.gpuFailure();
  }

  fallback(): void {
    this.figures[FIGURES.fallbacks]++;
    this.figures[FIGURES.records]++;
  }

  #addOutcome(success: 0 | 1): void {
    const figures = this.figures;
    const next = this.#nextOutcome;
    if (figures[FIGURES.outcomeCount] === this.#outcomes.length) {
      figures[FIGURES.outcomeSuccesses] -= this.#outcomes[next];
    } else {
      figures[FIGURES.outcomeCount]++;
    }
    figures[FIGURES.outcomeSuccesses] += success;
    this.#outcomes[next] = success;
    this.#nextOutcome = next + 1 === this.#outcomes.length ? 0 : next + 1;
  }
}
