import { DEVICE as DEVICE_FIELDS, DEVICE_LENGTH, type DeviceFigures } from './figures-layout.js';
import { LatencyWindow } from './latency-window.js';
import { SuccessWindow } from './success-window.js';

/** A constant to the compiler; an import is looked up again at each use. */
const DEVICE = DEVICE_FIELDS;

/** What one writer records about one operation on one device: the windows, and the device's part of the writer's figures. */
export class DeviceRecorder {
  /** Indexed by `DEVICE`. */
  readonly #figures: Float64Array;
  readonly #latencies: LatencyWindow;
  readonly #outcomes: SuccessWindow;

  constructor(figures: Float64Array, at: DeviceFigures, windowSize: number) {
    this.#figures = figures.subarray(at.start, at.start + DEVICE_LENGTH);
    this.#latencies = new LatencyWindow(figures, at, windowSize);
    this.#outcomes = new SuccessWindow(windowSize);
  }

  success(latencyMs: number, atMs: number): void {
    if (this.#latencies.add(latencyMs, atMs)) this.#settleSuccesses();
  }

  /** @param latencyMs what the attempt took; 0 if that is not known. */
  failure(latencyMs: number, isOutOfMemory: boolean): void {
    // The window keeps outcomes in order, so the successes before this failure go first.
    this.#settleSuccesses();
    const figures = this.#figures;
    figures[DEVICE.failures]++;
    if (isOutOfMemory) figures[DEVICE.outOfMemory]++;
    figures[DEVICE.lostNs] += Math.round(latencyMs * 1e6);
    this.#outcomes.addFailure();
  }

  /** Brings the figures up to date with the attempts recorded. */
  settle(): void {
    this.#settleSuccesses();
    this.#figures[DEVICE.outcomeCount] = this.#outcomes.count;
    this.#figures[DEVICE.outcomeSuccesses] = this.#outcomes.successes;
  }

  #settleSuccesses(): void {
    const successes = this.#latencies.settle();
    if (successes > 0) this.#outcomes.addSuccesses(successes);
  }
}
