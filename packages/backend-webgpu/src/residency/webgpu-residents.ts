import { type Operand, type RowSpan, type VectorMatrix } from '@gearshift/contracts';
import { own, spansChangedSince } from '@gearshift/contracts/internal';
import {
  hasFormatOf,
  isMatrix,
  RESIDENT_STATE,
  ResidentOperands,
  type BackendFailures,
  type CopyState,
  type Failure,
} from '@gearshift/native-kit';
import type { GpuDevice } from '../device/gpu-device.js';
import { GraphCopy } from './graph-copy.js';
import { wantedCompanion, type MatrixCompanion } from './matrix-companion.js';
import { MatrixCopy } from './matrix-copy.js';

/** A copy in the table of a device. */
interface Entry {
  readonly copy: MatrixCopy | GraphCopy;
  isReady: boolean;
  isReleased: boolean;
  /** Requests under way that read it. */
  users: number;
  /** Of a copy of an earlier version: the rows to upload. */
  stale: readonly RowSpan[] | undefined;
}

/** Copies by their handles, in the form in which `ResidentOperands` expects them of an addon. */
class CopyTable {
  readonly #entries = new Map<number, Entry>();
  #lastHandle = 0;

  add(copy: MatrixCopy | GraphCopy): number {
    this.#lastHandle += 1;
    this.#entries.set(this.#lastHandle, { copy, isReady: false, isReleased: false, users: 0, stale: undefined });
    return this.#lastHandle;
  }

  entry(handle: number): Entry {
    const entry = this.#entries.get(handle);
    if (entry === undefined) throw new RangeError(`handle: expected one of a copy, got ${handle}`);
    return entry;
  }

  residentState(handle: number): number {
    return this.entry(handle).isReady ? RESIDENT_STATE.ready : RESIDENT_STATE.ours;
  }

  residentBytes(handle: number): number {
    const { isReady, copy } = this.entry(handle);
    return isReady ? copy.bytes : 0;
  }

  matchesMatrix(handle: number, values: VectorMatrix['values']): boolean {
    const { copy } = this.entry(handle);
    return copy instanceof MatrixCopy && copy.matches(values);
  }

  release(handle: number): void {
    const entry = this.entry(handle);
    this.#entries.delete(handle);
    entry.isReleased = true;
    if (entry.users === 0) entry.copy.destroy();
  }

  /** Memory of the device is none of this process. */
  reportMemory(): number {
    return 0;
  }
}

/** Copies on a device. When memory for a new copy is short, the least recently used ones are released. */
export class WebGpuResidents extends ResidentOperands {
  readonly #device: GpuDevice;
  readonly #failures: BackendFailures;
  readonly #table: CopyTable;

  constructor(device: GpuDevice, failures: BackendFailures) {
    const table = new CopyTable();
    super(table, failures);
    this.#device = device;
    this.#failures = failures;
    this.#table = table;
  }

  /** The ready copy of an operand, for a request that calls `done` when it no longer reads it. */
  borrow(operand: Operand): { readonly copy: MatrixCopy | GraphCopy; done(): void } | undefined {
    const handle = this.use(operand);
    if (handle === undefined) return undefined;
    const entry = this.#table.entry(handle);
    entry.users += 1;
    return {
      copy: entry.copy,
      done: () => {
        entry.users -= 1;
        if (entry.isReleased && entry.users === 0) entry.copy.destroy();
      },
    };
  }

  /** Rows to upload before a copy of an earlier version can be used; undefined if all are. */
  missingRowCount(operand: Operand): number | undefined {
    const copy = this.copyOf(operand);
    if (copy === undefined || !this.canUpdate(copy, operand)) return undefined;
    return staleRows(copy, operand)?.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** The companion of the ready copy of a matrix; undefined without such a copy. */
  companionOf(operand: VectorMatrix): MatrixCompanion | 'lacking' | undefined {
    const handle = this.handleOf(operand);
    if (handle === undefined) return undefined;
    const { copy } = this.#table.entry(handle);
    return copy instanceof MatrixCopy && copy.wantedCompanion !== undefined ? (copy.companion ?? 'lacking') : undefined;
  }

  /**
   * Repeats an attempt that lacks memory after releasing a companion, and after all of them a copy, as long as releasing everything could be
   * enough.
   */
  async makingRoom<T extends Failure | undefined>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      const outcome = await attempt();
      if (outcome?.error.kind !== 'out-of-memory') return outcome;
      const { requestedBytes = 0 } = outcome.error;
      if (requestedBytes > this.#device.budget.freeBytes + this.heldBytes()) return outcome;
      if (!this.#dropCompanion() && !this.dropOldest()) return outcome;
    }
  }

  /** Releases the companion of the copy that was not used for longest, if no request reads it; false when there is none. */
  #dropCompanion(): boolean {
    for (const { handle } of this.copies.values()) {
      const { copy, users } = this.#table.entry(handle);
      if (users > 0 || !(copy instanceof MatrixCopy) || copy.companion === undefined) continue;
      copy.dropCompanion();
      return true;
    }
    return false;
  }

  protected override open(operand: Operand): number | Failure {
    if (isMatrix(operand)) {
      const wanted = wantedCompanion(operand);
      return this.#table.add(new MatrixCopy(this.#device, this.#failures, operand.dimensions, wanted));
    }
    const refusal = GraphCopy.refusal(this.#device, operand);
    if (refusal !== undefined) return this.#failures.of('unsupported', refusal);
    return this.#table.add(new GraphCopy(this.#device, this.#failures, operand));
  }

  override async fill(operand: Operand, handle: number, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const entry = this.#table.entry(handle);
    const { copy } = entry;
    let failure: Failure | undefined;
    if (!isMatrix(operand)) {
      failure = copy instanceof GraphCopy ? await this.makingRoom(() => copy.upload(operand, signal)) : undefined;
    } else if (copy instanceof MatrixCopy) {
      failure = await this.makingRoom(() => copy.reserve(operand.rows));
      const missing = entry.stale ?? [{ start: 0, end: operand.rows }];
      for (const rows of missing) failure ??= await this.makingRoom(() => copy.upload(operand, rows, signal));
      copy.rows = operand.rows;
      failure ??= await copy.bringCompanion(missing, signal);
      if (failure === undefined) copy.sample(operand);
    }
    entry.stale = undefined;
    entry.isReady = failure === undefined;
    return failure;
  }

  /** Rows that were added are rows that changed. */
  protected override canUpdate(copy: CopyState, operand: Operand): operand is VectorMatrix {
    const { version, shape } = copy;
    if (!isMatrix(operand) || operand.dimensions !== shape[1] || operand.version <= version) return false;
    const mayGrow = own(operand, 'snapshot') !== undefined;
    const hasRows = mayGrow ? operand.rows >= shape[0] : operand.rows === shape[0];
    return hasRows && hasFormatOf(copy, operand) && staleRows(copy, operand) !== undefined;
  }

  /** A copy that a request reads in several submits must stay as it is. */
  protected override updateCopy(handle: number, operand: VectorMatrix): number | undefined {
    const copy = this.copyOf(operand);
    const entry = this.#table.entry(handle);
    if (copy === undefined || entry.users > 0) return undefined;
    entry.stale = staleRows(copy, operand);
    if (entry.stale === undefined) return undefined;
    entry.isReady = false;
    return handle;
  }
}

/** The rows in which an operand differs from an earlier version, with those that were added. */
function staleRows({ version, shape }: CopyState, operand: VectorMatrix): readonly RowSpan[] | undefined {
  const changed = spansChangedSince(operand, version);
  if (changed === undefined) return undefined;
  const spans = changed.map(({ start, end }) => ({ start, end: Math.min(end, operand.rows) }));
  if (operand.rows > shape[0]) spans.push({ start: shape[0], end: operand.rows });
  return spans.filter(({ start, end }) => start < end);
}
