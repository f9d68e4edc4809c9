import { expected } from '@gearshift/contracts/internal';
import { requireLimit } from '../check-limits.js';
import { requireClock, type Clock } from '../timers.js';

export interface ChunkSizerOptions {
  /** How long a size that ran out of memory bounds later pieces; default 30 000. */
  readonly ceilingMs?: number | undefined;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: Clock | undefined;
}

const CEILING_MS = 30_000;
const GROWTH = 1.1;
/** Once the ceiling has expired nothing is known against larger pieces, but nothing for them either. */
const GROWTH_WITHOUT_CEILING = 2;
const BELOW_CEILING = 0.9;
/** So much more free memory than when the ceiling was met makes it void. */
const FREE_AGAIN = 1.25;

/**
 * What out-of-memory errors taught about the size of pieces on one device, for one kind of work. A size that ran out of
 * memory becomes the ceiling and the next piece is half of it; from there pieces grow by a tenth with each success, up to
 * nine tenths of the ceiling, until that expires.
 *
 * Sizes are kept in bytes where items have bytes, so that runs with items of different sizes learn from each other.
 */
export class ChunkSizer {
  readonly #clock: Clock;
  readonly #ceilingMs: number;
  /** Largest piece to try; Infinity as long as nothing was learned. */
  #limit = Infinity;
  /** The size that failed; Infinity when none, or when it expired. */
  #ceiling = Infinity;
  #metAtMs = 0;
  #freeBytesThen: number | null = null;

  constructor(clock: Clock, ceilingMs: number) {
    this.#clock = clock;
    this.#ceilingMs = ceilingMs;
  }

  /**
   * Items of `unit` bytes (1 where nobody knows) that a piece may have: at least 1, up to Infinity.
   *
   * @param freeBytes what the device has free, by the last reading; null where it does not tell.
   */
  maxItems(unit: number, freeBytes: number | null): number {
    if (this.#limit === Infinity) return Infinity;
    if (this.#ceiling !== Infinity && this.#clock() - this.#metAtMs >= this.#ceilingMs) this.#ceiling = Infinity;
    if (freeBytes !== null && this.#freeBytesThen !== null && freeBytes >= this.#freeBytesThen * FREE_AGAIN) {
      this.#ceiling = Infinity;
      this.#limit = Infinity;
      return Infinity;
    }
    return Math.max(1, Math.floor(this.#limit / unit));
  }

  /** A piece of so many items went well. */
  succeeded(items: number, unit: number): void {
    // A piece that was small for another reason says nothing about larger ones.
    if (this.#limit === Infinity || items * unit * 2 < this.#limit) return;
    const growth = this.#ceiling === Infinity ? GROWTH_WITHOUT_CEILING : GROWTH;
    const grown = Math.max(this.#limit * growth, this.#limit + unit);
    this.#limit = Math.max(this.#limit, Math.min(grown, this.#ceiling * BELOW_CEILING));
  }

  /** A piece of so many items ran out of memory. */
  ranOutOfMemory(items: number, unit: number, freeBytes: number | null): void {
    this.#ceiling = items * unit;
    this.#limit = Math.max(1, Math.floor(items / 2)) * unit;
    this.#metAtMs = this.#clock();
    this.#freeBytesThen = freeBytes;
  }
}

/**
 * Makes a memory of what out-of-memory errors teach, to hand to successive runs of one kind of work on one device.
 *
 * @example
 * const sizer = createChunkSizer();
 * await runRanges(rows, { sizer }, scoreRows); // learns
 * await runRanges(rows, { sizer }, scoreRows); // knows
 */
export function createChunkSizer(options: ChunkSizerOptions = {}): ChunkSizer {
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  const ceilingMs = requireLimit('ceilingMs', options.ceilingMs ?? CEILING_MS, 0);
  return new ChunkSizer(requireClock('clock', options.clock), ceilingMs);
}
