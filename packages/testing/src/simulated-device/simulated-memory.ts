import type { MemoryReading } from '@gearshift/contracts';

export interface SimulatedMemoryOptions {
  readonly totalBytes: number;
  /** Bytes that other processes hold at this moment; default none. May exceed the memory that this device left free. */
  readonly outsideBytes?: (() => number) | undefined;
  /** The same as reported by the device, which may be outdated; default: the true value. */
  readonly reportedOutsideBytes?: (() => number) | undefined;
  /** Time of the report on the clock of the readings; default: the time of the reading. */
  readonly reportedAtMs?: (() => number) | undefined;
}

/** The memory of a device. Its own bytes are always exact; the bytes of others may be reported late. */
export class SimulatedMemory {
  readonly #totalBytes: number;
  readonly #outsideBytes: () => number;
  readonly #reportedOutsideBytes: () => number;
  readonly #reportedAtMs: () => number;
  #ownBytes = 0;
  #peakBytes = 0;

  constructor(options: SimulatedMemoryOptions, nowMs: () => number) {
    this.#totalBytes = options.totalBytes;
    this.#outsideBytes = options.outsideBytes ?? (() => 0);
    this.#reportedOutsideBytes = options.reportedOutsideBytes ?? this.#outsideBytes;
    this.#reportedAtMs = options.reportedAtMs ?? nowMs;
  }

  /** Bytes held by this device's copies and requests. */
  get ownBytes(): number {
    return this.#ownBytes;
  }

  /** The maximum of `ownBytes` so far. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** The true value, not the reported one. */
  freeBytes(): number {
    return Math.max(0, this.#totalBytes - this.#ownBytes - this.#outsideBytes());
  }

  /** Allocates the bytes if they are free; returns whether they were. */
  allocate(bytes: number): boolean {
    if (bytes > this.freeBytes()) return false;
    this.hold(bytes);
    return true;
  }

  /** Allocates the bytes even if they are not free, for copies that a test places. */
  hold(bytes: number): void {
    this.#ownBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#ownBytes);
  }

  release(bytes: number): void {
    this.#ownBytes -= bytes;
  }

  reading(): MemoryReading {
    const freeBytes = Math.max(0, this.#totalBytes - this.#ownBytes - this.#reportedOutsideBytes());
    return { freeBytes, totalBytes: this.#totalBytes, readAtMs: this.#reportedAtMs() };
  }
}
