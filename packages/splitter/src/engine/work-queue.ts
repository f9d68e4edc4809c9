import type { ChunkFailure } from './chunk-work.js';

/** Items that wait to be done. */
export interface QueuedRange {
  readonly start: number;
  end: number;
  /** The first lane that may do them. */
  readonly lane: number;
  /** Most items of the next chunk: its size when it is tried again. */
  readonly mostItems: number;
  /** Number of the chunk that failed before; undefined for items that were not tried yet. */
  chunkIndex: number | undefined;
  /** Failed calls that were retried. */
  readonly failures: number;
  /** Why an earlier lane did not do them. */
  readonly failure: ChunkFailure | undefined;
}

/** Ranges that wait, in ascending order, and how many are being worked on. */
export class WorkQueue {
  readonly #ranges: QueuedRange[] = [];
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;
  #chunkIndexes = 0;

  add(range: { readonly start: number; readonly end: number } & Partial<QueuedRange>): void {
    const { start, end, lane = 0, mostItems = Infinity, chunkIndex, failures = 0, failure } = range;
    let at = 0;
    while (at < this.#ranges.length && this.#ranges[at].start < start) at++;
    this.#ranges.splice(at, 0, { start, end, lane, mostItems, chunkIndex, failures, failure });
    this.#wake();
  }

  /** The first range; {@link release} it when it is done or back in the queue. */
  take(): QueuedRange | undefined {
    const range = this.#ranges.shift();
    if (range !== undefined) this.#underWay += 1;
    return range;
  }

  release(): void {
    this.#underWay -= 1;
    this.#wake();
  }

  /** Ranges are being worked on, which may come back. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** Settles when a range was added or released. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Extends `range` by untried ranges right behind it that belong to the same place: they need not be cut there. */
  absorbNeighbours(range: QueuedRange, belongs: (other: QueuedRange) => boolean): void {
    while (this.#ranges.length > 0) {
      const [next] = this.#ranges;
      if (next.start !== range.end || next.chunkIndex !== undefined || !belongs(next)) return;
      range.end = next.end;
      this.#ranges.shift();
    }
  }

  nextChunkIndex(): number {
    return this.#chunkIndexes++;
  }

  peekChunkIndex(): number {
    return this.#chunkIndexes;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
