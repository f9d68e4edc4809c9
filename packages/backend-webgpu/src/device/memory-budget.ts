/** A buffer that would not fit in the budget. */
export class OverBudget extends Error {
  readonly requestedBytes: number;
  readonly freeBytes: number;

  constructor(requestedBytes: number, freeBytes: number) {
    super(`${requestedBytes} bytes do not fit in the ${freeBytes} free bytes of the budget`);
    this.name = 'OverBudget';
    this.requestedBytes = requestedBytes;
    this.freeBytes = freeBytes;
  }
}

/** Bytes of buffers on a device. Dawn does not report free memory, so the limit is a configured one and what a lack of memory shows. */
export class MemoryBudget {
  readonly #limitBytes: number;
  #learnedBytes = Infinity;
  #learnedAtMs = 0;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get totalBytes(): number {
    const isRecent = performance.now() - this.#learnedAtMs < LEARNED_MS;
    return isRecent ? Math.min(this.#limitBytes, this.#learnedBytes) : this.#limitBytes;
  }

  get freeBytes(): number {
    return Math.max(0, this.totalBytes - this.#usedBytes);
  }

  /** @throws OverBudget without a change */
  take(bytes: number): void {
    if (bytes > this.freeBytes) throw new OverBudget(bytes, this.freeBytes);
    this.#usedBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  /** The device refused to have as much in use as there is now. Others may have had its memory, so that this counts for a while only. */
  learnLack(): void {
    this.#learnedBytes = Math.max(this.#usedBytes - 1, LEAST_BYTES);
    this.#learnedAtMs = performance.now();
  }
}

const LEARNED_MS = 30_000;
/** Even a device that refused everything is tried with small requests. */
const LEAST_BYTES = 16 * 2 ** 20;
