import { LatencyWindow } from './latency-window.js';
import { FIGURE_COUNT, FIGURES as ALL_FIGURES } from './layout.js';
import { addDoublings } from './merge-figures.js';
import { OutcomeWindow } from './outcome-window.js';

/** Constant to the compiler, unlike what is imported, which is looked up again at each use. */
const FIGURES = ALL_FIGURES;

const LIFELONG: readonly number[] = [
  FIGURES.records,
  FIGURES.outOfMemory,
  FIGURES.fallbacks,
  FIGURES.cpu.count,
  FIGURES.cpu.failures,
  FIGURES.cpu.totalNs,
  FIGURES.cpu.lostNs,
  FIGURES.gpu.count,
  FIGURES.gpu.failures,
  FIGURES.gpu.totalNs,
  FIGURES.gpu.lostNs,
];

/** What one writer knows about one operation: its figures, and the windows that they are the sums of. */
export class OperationRecorder {
  readonly #figures = new Float64Array(FIGURE_COUNT);
  readonly #cpu: LatencyWindow;
  readonly #gpu: LatencyWindow;
  readonly #gpuOutcomes: OutcomeWindow;
  #records = 0;

  constructor(windowSize: number) {
    this.#cpu = new LatencyWindow(this.#figures, FIGURES.cpu, windowSize);
    this.#gpu = new LatencyWindow(this.#figures, FIGURES.gpu, windowSize);
    this.#gpuOutcomes = new OutcomeWindow(windowSize);
  }

  /** Facts recorded so far. */
  get records(): number {
    return this.#records;
  }

  /** In the order of `FIGURES`, as of now; always the same array. */
  readFigures(): Float64Array<ArrayBuffer> {
    const figures = this.#figures;
    if (figures[FIGURES.records] === this.#records) return figures;
    figures[FIGURES.records] = this.#records;
    figures[FIGURES.outcomeCount] = this.#gpuOutcomes.count;
    figures[FIGURES.outcomeSuccesses] = this.#gpuOutcomes.successes;
    this.#cpu.settle();
    this.#gpu.settle();
    return figures;
  }

  /**
   * Takes over what the slot's owner of before published: what it counted for life goes on from there. Its window ends
   * with it, as its samples are not known one by one.
   */
  inherit(inherited: Float64Array): void {
    const figures = this.readFigures();
    for (const counter of LIFELONG) figures[counter] += inherited[counter];
    for (const device of [FIGURES.cpu, FIGURES.gpu]) {
      const { lastAtMs } = device;
      figures[lastAtMs] = Math.max(figures[lastAtMs], inherited[lastAtMs]);
      addDoublings(figures, inherited, device, 1);
    }
    this.#records = figures[FIGURES.records];
  }

  cpuSuccess(latencyMs: number, atMs: number): void {
    this.#cpu.add(latencyMs, atMs);
    this.#records++;
  }

  /** @param latencyMs what the attempt took; 0 where that is not known. */
  cpuFailure(latencyMs: number): void {
    this.#figures[FIGURES.cpu.failures]++;
    this.#figures[FIGURES.cpu.lostNs] += Math.round(latencyMs * 1e6);
    this.#records++;
  }

  gpuSuccess(latencyMs: number, atMs: number): void {
    this.#gpu.add(latencyMs, atMs);
    this.#gpuOutcomes.add(1);
    this.#records++;
  }

  gpuFailure(latencyMs: number): void {
    this.#figures[FIGURES.gpu.failures]++;
    this.#figures[FIGURES.gpu.lostNs] += Math.round(latencyMs * 1e6);
    this.#gpuOutcomes.add(0);
    this.#records++;
  }

  gpuOutOfMemory(latencyMs: number): void {
    this.#figures[FIGURES.outOfMemory]++;
    this.gpuFailure(latencyMs);
  }

  fallback(): void {
    this.#figures[FIGURES.fallbacks]++;
    this.#records++;
  }
}
