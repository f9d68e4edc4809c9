import { setImmediate, setTimeout } from 'node:timers/promises';
import { rowsChangedSince, type Operand } from '@gearshift/contracts';
import { ADDON_STATUS, COMPANION_CODES, RESIDENT_STATE, type CudaAddon } from './addon.js';
import type { Failure, Failures } from './failure.js';
import { copyBytes, isMatrix, shapeOf, type OperandShape } from './operand-shape.js';
import { ResidentFill } from './resident-fill.js';

/** How long a piece of an upload may hold up the event loop. */
const SLICE_MS = 8;
/** Another thread of the process is filling the copy: how often to look whether it is done. */
const POLL_MS = 2;

interface Resident {
  readonly version: number;
  readonly shape: OperandShape;
  readonly handle: number;
}

function hasShapeOf(resident: Resident, operand: Operand): boolean {
  const [first, second] = shapeOf(operand);
  return resident.shape[0] === first && resident.shape[1] === second;
}

/**
 * The copies of operands that this backend uses, least recently used first. Copies belong to the process: threads that name
 * the same operand share one, and it goes when the last of them lets go.
 */
export class Residents {
  readonly #addon: CudaAddon;
  readonly #device: number;
  readonly #failures: Failures;
  readonly #residents = new Map<number, Resident>();
  readonly #fills = new Map<number, ResidentFill>();
  /** A copy nobody can name any more is dropped with the arrays it was made from. */
  readonly #collected = new FinalizationRegistry<{ id: number; version: number }>(({ id, version }) => {
    if (this.#residents.get(id)?.version === version) this.#drop(id);
  });

  constructor(addon: CudaAddon, device: number, failures: Failures) {
    this.#addon = addon;
    this.#device = device;
    this.#failures = failures;
  }

  /**
   * Handle of the copy of exactly this version, where there is one. A copy of another version is dropped, unless it is known
   * which rows it lacks.
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

  /** The rows that a copy of an earlier version lacks; undefined where there is no such copy, or that is not known. */
  missingRows(operand: Operand): { readonly start: number; readonly end: number } | undefined {
    const resident = this.#residents.get(operand.id);
    if (resident === undefined || !isMatrix(operand) || !hasShapeOf(resident, operand)) return undefined;
    const missing = rowsChangedSince(operand, resident.version);
    return missing !== undefined && missing.end <= operand.rows ? missing : undefined;
  }

  /** The same for a request: the copy counts as used. */
  use(operand: Operand): number | undefined {
    const handle = this.handleOf(operand);
    const resident = this.#residents.get(operand.id);
    if (handle !== undefined && resident !== undefined) {
      this.#residents.delete(operand.id);
      this.#residents.set(operand.id, resident);
    }
    return handle;
  }

  residentBytes(operand: Operand): number {
    const handle = this.handleOf(operand);
    return handle === undefined ? 0 : this.#addon.operandBytes(handle);
  }

  /**
   * Makes the copy with turns of the event loop in between. Requests that want the same one share the work. Where there is no
   * memory for it, copies give way that were not used for longest.
   */
  async ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    if (this.use(operand) !== undefined) return undefined;
    let fill = this.#fills.get(operand.id);
    if (fill?.version !== operand.version || fill.isAbandoned) {
      const started = new ResidentFill(
        operand.version,
        () => this.#failures.aborted(),
        (abandoned) => this.#make(operand, abandoned),
      );
      fill = started;
      this.#fills.set(operand.id, started);
      void started.done.finally(() => {
        if (this.#fills.get(operand.id) === started) this.#fills.delete(operand.id);
      });
    }
    return fill.wait(signal);
  }

  /** Uploads until the copy is ready. */
  async fill(operand: Operand, handle: number, isAborted: () => boolean): Promise<Failure | undefined> {
    const addon = this.#addon;
    for (;;) {
      if (isAborted()) return this.#failures.aborted();
      const status = isMatrix(operand)
        ? addon.fillMatrix(handle, operand.values, SLICE_MS)
        : addon.fillGraph(handle, operand.rowPointers, operand.columns, operand.weights, SLICE_MS);
      if (status < 0) return this.#failures.ofStatus(addon, status, this.#freeBytes);
      if (status > 0) return undefined;
      await setImmediate();
    }
  }

  release(operand: Operand): void {
    this.#drop(operand.id);
  }

  releaseAll(): void {
    for (const id of [...this.#residents.keys()]) this.#drop(id);
  }

  /** Resolves when no copy is being made any more. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#fills.values()].map(({ done }) => done));
  }

  async #make(operand: Operand, abandoned: AbortSignal): Promise<Failure | undefined> {
    const handle = this.#update(operand) ?? this.#openWithRoom(operand);
    if (typeof handle !== 'number') return handle;
    try {
      const failure = await this.#fillOrWait(operand, handle, abandoned);
      if (failure === undefined) this.#keep(operand, handle);
      else this.#addon.release(handle);
      return failure;
    } catch (error) {
      this.#addon.release(handle);
      throw error;
    }
  }

  /** Takes a copy of an earlier version to bring it up to date; undefined where that cannot be. */
  #update(operand: Operand): number | undefined {
    const resident = this.#residents.get(operand.id);
    const missing = this.missingRows(operand);
    if (resident === undefined || missing === undefined) return undefined;
    const { handle } = resident;
    if (this.#addon.updateMatrix(handle, operand.version, missing.start, missing.end) === 0) {
      this.#drop(operand.id);
      return undefined;
    }
    this.#residents.delete(operand.id);
    return handle;
  }

  #openWithRoom(operand: Operand): number | Failure {
    for (;;) {
      const handle = this.#open(operand);
      if (handle > 0) return handle;
      const failure = this.#failures.ofStatus(this.#addon, handle, this.#freeBytes);
      if (handle !== ADDON_STATUS.outOfMemory || !this.#makeRoom(copyBytes(operand))) return failure;
    }
  }

  /** Lets the copy go that was not used for longest; false when there is none, or all of them together would not do. */
  #makeRoom(wantedBytes: number): boolean {
    let heldBytes = this.#freeBytes() ?? 0;
    for (const { handle } of this.#residents.values()) heldBytes += this.#addon.operandBytes(handle);
    const oldest = this.#residents.keys().next();
    if (oldest.done === true || heldBytes < wantedBytes) return false;
    this.#drop(oldest.value);
    return true;
  }

  readonly #freeBytes = (): number | null => {
    const numbers = new Float64Array(2);
    return this.#addon.readMemory(this.#device, numbers) < 0 ? null : numbers[0];
  };

  async #fillOrWait(operand: Operand, handle: number, abandoned: AbortSignal): Promise<Failure | undefined> {
    for (;;) {
      if (abandoned.aborted) return this.#failures.aborted();
      switch (this.#addon.operandState(handle)) {
        case RESIDENT_STATE.ready:
          return this.#refuseOtherValues(operand, handle);
        case RESIDENT_STATE.ours:
          return this.fill(operand, handle, () => abandoned.aborted);
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

  #open(operand: Operand): number {
    const [first, second] = shapeOf(operand);
    return isMatrix(operand)
      ? this.#addon.openMatrix(
          this.#device,
          operand.id,
          operand.version,
          first,
          second,
          COMPANION_CODES[operand.companion ?? 'none'],
        )
      : this.#addon.openGraph(this.#device, operand.id, operand.version, first, second);
  }

  #keep(operand: Operand, handle: number): void {
    this.#drop(operand.id);
    this.#residents.set(operand.id, { version: operand.version, shape: shapeOf(operand), handle });
    const arrays = isMatrix(operand) ? operand.values : operand.rowPointers;
    this.#collected.register(arrays, { id: operand.id, version: operand.version });
  }

  #drop(id: number): void {
    const resident = this.#residents.get(id);
    if (resident === undefined) return;
    this.#residents.delete(id);
    this.#addon.release(resident.handle);
  }
}
