import type { MemoryReading } from '@gearshift/contracts';
import type { Clock } from '../timers.js';
import { tryRead } from './memory-source.js';

/** How a reading becomes the memory that may be used. */
export interface GaugeSettings {
  readonly usableFraction: number;
  readonly reserveBytes: number;
  readonly maxAgeMs: number;
  readonly floorBytes: number;
  readonly clock: Clock;
}

/** While the source fails, half of the usable memory above the floor is written off every second. */
const DECAY_HALF_LIFE_MS = 1000;

/**
 * The newest reading of a source, taken again when it is too old. While the source throws or returns invalid numbers, the last
 * good reading decays towards the floor, because others may have taken memory since.
 */
export class MemoryGauge {
  /** Free bytes at the last reading; null where the source does not know them, or was never read. */
  freeBytes: number | null = null;
  totalBytes: number | null = null;
  failing = false;
  readonly #read: () => MemoryReading;
  readonly #settings: GaugeSettings;
  readonly #onReading: () => void;
  #triedAtMs = -Infinity;
  #goodAtMs = -Infinity;
  /** Largest amount, free or total, of all readings. */
  #largestBytes = 0;
  #isReading = false;

  /** @param onReading called after each new reading, good or not. */
  constructor(read: () => MemoryReading, settings: GaugeSettings, onReading: () => void) {
    this.#read = read;
    this.#settings = settings;
    this.#onReading = onReading;
  }

  /** Reads the source again if the last reading is too old. */
  update(): void {
    if (this.#settings.clock() - this.#triedAtMs >= this.#settings.maxAgeMs) this.refresh();
  }

  /** Reads the source now. */
  refresh(): void {
    // A source that reads this budget gets the figures of the previous reading.
    if (this.#isReading) return;
    const { clock } = this.#settings;
    this.#triedAtMs = clock();
    this.#isReading = true;
    const reading = tryRead(this.#read);
    this.#isReading = false;
    this.failing = reading === null;
    if (reading !== null) {
      this.#goodAtMs = clock();
      this.freeBytes = reading.freeBytes;
      this.totalBytes = reading.totalBytes;
      this.#largestBytes = Math.max(this.#largestBytes, reading.totalBytes ?? 0, reading.freeBytes ?? 0);
    }
    this.#onReading();
  }

  /** Usable bytes by the last reading, before reservations are subtracted; Infinity where they are unknown. */
  usableBytes(): number {
    const { floorBytes, usableFraction, reserveBytes } = this.#settings;
    const known = this.freeBytes ?? this.totalBytes;
    if (known === null) return this.failing && this.#goodAtMs === -Infinity ? floorBytes : Infinity;
    const usable = Math.max(0, Math.floor(known * usableFraction - reserveBytes));
    if (!this.failing || usable <= floorBytes) return usable;
    const ageMs = this.#settings.clock() - this.#goodAtMs;
    return Math.floor(floorBytes + (usable - floorBytes) * 0.5 ** (ageMs / DECAY_HALF_LIFE_MS));
  }

  /** Usable bytes of an empty device; Infinity where they are unknown. */
  capacityBytes(): number {
    if (this.#largestBytes === 0 && this.totalBytes === null) return Infinity;
    const { usableFraction, reserveBytes } = this.#settings;
    return Math.max(0, Math.floor((this.totalBytes ?? this.#largestBytes) * usableFraction - reserveBytes));
  }
}
