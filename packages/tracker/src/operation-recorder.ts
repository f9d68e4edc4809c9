import { DeviceRecorder } from './device-recorder.js';
import { COMMON as COMMON_FIELDS, DEVICE, type FiguresLayout } from './figures-layout.js';
import { addDoublings } from './merge-figures.js';

/** Local, because V8 loads an imported binding again at each use. */
const COMMON = COMMON_FIELDS;

const LIFELONG_COMMON: readonly number[] = [COMMON.records, COMMON.fallbacks];
const LIFELONG_OF_DEVICE: readonly number[] = [
  DEVICE.count,
  DEVICE.failures,
  DEVICE.outOfMemory,
  DEVICE.totalNs,
  DEVICE.lostNs,
];

/** What one writer records about one operation: its figures, and the windows that they summarize. */
export class OperationRecorder {
  readonly #layout: FiguresLayout;
  readonly #windowSize: number;
  readonly #figures: Float64Array<ArrayBuffer>;
  /** By the index of the device. Each is created with the first attempt on the device, because a window takes memory. */
  readonly #devices: (DeviceRecorder | undefined)[];
  #records = 0;

  constructor(layout: FiguresLayout, windowSize: number) {
    this.#layout = layout;
    this.#windowSize = windowSize;
    this.#figures = new Float64Array(layout.length);
    this.#devices = layout.devices.map(() => undefined);
  }

  /** Facts recorded so far. */
  get records(): number {
    return this.#records;
  }

  /** The figures in the order of the layout, up to date; always the same array. */
  readFigures(): Float64Array {
    const figures = this.#figures;
    if (figures[COMMON.records] === this.#records) return figures;
    figures[COMMON.records] = this.#records;
    const devices = this.#devices;
    for (let i = 0; i < devices.length; i++) devices[i]?.settle();
    return figures;
  }

  /**
   * Adds the lifetime counts that the previous owner of the slot published. Its window ends, because its samples are not known
   * one by one.
   */
  inherit(inherited: Float64Array): void {
    const figures = this.readFigures();
    for (const field of LIFELONG_COMMON) figures[field] += inherited[field];
    for (const device of this.#layout.devices) {
      for (const field of LIFELONG_OF_DEVICE) figures[device.start + field] += inherited[device.start + field];
      const lastAtMs = device.start + DEVICE.lastAtMs;
      figures[lastAtMs] = Math.max(figures[lastAtMs], inherited[lastAtMs]);
      addDoublings(figures, inherited, device, 1);
    }
    this.#records = figures[COMMON.records];
  }

  /** Forgets everything that was recorded. */
  reset(): void {
    this.#figures.fill(0);
    this.#devices.fill(undefined);
    this.#records = 0;
  }

  /** @param device the index of its name. */
  success(device: number, latencyMs: number, atMs: number): void {
    (this.#devices[device] ?? this.#addDevice(device)).success(latencyMs, atMs);
    this.#records++;
  }

  /** @param latencyMs how long the attempt took; 0 if that is not known. */
  failure(device: number, latencyMs: number, isOutOfMemory: boolean): void {
    (this.#devices[device] ?? this.#addDevice(device)).failure(latencyMs, isOutOfMemory);
    this.#records++;
  }

  fallback(): void {
    this.#figures[COMMON.fallbacks]++;
    this.#records++;
  }

  #addDevice(device: number): DeviceRecorder {
    const recorder = new DeviceRecorder(this.#figures, this.#layout.devices[device], this.#windowSize);
    this.#devices[device] = recorder;
    return recorder;
  }
}
