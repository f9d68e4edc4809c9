import type { MemoryBudget } from '../memory/memory-budget.js';
import type { Reservation } from '../memory/reservation.js';
import { bytesOf, type CheckedLimits } from '../sizing/chunk-limits.js';
import { createChunkSizer, type ChunkSizer } from '../sizing/chunk-sizer.js';
import { freeBytesOf, isCrumb, nextChunkItems, unitOf } from '../sizing/next-chunk.js';
import type { Clock } from '../clock.js';
import type { ChunkCall } from './chunk-work.js';

/** A piece of the work, with the memory that it may use. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly reservation: Reservation | null;
}

/** One place where pieces can be done: the caller's function with its limits, or the stand-in. */
export class Lane<V, E> {
  readonly call: ChunkCall<V, E>;
  readonly limits: CheckedLimits;
  readonly isStandIn: boolean;
  readonly #clock: Clock;
  /** Made when there is something to remember: most runs never run out of memory. */
  #sizer: ChunkSizer | undefined;
  #takesCrumbs = false;

  constructor(call: ChunkCall<V, E>, limits: CheckedLimits, isStandIn: boolean, clock: Clock) {
    this.call = call;
    this.limits = limits;
    this.isStandIn = isStandIn;
    this.#clock = clock;
    this.#sizer = limits.sizer;
  }

  get budget(): MemoryBudget | undefined {
    return this.limits.budget;
  }

  get sizer(): ChunkSizer | undefined {
    return this.#sizer;
  }

  /** The wait for others was long enough: from now on any piece will do. Says whether that changes anything. */
  settleForCrumbs(): boolean {
    const changed = !this.#takesCrumbs;
    this.#takesCrumbs = true;
    return changed;
  }

  /**
   * The next piece of `[start, end)`, its memory reserved; null when there is none for even the smallest, or for crumbs
   * only, because of others.
   */
  take(start: number, end: number, mostItems: number): Piece | null {
    let items = Math.min(mostItems, nextChunkItems(end - start, this.limits, this.#sizer));
    if (items === 0) return null;
    if (!this.#takesCrumbs && isCrumb(items, Math.min(mostItems, end - start), this.limits)) return null;
    const { budget } = this.limits;
    if (budget === undefined) return { start, end: start + items, reservation: null };
    let reserved = budget.reserve(bytesOf(this.limits, items));
    // Other threads may have been faster, and fractions of bytes add up.
    if (!reserved.ok && items > 1) {
      items = Math.max(1, Math.floor(items * 0.9));
      reserved = budget.reserve(bytesOf(this.limits, items));
    }
    return reserved.ok ? { start, end: start + items, reservation: reserved.value } : null;
  }

  succeeded(items: number): void {
    this.#sizer?.succeeded(items, unitOf(this.limits));
  }

  ranOutOfMemory(items: number): void {
    this.#sizer ??= createChunkSizer({ clock: this.#clock });
    this.#sizer.ranOutOfMemory(items, unitOf(this.limits), freeBytesOf(this.limits));
  }
}
