import type { MemoryReading } from '@gearshift/contracts';
import type { Clock } from '../timers.js';
import { tryRead } from './memory-source.js';

/** How what a source says becomes what may be used. */
export interface GaugeSettings {
  readonly usableFraction: number;
  readonly reserveBytes: number;
  readonly maxAgeMs: number;
  readonly floorBytes: number;
  readonly clock: Clock;
}

/** While the source fails, half of what was usable above the floor is written off every second. */
const DECAY_HALF_LIFE_MS = 1000;

/**
 * The newest reading of a source, taken again when it is too old. While the source throws or answers nonsense, the last
 * good reading decays towards the floor: the longer nobody looked, the less of it may still be there.
 */
export class MemoryGauge {
  readonly #read: () => MemoryReading;
  readonly #settings: GaugeSettings;
  readonly #onReading: () => void;
  #askedAtMs = -Infinity;
  #goodAtMs = -Infinity;
  #freeBytes: number | null = null;
  #totalBytes: number | null = null;
  #largestTotalBytes = 0;
  #failing = false;
  #isAsking = false;

  /** @param onReading called after each new reading, good or not. */
  constructor(read: () => MemoryReading, settings: GaugeSettings, onReading: () => void) {
    this.#read = read;
    this.#settings = settings;
    this.#onReading = onReading;
  }

  /** What the source said last; null where it does not tell, or was never read. */
  get freeBytes(): number | null {
    return this.#freeBytes;
  }

  get totalBytes(): number | null {
    return this.#totalBytes;
  }

  get failing(): boolean {
    return this.#failing;
  }

  /** Asks the source again if the last answer is older than it may be. */
  update(): void {
    if (this.#settings.clock() - this.#askedAtMs >= this.#settings.maxAgeMs) this.refresh();
  }

  /** Asks the source now. */
  refresh(): void {
    // A source that asks this budget in turn is answered from the reading before.
    if (this.#isAsking) return;
    const { clock } = this.#settings;
    this.#askedAtMs = clock();
    this.#isAsking = true;
    const reading = tryRead(this.#read);
    this.#isAsking = false;
    this.#failing = reading === null;
    if (reading !== null) {
      this.#goodAtMs = clock();
      this.#freeBytes = reading.freeBytes;
      this.#totalBytes = reading.totalBytes;
      this.#largestTotalBytes = Math.max(this.#largestTotalBytes, reading.totalBytes ?? 0, reading.freeBytes ?? 0);
    }
    this.#onReading();
  }

  /** What is usable by the last reading, without what the budget itself has handed out; Infinity where nobody can tell. */
  usableBytes(): number {
    const { floorBytes } = this.#settings;
    const known = this.#freeBytes ?? this.#totalBytes;
    if (known === null) return this.#failing && this.#goodAtMs === -Infinity ? floorBytes : Infinity;
    const usable = this.#usable(known);
    if (!this.#failing || usable <= floorBytes) return usable;
    const ageMs = this.#settings.clock() - this.#goodAtMs;
    return Math.floor(floorBytes + (usable - floorBytes) * 0.5 ** (ageMs / DECAY_HALF_LIFE_MS));
  }

  /** What would be usable were the device empty; Infinity where nobody can tell. */
  capacityBytes(): number {
    return this.#largestTotalBytes === 0 && this.#totalBytes === null
      ? Infinity
      : this.#usable(this.#totalBytes ?? this.#largestTotalBytes);
  }

  #usable(bytes: number): number {
    return Math.max(0, Math.floor(bytes * this.#settings.usableFraction - this.#settings.reserveBytes));
  }
}
