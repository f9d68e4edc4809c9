import type { MemoryBudgetSnapshot, Result } from '@gearshift/contracts';
import type { Reservation, ReservationRefusal } from './reservation.js';

/**
 * How much memory of one device may be used now:
 * `min(cap, free * usableFraction - reserve) - reserved by us`, with `free` never older than it may be.
 *
 * Belongs to one thread; budgets of several threads keep to one limit when they share a ledger
 * ({@link MemoryBudgetOptions.ledger}).
 */
export interface MemoryBudget {
  /** Bytes that a reservation made now could have; 0 when nothing is left, Infinity where nobody can tell. */
  availableBytes(): number;
  /** Bytes that could be had were nothing in use: what is larger never fits. Infinity where nobody can tell. */
  capacityBytes(): number;
  /**
   * Promises `bytes` to the caller until it releases them. Refuses with plain data when they are not there; nothing is
   * reserved then. Whatever the number of callers, what is promised never exceeds the budget.
   */
  reserve(bytes: number): Result<Reservation, ReservationRefusal>;
  /** Bytes now promised, also to other threads that share the ledger. */
  reservedBytes(): number;

  /**
   * Notes memory that the caller holds beyond single pieces of work, such as a resident matrix.
   *
   * @returns whether it is within the budget; when not, nothing is noted and the caller should not keep the memory.
   */
  trackAllocation(bytes: number): boolean;
  /**
   * Notes that such memory was freed. The sum never falls below zero.
   *
   * @returns how many bytes were taken off: less than `bytes` when more is given back than was ever noted.
   */
  trackDeallocation(bytes: number): number;
  trackedBytes(): number;

  /** Share of the capacity that is not available, from 0 to 1; 0 where nobody can tell. */
  pressureRatio(): number;
  /** Whether {@link pressureRatio} is above the threshold. */
  isUnderPressure(): boolean;

  /** By how much work needs more memory than its model says, learned from out-of-memory errors; at least 1. */
  inflation(): number;
  /**
   * Learns from an out-of-memory error of work that had reserved `bytes` and has released them: reads the source again,
   * and when so much is free indeed, the model was wrong and {@link inflation} rises by a quarter. When it is not free,
   * the reading was old.
   */
  recordOutOfMemory(bytes: number): void;

  /** Reads the source now, whatever the age of the last reading. */
  refresh(): void;
  /** Calls `listener` whenever a reservation or a tracked allocation of this thread is given back, until unsubscribed. */
  onRelease(listener: () => void): () => void;
  /** What the source said last; null where it does not tell. */
  lastFreeBytes(): number | null;
  snapshot(): MemoryBudgetSnapshot;
}

export interface MemoryBudgetOptions {
  /** Stands in events, such as the id of the device; default `'memory'`. */
  readonly name?: string | undefined;
  /** Never use more than this; default Infinity. */
  readonly capBytes?: number | undefined;
  /** Share of the free memory that may be used; default 0.8. */
  readonly usableFraction?: number | undefined;
  /** Left to others on top of that; default 0. */
  readonly reserveBytes?: number | undefined;
  /** Age at which a reading is taken again; default 250. */
  readonly maxAgeMs?: number | undefined;
  /** What a reading that cannot be renewed decays to; default 64 MiB. */
  readonly floorBytes?: number | undefined;
  /** Above this the budget is under pressure; default 0.8. */
  readonly pressureThreshold?: number | undefined;
  /** How long work that was given up, and does not end, keeps its reservation; default 30 000. */
  readonly abandonedHoldMs?: number | undefined;
  /** What `createSharedLedger()` made, to keep to one budget together with other threads; default one of its own. */
  readonly ledger?: SharedArrayBuffer | undefined;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: (() => number) | undefined;
}

/** Defaults of {@link MemoryBudgetOptions}. */
export const BUDGET_DEFAULTS = {
  name: 'memory',
  capBytes: Infinity,
  usableFraction: 0.8,
  reserveBytes: 0,
  maxAgeMs: 250,
  floorBytes: 64 * 2 ** 20,
  pressureThreshold: 0.8,
  abandonedHoldMs: 30_000,
} as const;
