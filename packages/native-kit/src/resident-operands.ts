import { setTimeout } from 'node:timers/promises';
import { rowsChangedSince, type CsrGraph, type Operand, type VectorMatrix } from '@gearshift/contracts';
import { isGraph } from '@gearshift/contracts/internal';
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
  /** The arrays that the copy is known to have the contents of, such as those that it was filled from. */
  readonly sources: WeakSet<object>;
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
    return hasShapeOf(resident, operand) && this.#hasContentsOf(resident, operand) ? resident.handle : undefined;
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
    if (fill?.version !== operand.version || fill.isAbandoned || fill.source !== arraysOf(operand)[0]) {
      const started = new ResidentFill(operand.version, arraysOf(operand)[0], this.#failures, (abandoned) =>
        this.#make(operand, abandoned),
      );
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
    const { id, version } = operand;
    const sources = new WeakSet<object>(arraysOf(operand));
    this.#residents.set(id, { version, shape: shapeOf(operand), handle, sources });
    this.#collected.register(arraysOf(operand)[0], { id, version });
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

  async #make(operand: Operand, abandoned: AbortSignal): Promise<Failure | undefined> {
    const updated = this.#update(operand);
    const handle = updated ?? this.open(operand);
    if (typeof handle !== 'number') return handle;
    try {
      let failure = await this.#fillOrWait(operand, handle, abandoned);
      // The rows that were not updated must be those of this operand, too.
      if (updated !== undefined) failure ??= this.#refuseOtherValues(operand, handle);
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

  /**
   * Whether a copy has the contents of an operand. Other arrays than those it was made from may be the same ones from another
   * thread, or those of another operand that was given the same id.
   */
  #hasContentsOf({ sources, handle }: Resident, operand: Operand): boolean {
    const { values, rowPointers, columns, weights } = operand as VectorMatrix & CsrGraph;
    if (sources.has(values)) return true;
    if (sources.has(rowPointers) && sources.has(columns) && sources.has(weights)) return true;
    // open() finds the copy of a graph by its contents.
    if (!isMatrix(operand) || !this.#addon.matchesMatrix(handle, operand.values)) return false;
    sources.add(operand.values);
    return true;
  }

  #drop(id: number): void {
    const resident = this.#residents.get(id);
    if (resident === undefined) return;
    this.#residents.delete(id);
    this.#addon.release(resident.handle);
  }
}

export function isMatrix(operand: Operand): operand is VectorMatrix {
  return !isGraph(operand);
}

function arraysOf(operand: Operand): readonly object[] {
  return isMatrix(operand) ? [operand.values] : [operand.rowPointers, operand.columns, operand.weights];
}

export function shapeOf(operand: Operand): OperandShape {
  return isMatrix(operand) ? [operand.rows, operand.dimensions] : [operand.nodes, operand.columns.length];
}

/** Does not ask what the operand is, because every request compares the shape. */
function hasShapeOf({ shape: [first, second] }: Resident, operand: Operand): boolean {
  const { rows, dimensions, nodes, columns } = operand as Partial<VectorMatrix & CsrGraph>;
  return (rows === first && dimensions === second) || (nodes === first && columns?.length === second);
}
