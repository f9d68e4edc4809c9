import { setTimeout } from 'node:timers/promises';
import { rowsChangedSince, type Operand, type VectorMatrix } from '@gearshift/contracts';
import { RESIDENT_STATE, type ResidentEntries } from './addon-entries.js';
import type { BackendFailures, Failure } from './backend-failures.js';
import { ResidentFill } from './resident-fill.js';

/** How often to check whether another thread has finished filling a copy. */
const POLL_MS = 2;

/** Rows and dimensions, or nodes and edges. */
type OperandShape = readonly [number, number];

interface Resident {
  readonly version: number;
  readonly shape: OperandShape;
  readonly handle: number;
}

interface Rows {
  readonly start: number;
  readonly end: number;
}

/**
 * The copies of operands that a backend uses, least recently used first. A copy belongs to the process: threads with the same
 * operand share one, and it is freed when the last of them releases it.
 *
 * Each backend defines how a copy is opened and filled.
 */
export abstract class ResidentOperands {
  readonly #addon: ResidentEntries;
  readonly #failures: BackendFailures;
  readonly #residents = new Map<number, Resident>();
  readonly #fills = new Map<number, ResidentFill>();
  /** Drops a copy when its source arrays have been collected, because no code can use it any more. */
  readonly #collected = new FinalizationRegistry<{ id: number; version: number }>(({ id, version }) => {
    if (this.#residents.get(id)?.version === version) this.#drop(id);
  });

  constructor(addon: ResidentEntries, failures: BackendFailures) {
    this.#addon = addon;
    this.#failures = failures;
  }

  /** A handle to the copy of the process, created if there is none, or why it cannot be created. */
  protected abstract open(operand: Operand): number | Failure;

  /** Fills a copy that this thread has to fill, with turns of the event loop in between. */
  abstract fill(operand: Operand, handle: number, signal: AbortSignal | undefined): Promise<Failure | undefined>;

  /**
   * Turns a ready copy into one of another version with `rows` that are still to be filled. False if that is impossible. A
   * backend without this method drops copies of earlier versions.
   */
  protected updateCopy?(handle: number, version: number, rows: Rows): boolean;

  /**
   * Handle of the copy of exactly this version, if there is one. A copy of another version is dropped, unless it can be
   * updated.
   */
  handleOf(operand: Operand): number | undefined {
    const resident = this.#residents.get(operand.id);
    if (resident === undefined) return undefined;
    if (resident.version !== operand.version) {
      if (this.missingRows(operand) === undefined) this.#drop(operand.id);
      return undefined;
    }
    return hasShapeOf(resident, operand) ? resident.handle : undefined;
  }

  /** The same for a request, which marks the copy as used. */
  use(operand: Operand): number | undefined {
    const handle = this.handleOf(operand);
    const resident = this.#residents.get(operand.id);
    if (handle !== undefined && resident !== undefined) {
      this.#residents.delete(operand.id);
      this.#residents.set(operand.id, resident);
    }
    return handle;
  }

  /** The rows to update in a copy of an earlier version; undefined if there is no such copy or they are unknown. */
  missingRows(operand: Operand): Rows | undefined {
    if (this.updateCopy === undefined) return undefined;
    const resident = this.#residents.get(operand.id);
    if (resident === undefined || !isMatrix(operand) || !hasShapeOf(resident, operand)) return undefined;
    const missing = rowsChangedSince(operand, resident.version);
    return missing !== undefined && missing.end <= operand.rows ? missing : undefined;
  }

  residentBytes(operand: Operand): number {
    const handle = this.handleOf(operand);
    return handle === undefined ? 0 : this.#addon.residentBytes(handle);
  }

  /** Creates the copy with turns of the event loop in between. Threads and requests with the same operand share the work. */
  async ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    if (this.use(operand) !== undefined) return undefined;
    let fill = this.#fills.get(operand.id);
    if (fill?.version !== operand.version || fill.isAbandoned) {
      const started = new ResidentFill(operand.version, this.#failures, (abandoned) => this.#make(operand, abandoned));
      fill = started;
      this.#fills.set(operand.id, started);
      void started.done.finally(() => {
        if (this.#fills.get(operand.id) === started) this.#fills.delete(operand.id);
      });
    }
    return fill.wait(signal);
  }

  release(operand: Operand): void {
    this.#drop(operand.id);
  }

  /** Waits for copies that are being created, then releases all. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#fills.values()].map(({ done }) => done));
    for (const id of [...this.#residents.keys()]) this.#drop(id);
  }

  /** Adds the handle of a ready copy. */
  protected keep(operand: Operand, handle: number): void {
    this.#drop(operand.id);
    this.#residents.set(operand.id, { version: operand.version, shape: shapeOf(operand), handle });
    const arrays = isMatrix(operand) ? operand.values : operand.rowPointers;
    this.#collected.register(arrays, { id: operand.id, version: operand.version });
  }

  /** Releases the least recently used copy; false when there is none. */
  protected dropOldest(): boolean {
    const oldest = this.#residents.keys().next();
    if (oldest.done === true) return false;
    this.#drop(oldest.value);
    return true;
  }

  /** Bytes of all copies. */
  protected heldBytes(): number {
    let bytes = 0;
    for (const { handle } of this.#residents.values()) bytes += this.#addon.residentBytes(handle);
    return bytes;
  }

  /**
   * V8 does not count shared memory: without a report it sees no reason to collect operands that are no longer used, however
   * large they are.
   */
  protected reportSharedMemory(operand: Operand): void {
    const arrays = isMatrix(operand) ? [operand.values] : [operand.rowPointers, operand.columns, operand.weights];
    for (const { buffer } of arrays) {
      if (Object.prototype.toString.call(buffer) !== '[object SharedArrayBuffer]') continue;
      this.#addon.reportMemory(buffer, buffer.byteLength);
    }
  }

  async #make(operand: Operand, abandoned: AbortSignal): Promise<Failure | undefined> {
    this.reportSharedMemory(operand);
    const handle = this.#update(operand) ?? this.open(operand);
    if (typeof handle !== 'number') return handle;
    try {
      const failure = await this.#fillOrWait(operand, handle, abandoned);
      if (failure === undefined) this.keep(operand, handle);
      else this.#addon.release(handle);
      return failure;
    } catch (error) {
      this.#addon.release(handle);
      throw error;
    }
  }

  /** Removes and returns a copy of an earlier version to update it; undefined if that is impossible. */
  #update(operand: Operand): number | undefined {
    const resident = this.#residents.get(operand.id);
    const missing = this.missingRows(operand);
    if (resident === undefined || missing === undefined) return undefined;
    if (this.updateCopy?.(resident.handle, operand.version, missing) !== true) {
      this.#drop(operand.id);
      return undefined;
    }
    this.#residents.delete(operand.id);
    return resident.handle;
  }

  async #fillOrWait(operand: Operand, handle: number, abandoned: AbortSignal): Promise<Failure | undefined> {
    for (;;) {
      if (abandoned.aborted) return this.#failures.aborted();
      switch (this.#addon.residentState(handle)) {
        case RESIDENT_STATE.ready:
          return this.#refuseOtherValues(operand, handle);
        case RESIDENT_STATE.ours:
          return this.fill(operand, handle, abandoned);
        default:
          await setTimeout(POLL_MS);
      }
    }
  }

  #refuseOtherValues(operand: Operand, handle: number): Failure | undefined {
    if (!isMatrix(operand) || this.#addon.matchesMatrix(handle, operand.values)) return undefined;
    return this.#failures.of(
      'invalid-input',
      'another operand with the same id and version, but other values, is resident',
    );
  }

  #drop(id: number): void {
    const resident = this.#residents.get(id);
    if (resident === undefined) return;
    this.#residents.delete(id);
    this.#addon.release(resident.handle);
  }
}

export function isMatrix(operand: Operand): operand is VectorMatrix {
  return 'values' in operand;
}

export function shapeOf(operand: Operand): OperandShape {
  return isMatrix(operand) ? [operand.rows, operand.dimensions] : [operand.nodes, operand.columns.length];
}

function hasShapeOf({ shape: [first, second] }: Resident, operand: Operand): boolean {
  return 'values' in operand
    ? operand.rows === first && operand.dimensions === second
    : operand.nodes === first && operand.columns.length === second;
}
