import type { MemoryReading } from '@gearshift/contracts';

export interface SimulatedMemoryOptions {
  readonly totalBytes: number;
  /** Bytes that somebody outside holds at this moment; default none. May grow past what this device left free. */
  readonly outsideBytes?: (() => number) | undefined;
  /** The same as the device reports it, which may be old; default: the truth. */
  readonly reportedOutsideBytes?: (() => number) | undefined;
  /** When the report is from, on the clock that the reading is judged by; default: the moment it is read. */
  readonly reportedAtMs?: (() => number) | undefined;
}

/** What a device has room for. What is its own it always knows; what others took it may hear of late. */
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

  /** Held by this device's own copies and requests. */
  get ownBytes(): number {
    return this.#ownBytes;
  }

  /** The most that it ever held. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** In truth. */
  freeBytes(): number {
    return Math.max(0, this.#totalBytes - this.#ownBytes - this.#outsideBytes());
  }

  /** Whether there was room; nothing is taken when there was not. */
  allocate(bytes: number): boolean {
    if (bytes > this.freeBytes()) return false;
    this.hold(bytes);
    return true;
  }

  /** Takes the bytes whether there is room or not: what was put there before anybody looked. */
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
