import { optionNames, readOptions } from '@gearshift/contracts/internal';
import { requireLimit } from '../require-limit.js';
import { requireClock, type Clock } from '../timers.js';

export interface ChunkSizerOptions {
  /** How long a size that ran out of memory bounds later chunks; default 30 000. */
  readonly ceilingMs?: number | undefined;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: Clock | undefined;
}

const OPTIONS = optionNames<ChunkSizerOptions>({ ceilingMs: true, clock: true });
const CEILING_MS = 30_000;
const GROWTH = 1.1;
/** After the ceiling has expired, larger chunks may fit or not: chunks grow faster, but not at once. */
const GROWTH_WITHOUT_CEILING = 2;
const BELOW_CEILING = 0.9;
/** The ceiling is lifted once 25 % more memory is free than when the chunk failed. */
const FREE_AGAIN = 1.25;

/**
 * Chunk sizes learned from out-of-memory errors, on one device and for one kind of work. A size that ran out of memory becomes
 * the ceiling and the next chunk is half of it; from there chunks grow by a tenth with each success, up to nine tenths of the
 * ceiling, until that expires.
 *
 * Sizes are kept in bytes where items have bytes, so that runs with items of different sizes can share them.
 */
export class ChunkSizer {
  readonly #clock: Clock;
  readonly #ceilingMs: number;
  /** Largest chunk to try; Infinity until an out-of-memory error. */
  #limit = Infinity;
  /** The size that failed; Infinity when there is none, or when it expired. */
  #ceiling = Infinity;
  #failedAtMs = 0;
  #freeBytesAtFailure: number | null = null;

  constructor(clock: Clock, ceilingMs: number) {
    this.#clock = clock;
    this.#ceilingMs = ceilingMs;
  }

  /**
   * Items of `unit` bytes (1 where that is unknown) that a chunk may have: at least 1, up to Infinity.
   *
   * @param freeBytes free memory of the device at the last reading; null where that is unknown.
   */
  maxItems(unit: number, freeBytes: number | null): number {
    if (this.#limit === Infinity) return Infinity;
    if (this.#ceiling !== Infinity && this.#clock() - this.#failedAtMs >= this.#ceilingMs) this.#ceiling = Infinity;
    const freeThen = this.#freeBytesAtFailure;
    // A device may report 0 free bytes all the time, and 25 % more than 0 is 0.
    const isFreer = freeBytes !== null && freeThen !== null && freeBytes > freeThen;
    if (isFreer && freeBytes >= freeThen * FREE_AGAIN) {
      this.#ceiling = Infinity;
      this.#limit = Infinity;
      return Infinity;
    }
    return Math.max(1, Math.floor(this.#limit / unit));
  }

  /** A chunk of so many items succeeded. */
  succeeded(items: number, unit: number): void {
    // The success of a chunk that was small for another reason says nothing about larger ones.
    if (this.#limit === Infinity || items * unit * 2 < this.#limit) return;
    const growth = this.#ceiling === Infinity ? GROWTH_WITHOUT_CEILING : GROWTH;
    const grown = Math.max(this.#limit * growth, this.#limit + unit);
    this.#limit = Math.max(this.#limit, Math.min(grown, this.#ceiling * BELOW_CEILING));
  }

  /** A chunk of so many items ran out of memory. */
  ranOutOfMemory(items: number, unit: number, freeBytes: number | null): void {
    // Never raised: chunks that were under way together may fail after smaller ones did.
    this.#ceiling = Math.min(this.#ceiling, items * unit);
    this.#limit = Math.min(this.#limit, Math.max(1, Math.floor(items / 2)) * unit);
    this.#failedAtMs = this.#clock();
    this.#freeBytesAtFailure = freeBytes;
  }
}

/**
 * Stores the chunk sizes learned from out-of-memory errors, for successive runs of one kind of work on one device.
 *
 * @example
 * const sizer = createChunkSizer();
 * await runRanges(rows, { sizer }, scoreRows); // learns which size fits
 * await runRanges(rows, { sizer }, scoreRows); // starts with it
 */
export function createChunkSizer(options: ChunkSizerOptions = {}): ChunkSizer {
  const given = readOptions('options', options, OPTIONS);
  const ceilingMs = requireLimit('ceilingMs', given.ceilingMs ?? CEILING_MS, 0);
  return new ChunkSizer(requireClock('clock', given.clock), ceilingMs);
}
