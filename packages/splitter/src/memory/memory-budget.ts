import type { MemoryBudgetSnapshot, Result } from '@gearshift/contracts';
import type { Reservation, ReservationRefusal } from './reservation.js';

/**
 * How much memory of one device may be used now:
 * `min(cap, free * usableFraction - reserve) - reserved by us`, with a reading of `free` that is at most `maxAgeMs` old.
 *
 * Belongs to one thread; budgets of several threads share one limit when they share a ledger
 * ({@link MemoryBudgetOptions.ledger}).
 */
export interface MemoryBudget {
  /** Bytes that can be reserved now; 0 when nothing is left, Infinity where that is unknown. */
  availableBytes(): number;
  /** Bytes that could be reserved if nothing were in use; larger work never fits. Infinity where that is unknown. */
  capacityBytes(): number;
  /**
   * Reserves `bytes` until the caller releases them. When they are not available, nothing is reserved and the error says how
   * many are. The sum of all reservations never exceeds the budget.
   */
  reserve(bytes: number): Result<Reservation, ReservationRefusal>;
  /** Bytes reserved now, including those of other threads that share the ledger. */
  reservedBytes(): number;

  /**
   * Counts memory that the caller holds for longer than one call, such as a resident matrix.
   *
   * @returns whether it is within the budget; if not, nothing is counted and the caller should not keep the memory.
   */
  trackAllocation(bytes: number): boolean;
  /**
   * Stops counting such memory. The sum never falls below zero.
   *
   * @returns the bytes subtracted: fewer than `bytes` when fewer were counted.
   */
  trackDeallocation(bytes: number): number;
  trackedBytes(): number;

  /** Share of the capacity that is not available, from 0 to 1; 0 where the capacity is unknown. */
  pressureRatio(): number;
  /** Whether {@link pressureRatio} is above the threshold. */
  isUnderPressure(): boolean;

  /** How many times more memory than its model says work needs, learned from out-of-memory errors; at least 1. */
  inflation(): number;
  /**
   * Learns from an out-of-memory error of work that had reserved `bytes` and has released them. Reads the source again: if so
   * much is free, the model was wrong and {@link inflation} rises by a quarter; otherwise the reading was too old.
   */
  recordOutOfMemory(bytes: number): void;

  /** Reads the source now, regardless of the age of the last reading. */
  refresh(): void;
  /** Calls `listener` whenever memory of this thread is released or no longer tracked, until unsubscribed. */
  onRelease(listener: () => void): () => void;
  /** Free bytes at the last reading; null where the source does not know them. */
  lastFreeBytes(): number | null;
  snapshot(): MemoryBudgetSnapshot;
}

export interface MemoryBudgetOptions {
  /** Used in events and messages, such as the id of the device; default `'memory'`. */
  readonly name?: string | undefined;
  /** Never use more than this; default Infinity. */
  readonly capBytes?: number | undefined;
  /** Share of the free memory that may be used; default 0.8. */
  readonly usableFraction?: number | undefined;
  /** Additional memory that stays free for others; default 0. */
  readonly reserveBytes?: number | undefined;
  /** Age at which a reading is taken again; default 250. */
  readonly maxAgeMs?: number | undefined;
  /** While the source fails, the last reading decays to this; default 64 MiB. */
  readonly floorBytes?: number | undefined;
  /** Above this the budget is under pressure; default 0.8. */
  readonly pressureThreshold?: number | undefined;
  /** How long work that was given up, and does not end, keeps its reservation; default 30 000. */
  readonly abandonedHoldMs?: number | undefined;
  /** The result of `createSharedLedger()`, to share one budget with other threads; by default the budget is not shared. */
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
