import { err, type MemoryBudgetSnapshot, type MemoryReading, type Result } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import type { Clock } from '../timers.js';
import { memoryChannel } from '../channels.js';
import { RESERVED, TRACKED, type Ledger } from './ledger.js';
import type { MemoryBudget } from './memory-budget.js';
import { MemoryGauge, type GaugeSettings } from './memory-gauge.js';
import type { Reservation, ReservationRefusal } from './reservation.js';

export interface BudgetSettings extends GaugeSettings {
  readonly name: string;
  readonly capBytes: number;
  readonly pressureThreshold: number;
  readonly abandonedHoldMs: number;
  readonly ledger: Ledger;
  readonly clock: Clock;
}

/** An out-of-memory error that contradicts the caller's model of its memory raises the inflation by a quarter. */
const INFLATION_STEP = 1.25;
/** A model that is wrong by more than this is useless; chunks get smaller instead. */
const LARGEST_INFLATION = 8;
/** The excess over 1 halves every minute, so that one failure has no lasting effect. */
const INFLATION_HALF_LIFE_MS = 60_000;

/** The budget that keeps its sums in a {@link Ledger} and reads the device through a {@link MemoryGauge}. */
export class LedgerBudget implements MemoryBudget {
  readonly #settings: BudgetSettings;
  readonly #ledger: Ledger;
  readonly #gauge: MemoryGauge;
  readonly #listeners = new Set<() => void>();
  /** Reservations of work that was given up, with the time at which they are released at the latest. */
  readonly #abandoned = new Map<LedgerReservation, number>();
  /** Tracked bytes that the last reading already counts as used. */
  #trackedAtReading = 0;
  /** Share by which work needs more memory than the model says, and since when. */
  #inflationExcess = 0;
  #inflatedAtMs = 0;

  constructor(read: () => MemoryReading, settings: BudgetSettings) {
    this.#settings = settings;
    this.#ledger = settings.ledger;
    this.#gauge = new MemoryGauge(read, settings, () => this.#noteReading());
  }

  availableBytes(): number {
    this.#gauge.update();
    return Math.max(0, this.#leftBytes());
  }

  capacityBytes(): number {
    this.#gauge.update();
    return this.#capacity();
  }

  reserve(bytes: number): Result<Reservation, ReservationRefusal> {
    requireBytes(bytes);
    this.#gauge.update();
    // Added first, so that another thread that reserves at the same moment sees it and cannot get the same bytes.
    this.#ledger.add(RESERVED, bytes);
    const leftBytes = this.#leftBytes();
    if (leftBytes >= 0 || bytes === 0) return { ok: true, value: new LedgerReservation(this, bytes) };
    this.#ledger.subtract(RESERVED, bytes);
    const availableBytes = Math.max(0, leftBytes + bytes);
    const message = `${this.#settings.name}: ${bytes} bytes wanted, ${availableBytes} available`;
    return err({ kind: 'overloaded', message, requestedBytes: bytes, availableBytes });
  }

  reservedBytes(): number {
    return this.#ledger.total(RESERVED);
  }

  trackAllocation(bytes: number): boolean {
    requireBytes(bytes);
    this.#gauge.update();
    this.#ledger.add(TRACKED, bytes);
    if (this.#leftBytes() >= 0 || bytes === 0) return true;
    this.#ledger.subtract(TRACKED, bytes);
    return false;
  }

  trackDeallocation(bytes: number): number {
    const subtracted = this.#ledger.subtract(TRACKED, requireBytes(bytes));
    if (subtracted > 0 && this.#listeners.size > 0) this.#callListeners();
    return subtracted;
  }

  trackedBytes(): number {
    return this.#ledger.total(TRACKED);
  }

  pressureRatio(): number {
    this.#gauge.update();
    return this.#pressureRatio();
  }

  isUnderPressure(): boolean {
    return this.pressureRatio() > this.#settings.pressureThreshold;
  }

  inflation(): number {
    if (this.#inflationExcess === 0) return 1;
    const ageMs = this.#settings.clock() - this.#inflatedAtMs;
    const excess = this.#inflationExcess * 0.5 ** (ageMs / INFLATION_HALF_LIFE_MS);
    // Below a thousandth it no longer changes any chunk.
    if (excess < 1e-3) this.#inflationExcess = 0;
    return 1 + excess;
  }

  recordOutOfMemory(bytes: number): void {
    this.refresh();
    // Where the free memory is unknown, the cap may be wrong instead of the model.
    if (this.#gauge.freeBytes === null || this.#gauge.failing || this.#leftBytes() < bytes) return;
    this.#inflationExcess = Math.min(LARGEST_INFLATION, this.inflation() * INFLATION_STEP) - 1;
    this.#inflatedAtMs = this.#settings.clock();
  }

  refresh(): void {
    this.#gauge.refresh();
  }

  onRelease(listener: () => void): () => void {
    // Wrapped, so that a function that is subscribed twice is called twice, and unsubscribes once at a time.
    const entry = () => listener();
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  lastFreeBytes(): number | null {
    return this.#gauge.freeBytes;
  }

  snapshot(): MemoryBudgetSnapshot {
    this.#gauge.update();
    return this.#snapshot();
  }

  /** Called by reservations only. */
  giveBack(reservation: LedgerReservation): void {
    this.#abandoned.delete(reservation);
    this.#ledger.subtract(RESERVED, reservation.bytes);
    if (this.#listeners.size > 0) this.#callListeners();
  }

  /** Called by reservations only. */
  hold(reservation: LedgerReservation): void {
    this.#abandoned.set(reservation, this.#settings.clock() + this.#settings.abandonedHoldMs);
  }

  /** Bytes left in the budget; negative when others took memory that was reserved here. */
  #leftBytes(): number {
    if (this.#abandoned.size > 0) this.#releaseOverdue();
    const reserved = this.#ledger.total(RESERVED);
    const tracked = this.#ledger.total(TRACKED);
    // A reading of the free memory already excludes what was tracked before it; a total does not.
    const unseen = this.#gauge.freeBytes === null ? tracked : Math.max(0, tracked - this.#trackedAtReading);
    return Math.min(this.#settings.capBytes - tracked, this.#gauge.usableBytes() - unseen) - reserved;
  }

  #capacity(): number {
    return Math.min(this.#settings.capBytes, this.#gauge.capacityBytes());
  }

  #pressureRatio(): number {
    const capacity = this.#capacity();
    if (capacity === Infinity) return 0;
    return capacity === 0 ? 1 : 1 - Math.min(1, Math.max(0, this.#leftBytes()) / capacity);
  }

  #releaseOverdue(): void {
    const nowMs = this.#settings.clock();
    for (const [reservation, untilMs] of this.#abandoned) {
      if (nowMs >= untilMs) reservation.release();
    }
  }

  #callListeners(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        // Thrown as an uncaught error, because it must not reach the code that releases memory in a `finally`.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #noteReading(): void {
    if (!this.#gauge.failing) this.#trackedAtReading = this.#ledger.total(TRACKED);
    if (memoryChannel.hasSubscribers) memoryChannel.publish(this.#snapshot());
  }

  #snapshot(): MemoryBudgetSnapshot {
    return Object.freeze({
      name: this.#settings.name,
      freeBytes: this.#gauge.freeBytes,
      totalBytes: this.#gauge.totalBytes,
      capacityBytes: this.#capacity(),
      availableBytes: Math.max(0, this.#leftBytes()),
      reservedBytes: this.#ledger.total(RESERVED),
      trackedBytes: this.#ledger.total(TRACKED),
      pressureRatio: this.#pressureRatio(),
      inflation: this.inflation(),
      readingFailed: this.#gauge.failing,
    });
  }
}

class LedgerReservation implements Reservation {
  readonly bytes: number;
  readonly #budget: LedgerBudget;
  #isReleased = false;

  constructor(budget: LedgerBudget, bytes: number) {
    this.#budget = budget;
    this.bytes = bytes;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#budget.giveBack(this);
  }

  releaseAfter(settled: PromiseLike<unknown>): void {
    if (this.#isReleased) return;
    this.#budget.hold(this);
    const release = () => this.release();
    settled.then(release, release);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Whole bytes, so that sums are exact. */
function requireBytes(bytes: number): number {
  if (typeof bytes !== 'number') throw new TypeError(expected('bytes', 'a whole number of bytes', bytes));
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new RangeError(expected('bytes', 'a whole number of bytes, at least 0', bytes));
  }
  return bytes;
}
