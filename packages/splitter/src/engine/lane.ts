import type { Result } from '@gearshift/contracts';
import type { ClassifyError } from '../errors/classify-failure.js';
import type { MemoryBudget } from '../memory/memory-budget.js';
import type { Reservation } from '../memory/reservation.js';
import type { CheckedLimits } from '../sizing/chunk-limits.js';
import { bytesOf, isTiny, nextChunkItems } from '../sizing/chunk-size.js';
import { createChunkSizer, type ChunkSizer } from '../sizing/chunk-sizer.js';
import type { EngineOptions } from './check-run-options.js';
import type { ChunkCall } from './chunk-work.js';
import { guardedCall, type CallEnd } from './guarded-call.js';

/** A place where items can be done: a function, its limits, and how its failures are classified. */
export interface LaneOptions<V, E> {
  /** Used in events. */
  readonly name: string;
  readonly call: ChunkCall<V, E>;
  readonly limits: CheckedLimits;
  readonly classifyError: ClassifyError<unknown> | undefined;
  /** Time for one call; Infinity for no limit. */
  readonly chunkTimeoutMs: number;
  /**
   * Whether the call for these items settles soon after its signal fires, so that the run waits for it instead of giving it
   * up. Called before each call.
   */
  readonly settlesWhenAborted: (start: number, end: number) => boolean;
  /** Frees memory that is not in use; `false` when there was nothing to free. */
  readonly freeIdleMemory: (() => unknown) | undefined;
  /** Whether the lane takes chunks now. Called before each chunk. */
  readonly isOpen: () => boolean;
}

/** A chunk of the work with the memory that it may use. */
export interface ReservedChunk {
  readonly start: number;
  readonly end: number;
  readonly reservation: Reservation | null;
}

/** After this many faults in a row the next lane does the rest. */
const MOST_FAULTS_IN_A_ROW = 4;

/** The state of a lane during one run: its current limits, and whether it has failed for good. */
export class Lane<V, E> {
  readonly options: LaneOptions<V, E>;
  /** Position in the order of preference. */
  readonly index: number;
  readonly isFallback: boolean;
  readonly limits: CheckedLimits;
  readonly budget: MemoryBudget | undefined;
  /** Created at the first out-of-memory error, which most runs never have. */
  sizer: ChunkSizer | undefined;
  readonly #run: EngineOptions;
  #takesTiny = false;
  #isClosed = false;
  #faultsInARow = 0;
  #underWay = 0;
  /** Bytes reserved by chunks under way. */
  #ownBytes = 0;
  /** End of a pause that an error requested; no call begins before. */
  #pausedUntilMs = 0;

  constructor(options: LaneOptions<V, E>, index: number, run: EngineOptions) {
    this.options = options;
    this.index = index;
    this.isFallback = index > 0;
    this.limits = options.limits;
    this.budget = options.limits.budget;
    this.sizer = options.limits.sizer;
    this.#run = run;
  }

  /** Whether the lane takes chunks now. */
  get isOpen(): boolean {
    return !this.#isClosed && this.options.isOpen();
  }

  /** Whether chunks of this run are under way, which will release their memory. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  get pauseMs(): number {
    return this.#pausedUntilMs === 0 ? 0 : Math.max(0, this.#pausedUntilMs - this.#run.clock());
  }

  pause(delayMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#run.clock() + delayMs);
  }

  /** Accepts chunks of any size from now on, after the wait for others. Returns whether that changes anything. */
  acceptTinyChunks(): boolean {
    const changed = !this.#takesTiny;
    this.#takesTiny = true;
    return changed;
  }

  /**
   * The next chunk of `[start, end)` with its memory reserved; null when not even the smallest one fits, or when others leave
   * room only for tiny ones. Chunks that are under way together share the memory evenly.
   */
  take(start: number, end: number, mostItems: number): ReservedChunk | null {
    const { limits, budget } = this;
    const share = Math.max(1, this.#run.concurrency - this.#underWay);
    let items = Math.min(mostItems, nextChunkItems(end - start, limits, this.sizer, share));
    if (items === 0) return null;
    if (!this.#takesTiny && isTiny(items, Math.min(mostItems, end - start), limits, this.#ownBytes)) return null;
    if (budget === undefined) return { start, end: start + items, reservation: null };
    let reserved = budget.reserve(bytesOf(limits, items));
    // Other threads may have reserved memory in the meantime, and fractions of bytes add up.
    if (!reserved.ok && items > 1) {
      items = Math.max(1, Math.floor(items * 0.9));
      reserved = budget.reserve(bytesOf(limits, items));
    }
    return reserved.ok ? { start, end: start + items, reservation: reserved.value } : null;
  }

  /**
   * Calls the function for a chunk. The memory of the chunk stays reserved as long as the call may use it.
   *
   * @param signal ends the call.
   */
  async call(chunk: ReservedChunk, signal: AbortSignal | undefined): Promise<CallEnd<Result<V, E>>> {
    const { call, chunkTimeoutMs, settlesWhenAborted } = this.options;
    const bytes = chunk.reservation?.bytes ?? 0;
    this.#underWay += 1;
    this.#ownBytes += bytes;
    const end = await guardedCall((callSignal) => call(chunk.start, chunk.end, callSignal), {
      signal,
      limitMs: chunkTimeoutMs,
      abortGraceMs: settlesWhenAborted(chunk.start, chunk.end) ? Infinity : 0,
      timers: this.#run.timers,
    });
    this.#underWay -= 1;
    this.#ownBytes -= bytes;
    if (end.how === 'given-up') chunk.reservation?.releaseAfter(end.late);
    else chunk.reservation?.release();
    return end;
  }

  succeeded(items: number): void {
    this.#faultsInARow = 0;
    this.sizer?.succeeded(items, this.limits.unitBytes);
  }

  /** @param isForGood the next chunk would fail on this lane too. */
  failed(isForGood: boolean): void {
    this.#faultsInARow += 1;
    if (isForGood || this.#faultsInARow >= MOST_FAULTS_IN_A_ROW) this.#isClosed = true;
  }

  /** Maximum items of the next chunk after one of so many items ran out of memory: half of them, but not too few. */
  smallerThan(items: number): number {
    return Math.max(Math.min(this.limits.minChunkItems, items), Math.floor(items / 2));
  }

  ranOutOfMemory(items: number): void {
    this.sizer ??= createChunkSizer({ clock: this.#run.clock });
    this.sizer.ranOutOfMemory(items, this.limits.unitBytes, this.budget?.lastFreeBytes() ?? null);
  }
}
