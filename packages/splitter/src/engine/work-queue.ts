import type { ChunkFailure } from './chunk-work.js';

/** Items that wait to be done. */
export interface QueuedRange {
  readonly start: number;
  readonly end: number;
  /** The first lane that may do them. */
  readonly lane: number;
  /** Maximum items of the next chunk: its earlier size when it is tried again. */
  readonly mostItems: number;
  /** Number of the chunk that failed before; undefined for items that were not tried yet. */
  readonly chunkIndex: number | undefined;
  /** Failed calls that were retried. */
  readonly failures: number;
  /** The failure on an earlier lane. */
  readonly failure: ChunkFailure | undefined;
}

/** Ranges that wait, in ascending order, and the numbers of chunks. */
export class WorkQueue {
  readonly #ranges: QueuedRange[] = [];
  #chunkIndexes = 0;

  add(range: { readonly start: number; readonly end: number } & Partial<QueuedRange>): void {
    const { start, end, lane = 0, mostItems = Infinity, chunkIndex, failures = 0, failure } = range;
    let at = 0;
    while (at < this.#ranges.length && this.#ranges[at].start < start) at++;
    this.#ranges.splice(at, 0, { start, end, lane, mostItems, chunkIndex, failures, failure });
  }

  take(): QueuedRange | undefined {
    return this.#ranges.shift();
  }

  /** `range`, extended by the adjacent untried ranges for which `belongs` is true, because one lane need not cut there. */
  extend(range: QueuedRange, belongs: (next: QueuedRange) => boolean): QueuedRange {
    let { end } = range;
    for (;;) {
      const next = this.#ranges.at(0);
      if (next?.start !== end || next.chunkIndex !== undefined || !belongs(next)) return { ...range, end };
      end = next.end;
      this.#ranges.shift();
    }
  }

  nextChunkIndex(): number {
    return this.#chunkIndexes++;
  }

  peekChunkIndex(): number {
    return this.#chunkIndexes;
  }
}
