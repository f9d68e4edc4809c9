import { setTimeout } from 'node:timers/promises';
import {
  rowsChangedSince,
  type CsrGraph,
  type Dtype,
  type Operand,
  type RowSpan,
  type VectorMatrix,
} from '@gearshift/contracts';
import { isGraph, own } from '@gearshift/contracts/internal';
import { RESIDENT_STATE, type ResidentEntries } from './addon-entries.js';
import type { BackendFailures, Failure } from './backend-failures.js';
import { ResidentFill } from './resident-fill.js';

/** How often to check whether another thread has finished filling a copy. */
const POLL_MS = 2;

/** Rows and dimensions, or nodes and edges. */
type OperandShape = readonly [number, number];

/** What a copy is of. */
export interface CopyState {
  readonly version: number;
  readonly shape: OperandShape;
  /** Of a graph: those of an operand that has no other. */
  readonly dtype: Dtype;
  readonly scale: number;
  readonly handle: number;
}

/** A copy that is changed in place stays the same object: another one would cost V8 more than the change of a few rows. */
interface Resident extends CopyState {
  readonly id: number;
  version: number;
  shape: OperandShape;
  /** The arrays that the copy is known to have the contents of, such as those that it was filled from. */
  readonly sources: WeakSet<object>;
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
  readonly #collected = new FinalizationRegistry<Resident>((resident) => {
    if (this.#residents.get(resident.id) === resident) this.#drop(resident.id);
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
   * Turns a ready copy of an earlier version into one of the operand's version, of which the changed rows are still to be
   * filled. Returns its handle, which may be another one, or undefined if that is impossible. A backend without this method
   * drops copies of earlier versions.
   */
  protected updateCopy?(handle: number, operand: VectorMatrix): number | undefined;

  /** Whether {@link updateCopy} may be called for a copy of this version and shape. */
  protected canUpdate(copy: CopyState, operand: Operand): operand is VectorMatrix {
    return this.updateCopy !== undefined && rowsToUpdate(copy, operand) !== undefined;
  }

  /**
   * Handle of the copy of exactly this version, if there is one. A copy of another version is dropped, unless it can be
   * updated.
   */
  handleOf(operand: Operand): number | undefined {
    const resident = this.#residents.get(operand.id);
    if (resident === undefined) return undefined;
    if (resident.version !== operand.version) {
      if (!isEarlier(operand, resident) && !this.canUpdate(resident, operand)) this.#drop(operand.id);
      return undefined;
    }
    const isAlike = hasShapeOf(resident, operand) && hasFormatOf(resident, operand);
    return isAlike && this.#hasContentsOf(resident, operand) ? resident.handle : undefined;
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
  missingRows(operand: Operand): RowSpan | undefined {
    const resident = this.#residents.get(operand.id);
    if (resident === undefined || this.updateCopy === undefined) return undefined;
    return rowsToUpdate(resident, operand);
  }

  residentBytes(operand: Operand): number {
    const handle = this.handleOf(operand);
    return handle === undefined ? 0 : this.#addon.residentBytes(handle);
  }

  /** Creates the copy with turns of the event loop in between. Threads and requests with the same operand share the work. */
  async ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    if (this.use(operand) !== undefined) return undefined;
    let fill = this.#fills.get(operand.id);
    if (fill?.version !== operand.version || fill.isAbandoned || fill.source !== sourcesOf(operand)[0]) {
      const started = new ResidentFill(operand.version, sourcesOf(operand)[0], this.#failures, (abandoned) =>
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

  /** What the copy of an operand is of, if there is one. */
  protected copyOf(operand: Pick<Operand, 'id'>): CopyState | undefined {
    return this.#residents.get(operand.id);
  }

  /** Adds the handle of a ready copy. */
  protected keep(operand: Operand, handle: number): void {
    this.#drop(operand.id);
    const { id, version } = operand;
    const sources = new WeakSet<object>(sourcesOf(operand));
    const resident: Resident = { id, version, shape: shapeOf(operand), ...formatOf(operand), handle, sources };
    this.#residents.set(id, resident);
    this.#collected.register(sourcesOf(operand)[0], resident);
  }

  /** Adds a copy again that was changed in place to another version of the same stored matrix. */
  #keepChanged(resident: Resident, operand: VectorMatrix): void {
    resident.version = operand.version;
    resident.shape = shapeOf(operand);
    this.#residents.set(operand.id, resident);
  }

  /**
   * Brings a copy of an earlier version up to date on this thread at once. Returns its handle, or undefined if there is no such
   * copy, `mayUpdate` refuses, or it cannot be done; then an earlier copy stays for a later attempt.
   */
  protected updateNow(
    operand: VectorMatrix,
    mayUpdate: (copy: CopyState) => boolean,
    fill: (handle: number) => Failure | undefined,
  ): number | undefined {
    const resident = this.#residents.get(operand.id);
    if (resident === undefined || resident.version === operand.version) return undefined;
    if (!this.canUpdate(resident, operand) || !mayUpdate(resident)) return undefined;
    const handle = this.updateCopy?.(resident.handle, operand);
    if (handle === undefined) return undefined;
    const state = this.#addon.residentState(handle);
    const isReady = state === RESIDENT_STATE.ready || (state === RESIDENT_STATE.ours && fill(handle) === undefined);
    // A copy that was changed itself must not remain under its earlier version.
    if (handle === resident.handle) this.#residents.delete(operand.id);
    if (!isReady) this.#addon.release(handle);
    else if (handle === resident.handle && isOfStore(resident, operand)) this.#keepChanged(resident, operand);
    else this.keep(operand, handle);
    return isReady ? handle : undefined;
  }

  /** Releases the least recently used copy; false when there is none. */
  protected dropOldest(): boolean {
    const oldest = this.#residents.keys().next();
    if (oldest.done === true) return false;
    this.#drop(oldest.value);
    return true;
  }

  /** All copies, by the ids of their operands. */
  protected get copies(): ReadonlyMap<number, CopyState> {
    return this.#residents;
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
    if (resident === undefined || !this.canUpdate(resident, operand)) return undefined;
    const handle = this.updateCopy?.(resident.handle, operand);
    if (handle === resident.handle) this.#residents.delete(operand.id);
    else this.#drop(operand.id);
    return handle;
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
    // Rows of a stored matrix may have changed since; its id is random, and its memory is the same in every thread.
    if (!isMatrix(operand) || own(operand, 'snapshot') !== undefined) return undefined;
    if (this.#addon.matchesMatrix(handle, operand.values)) return undefined;
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
    const { values, snapshot, rowPointers, columns, weights } = operand as VectorMatrix & CsrGraph;
    if (sources.has(values) || (snapshot !== undefined && sources.has(snapshot.memory))) return true;
    if (sources.has(rowPointers) && sources.has(columns) && sources.has(weights)) return true;
    // open() finds the copy of a graph by its contents.
    if (!isMatrix(operand) || !this.#addon.matchesMatrix(handle, operand.values)) return false;
    for (const source of sourcesOf(operand)) sources.add(source);
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

/** What keeps the contents of an operand alive. The `values` of a stored matrix may be another object in each request. */
function sourcesOf(operand: Operand): readonly object[] {
  if (!isMatrix(operand)) return [operand.rowPointers, operand.columns, operand.weights];
  return [own(operand, 'snapshot')?.memory ?? operand.values];
}

/** Whether the copy is of the memory of a stored matrix. Of other matrices, an array with the contents of before may be known. */
function isOfStore({ sources }: Resident, operand: VectorMatrix): boolean {
  const snapshot = own(operand, 'snapshot');
  return snapshot !== undefined && sources.has(snapshot.memory);
}

/** Whether a request is from before the last change, which a matrix with versions answers as well. */
function isEarlier(operand: Operand, resident: CopyState): boolean {
  return isMatrix(operand) && own(operand, 'snapshot') !== undefined && operand.version < resident.version;
}

/** The rows that a copy lacks; undefined if they are unknown, or if the shape or the elements are others. */
function rowsToUpdate(copy: CopyState, operand: Operand): RowSpan | undefined {
  if (!isMatrix(operand) || !hasShapeOf(copy, operand) || !hasFormatOf(copy, operand)) return undefined;
  const missing = rowsChangedSince(operand, copy.version);
  return missing !== undefined && missing.end <= operand.rows ? missing : undefined;
}

export function shapeOf(operand: Operand): OperandShape {
  return isMatrix(operand) ? [operand.rows, operand.dimensions] : [operand.nodes, operand.columns.length];
}

/** Does not ask what the operand is, because every request compares the shape. */
function hasShapeOf({ shape: [first, second] }: Pick<CopyState, 'shape'>, operand: Operand): boolean {
  const { rows, dimensions, nodes, columns } = operand as Partial<VectorMatrix & CsrGraph>;
  return (rows === first && dimensions === second) || (nodes === first && columns?.length === second);
}

/** How the elements of an operand are read. */
export function formatOf(operand: Operand): { readonly dtype: Dtype; readonly scale: number } {
  const { dtype = 'float32', scale = 1 } = operand as Partial<VectorMatrix>;
  return { dtype, scale };
}

/** Whether an operand has the elements of a copy: the same type and scale. */
export function hasFormatOf({ dtype, scale }: Pick<CopyState, 'dtype' | 'scale'>, operand: Operand): boolean {
  const other = operand as Partial<VectorMatrix>;
  return (other.dtype ?? 'float32') === dtype && (other.scale ?? 1) === scale;
}
