import { types } from 'node:util';
import type {
  CompanionSource,
  CsrGraph,
  Elements,
  MatrixSnapshot,
  Operand,
  RowSpan,
  StoredCompanion,
  VectorMatrix,
} from '@gearshift/contracts';
import { DTYPE_BYTES, own, spansChangedSince } from '@gearshift/contracts/internal';
import {
  ADDON_STATUS,
  copyIdOf,
  DTYPE_CODES,
  formatOf,
  hasFormatOf,
  isMatrix,
  RESIDENT_STATE,
  ResidentOperands,
  runJob,
  shapeOf,
  type CopyState,
  type Failure,
} from '@gearshift/native-kit';
import type { CpuAddon } from './addon.js';
import { failures, failWithStatus } from './backend-errors.js';
import { readMemory } from './memory-reading.js';
import { boundsOf, codesSource, savedArguments, savedCodesOf } from './saved-codes.js';
import { runToEnd, runYielding, STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';
import { storedArguments } from './stored-arrays.js';

/** For smaller copies the free memory is not read, because that reads files, and graphs are built on this thread. */
const SMALL_BYTES = 16 * 2 ** 20;
/** Changed rows that a synchronous request takes over itself: well below a millisecond. */
const UPDATED_NOW_BYTES = 2 * 2 ** 20;
/** What the codes of a row cost, besides its norm. */
const CODED_ROWS_COST = 8;
/** For which codes pay, whatever their type and dimensions, if they ever do. */
const MANY_ROWS = 2 ** 24;
/** The id of a copy that belongs to the caller instead of the process. */
const PRIVATE_ID = -1;

/** Contexts of the addon for slices of the two kinds. */
export interface SliceContexts {
  readonly sync: number;
  readonly yielding: number;
}

/** Rows with codes, and the bytes of codes that searches use: in host memory, and in memory of a file. */
export interface CodesOfCopy {
  readonly coded: number;
  readonly bytes: number;
  readonly fileBytes: number;
  /** Whether nothing is left to do. */
  readonly isComplete: boolean;
}

/** A copy that is made one slice at a time. */
export interface CopyInSlices extends SlicedWork {
  isReady(): boolean;
  /** Leaves the rest to others. Not after the last step. */
  giveUp(): void;
}

/**
 * What is kept of operands in host memory: norms of all matrices, copies of the rows that lie in ordinary arrays, which another
 * thread must not read, and graphs, built and checked.
 */
export class CpuResidents extends ResidentOperands {
  readonly #addon: CpuAddon;
  readonly #contexts: SliceContexts;
  readonly #codes = new Float64Array(4);
  /** With codes of a file that cannot be used. */
  readonly #unusable = new WeakSet<StoredCompanion>();
  /** A request asks several times which rows changed; after many changes a stored matrix reads the stamps of all rows for the answer. */
  #lastChange: { snapshot: MatrixSnapshot; version: number; changed: readonly RowSpan[] | undefined } | undefined;

  constructor(addon: CpuAddon, contexts: SliceContexts) {
    super(addon, failures);
    this.#addon = addon;
    this.#contexts = contexts;
  }

  /** Creates the copy of a graph synchronously, for a synchronous request on a new graph. */
  ensureNow(graph: CsrGraph): Failure | undefined {
    this.reportSharedMemory(graph);
    let handle = this.open(graph);
    // A wait for another thread would block this one, so this creates a separate copy.
    if (typeof handle === 'number' && this.#addon.residentState(handle) === RESIDENT_STATE.theirs) {
      this.#addon.release(handle);
      handle = this.#openAs(PRIVATE_ID, graph);
    }
    if (typeof handle !== 'number') return handle;
    if (this.#addon.residentState(handle) === RESIDENT_STATE.ours) {
      let failure: Failure | undefined;
      try {
        failure =
          runToEnd(this.#fillWork(graph, handle, this.#contexts.sync)) ??
          runToEnd(this.#buildWork(handle, this.#contexts.sync));
      } catch (error) {
        this.#addon.release(handle);
        throw error;
      }
      if (failure !== undefined) {
        this.#addon.release(handle);
        return failure;
      }
    }
    this.keep(graph, handle);
    return undefined;
  }

  /**
   * Handle for a synchronous request: a copy of an earlier version is brought up to date first, if that takes little time.
   */
  handleNow(matrix: VectorMatrix): number | undefined {
    return (
      this.handleOf(matrix) ??
      this.updateNow(
        matrix,
        (copy) => this.#costOfUpdate(matrix, copy) <= UPDATED_NOW_BYTES,
        (handle) => runToEnd(this.#fillWork(matrix, handle, this.#contexts.sync)),
      ) ??
      this.takeSaved(matrix)
    );
  }

  /** Whether the file of a matrix without a copy has codes that a copy could use. */
  offersCodes(matrix: VectorMatrix): boolean {
    const saved = savedCodesOf(matrix);
    if (saved === undefined || this.copyOf(matrix) !== undefined) return false;
    return !this.#unusable.has(saved) && this.codeBytesOf(matrix) > 0;
  }

  /** Makes a copy with the codes of the matrix's file, if that takes little time because few rows have changed since. */
  takeSaved(matrix: VectorMatrix): number | undefined {
    const saved = savedCodesOf(matrix);
    if (saved === undefined || !this.offersCodes(matrix)) return undefined;
    const addon = this.#addon;
    this.reportSharedMemory(matrix);
    const handle = this.open(matrix);
    if (typeof handle !== 'number') return undefined;
    const state = addon.residentState(handle);
    let isReady = state === RESIDENT_STATE.ready;
    if (state === RESIDENT_STATE.ours) {
      const missing = addon.missingBesideCodes(handle);
      if (missing < 0) this.#unusable.add(saved);
      const isShort = missing >= 0 && missing * rowBytes(matrix) * CODED_ROWS_COST <= UPDATED_NOW_BYTES;
      isReady = isShort && runToEnd(this.#fillWork(matrix, handle, this.#contexts.sync)) === undefined;
    }
    if (!isReady) {
      addon.release(handle);
      return undefined;
    }
    this.keep(matrix, handle);
    return handle;
  }

  /** The codes of a matrix for a file: see `Backend.companionSource`. */
  async codesSource(
    matrix: VectorMatrix,
    make: boolean,
    signal: AbortSignal | undefined,
  ): Promise<CompanionSource | undefined> {
    if (this.codeBytesOf(matrix) === 0) return undefined;
    const version = this.copyOf(matrix)?.version;
    const isStored = own(matrix, 'snapshot') !== undefined;
    const hasCodes = this.#hasCodes(matrix) || this.offersCodes(matrix);
    // Of a stored matrix, the codes of a later version are those of this one but for the rows that have changed.
    const isLater = isStored && version !== undefined && version > matrix.version;
    if (!hasCodes && (!make || isLater)) return undefined;
    if (!isLater) {
      const failure = await this.ensure(make ? { ...matrix, companion: 'codes' } : matrix, signal);
      if (failure !== undefined) return undefined;
    }
    const handle = isStored ? this.copyOf(matrix)?.handle : this.handleOf(matrix);
    if (handle === undefined) return undefined;
    const isCurrent = isStored ? () => true : () => this.handleOf(matrix) === handle;
    return codesSource(this.#addon, this.#contexts.sync, handle, matrix, isCurrent);
  }

  #hasCodes(matrix: VectorMatrix): boolean {
    const copy = this.codesOf(matrix);
    return copy !== undefined && copy.bytes + copy.fileBytes > 0;
  }

  #costOfUpdate(matrix: VectorMatrix, { version, handle }: CopyState): number {
    const bytes = rowsIn(this.#changedRows(matrix, version)) * rowBytes(matrix);
    return this.#readCodes(handle).coded > 0 ? CODED_ROWS_COST * bytes : bytes;
  }

  #readCodes(handle: number): CodesOfCopy {
    this.#addon.readCodes(handle, this.#codes);
    const [coded, bytes, fileBytes, isComplete] = this.#codes;
    return { coded, bytes, fileBytes, isComplete: isComplete === 1 };
  }

  /** Undefined without a copy, of whatever version. */
  codesOf(
    matrix: Pick<VectorMatrix, 'id'>,
  ): (CodesOfCopy & { readonly handle: number; readonly rows: number }) | undefined {
    const copy = this.copyOf(matrix);
    if (copy === undefined) return undefined;
    const { handle, shape } = copy;
    return { handle, rows: shape[0], ...this.#readCodes(handle) };
  }

  /** Of all copies. */
  heldCodes(): { readonly bytes: number; readonly fileBytes: number; readonly matrices: number } {
    const held = { bytes: 0, fileBytes: 0, matrices: 0 };
    for (const { handle } of this.copies.values()) {
      const { bytes, fileBytes } = this.#readCodes(handle);
      held.bytes += bytes;
      held.fileBytes += fileBytes;
      if (bytes + fileBytes > 0) held.matrices += 1;
    }
    return held;
  }

  /** Bytes of the codes of a matrix; 0 if a search with codes takes no less time. */
  codeBytesOf(matrix: VectorMatrix, rows = matrix.rows): number {
    const { dtype, scale } = formatOf(matrix);
    return this.#addon.codeBytesFor(DTYPE_CODES[dtype], scale, rows, matrix.dimensions);
  }

  /** Undefined if they do. */
  whyCodesDoNotPay(matrix: VectorMatrix): string | undefined {
    if (this.codeBytesOf(matrix) > 0) return undefined;
    const { rows, dimensions, dtype = 'float32' } = matrix;
    return this.codeBytesOf(matrix, MANY_ROWS) > 0
      ? `a scan of ${rows} rows takes no longer than a search with codes`
      : `a scan of ${dtype} rows of ${dimensions} dimensions takes no longer than a search with codes`;
  }

  /** Uses the copy of another thread, if there is one of this version that is ready. */
  adoptCopy(matrix: VectorMatrix): void {
    const copy = this.copyInSlices(matrix);
    if (copy?.isReady() === true) copy.step();
    else copy?.giveUp();
  }

  /** The copy of rows in shared memory, for work in the background; undefined if it cannot be made. */
  copyInSlices(matrix: VectorMatrix): CopyInSlices | undefined {
    this.reportSharedMemory(matrix);
    const addon = this.#addon;
    const handle = this.open(matrix);
    if (typeof handle !== 'number') return undefined;
    const work = this.#fillWork(matrix, handle, this.#contexts.yielding);
    return {
      isReady: () => addon.residentState(handle) === RESIDENT_STATE.ready,
      giveUp: () => addon.release(handle),
      step: () => {
        const state = addon.residentState(handle);
        if (state === RESIDENT_STATE.theirs) return STEP_MORE;
        const status = state === RESIDENT_STATE.ours ? work.step() : STEP_DONE;
        if (status !== STEP_DONE) return status;
        const isStored = own(matrix, 'snapshot') !== undefined;
        if (!isStored && !addon.matchesMatrix(handle, matrix.values)) return ADDON_STATUS.shapeConflict;
        this.keep(matrix, handle);
        return STEP_DONE;
      },
    };
  }

  /** Whether there is a copy of an earlier version that can be brought up to date. */
  isBehind(matrix: VectorMatrix): boolean {
    const copy = this.copyOf(matrix);
    return copy !== undefined && this.canUpdate(copy, matrix);
  }

  /** Bytes to read or copy before the operand is resident. */
  missingBytes(operand: Operand): number {
    const copy = this.copyOf(operand);
    if (copy === undefined || !this.canUpdate(copy, operand)) return keptBytes(operand);
    return Math.ceil(
      (rowsIn(this.#changedRows(operand, copy.version)) / Math.max(1, operand.rows)) * keptBytes(operand),
    );
  }

  protected override open(operand: Operand): number | Failure {
    const id = isMatrix(operand) ? operand.id : copyIdOf(operand);
    return refuseForLackOfMemory(operand) ?? this.#openAs(id, operand);
  }

  /** Rows that are read in place may have become more; copies keep their shape. */
  protected override canUpdate(copy: CopyState, operand: Operand): operand is VectorMatrix {
    const { version, shape } = copy;
    if (!isMatrix(operand) || operand.dimensions !== shape[1] || operand.version <= version) return false;
    if (!hasFormatOf(copy, operand)) return false;
    const mayGrow = isShared(operand.values);
    const hasShape = mayGrow ? operand.rows >= shape[0] : operand.rows === shape[0];
    return hasShape && this.#changedRows(operand, version) !== undefined;
  }

  protected override updateCopy(handle: number, operand: VectorMatrix): number | undefined {
    const copy = this.copyOf(operand);
    const changed = copy === undefined ? undefined : this.#changedRows(operand, copy.version);
    if (changed === undefined) return undefined;
    const updated = this.#addon.updateMatrix(
      handle,
      operand.version,
      operand.rows,
      boundsOf(changed),
      rowsInPlace(operand),
      ...storedArguments(own(operand, 'snapshot')),
    );
    return updated > 0 ? updated : undefined;
  }

  /** Also gives a matrix its codes, which other threads share like the rest. */
  override async ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const failure = await super.ensure(operand, signal);
    return failure ?? (isMatrix(operand) ? this.#encode(operand, signal) : undefined);
  }

  override async fill(operand: Operand, handle: number, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    if (isMatrix(operand)) return this.#fillMatrix(operand, handle, signal);
    const isAborted = () => signal?.aborted === true;
    const failure = await runYielding(this.#fillWork(operand, handle, this.#contexts.yielding), isAborted);
    if (failure !== undefined) return failure;
    if (operandBytes(operand) < SMALL_BYTES) {
      return runYielding(this.#buildWork(handle, this.#contexts.yielding), isAborted);
    }
    const start = this.#addon.startBuild.bind(this.#addon, handle);
    const [status] = await runJob(this.#addon, start, signal);
    return status < 0 ? failWithStatus(status) : undefined;
  }

  async #fillMatrix(
    matrix: VectorMatrix,
    handle: number,
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    if (!isShared(matrix.values)) {
      return runYielding(this.#fillWork(matrix, handle, this.#contexts.yielding), () => signal?.aborted === true);
    }
    const start = this.#addon.startFill.bind(this.#addon, this.#contexts.sync, handle);
    const [status] = await runJob(this.#addon, start, signal);
    return status < 0 ? failWithStatus(status) : undefined;
  }

  /** Makes the codes that the matrix asks for, unless it has them. Where they do not pay, or without memory for them, it stays without. */
  async #encode(matrix: VectorMatrix, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const handle = own(matrix, 'companion') === 'codes' ? this.handleOf(matrix) : undefined;
    if (handle === undefined || this.#hasCodes(matrix)) return undefined;
    const bytes = this.codeBytesOf(matrix);
    if (bytes === 0 || lackOfMemory(bytes) !== undefined) return undefined;
    const start = this.#addon.startEncode.bind(this.#addon, this.#contexts.sync, handle);
    const [status] = await runJob(this.#addon, start, signal);
    return status < 0 ? failWithStatus(status) : undefined;
  }

  /** The rows that a copy of an earlier version lacks, ascending; undefined if they are unknown. */
  #changedRows(matrix: VectorMatrix, version: number): readonly RowSpan[] | undefined {
    const snapshot = own(matrix, 'snapshot');
    const known = this.#lastChange;
    if (snapshot !== undefined && known?.snapshot === snapshot && known.version === version) return known.changed;
    const spans = spansChangedSince(matrix, version);
    const changed = spans?.every(({ end }) => end <= matrix.rows) === true ? spans : undefined;
    if (snapshot !== undefined) this.#lastChange = { snapshot, version, changed };
    return changed;
  }

  #openAs(id: number, operand: Operand): number | Failure {
    const [first, second] = shapeOf(operand);
    const { dtype, scale } = formatOf(operand);
    const handle = isMatrix(operand)
      ? this.#addon.openMatrix(
          id,
          operand.version,
          first,
          second,
          DTYPE_CODES[dtype],
          scale,
          rowsInPlace(operand),
          ...storedArguments(own(operand, 'snapshot')),
          ...savedArguments(operand, this.#contexts.sync),
        )
      : this.#addon.openGraph(id, operand.version, first, second);
    return handle < 0 ? failToOpen(operand, handle) : handle;
  }

  #buildWork(handle: number, context: number): SlicedWork {
    return { step: () => this.#addon.buildGraph(context, handle) };
  }

  #fillWork(operand: Operand, handle: number, context: number): SlicedWork {
    const addon = this.#addon;
    let position = 0;
    if (isMatrix(operand)) {
      return {
        step() {
          const next = addon.fillMatrix(context, handle, operand.values, position);
          if (next < 0) return next;
          position = next;
          return addon.residentState(handle) === RESIDENT_STATE.ready ? STEP_DONE : STEP_MORE;
        },
      };
    }
    const [nodes, edges] = shapeOf(operand);
    return {
      step() {
        const next = addon.fillGraph(context, handle, operand.rowPointers, operand.columns, operand.weights, position);
        if (next < 0) return next;
        position = next;
        return position < nodes + edges ? STEP_MORE : STEP_DONE;
      },
    };
  }
}

/** Rows that the addon reads where they are; undefined for rows that it copies. */
function rowsInPlace({ values }: VectorMatrix): Elements | undefined {
  return isShared(values) ? values : undefined;
}

function rowsIn(spans: readonly RowSpan[] | undefined): number {
  let rows = 0;
  for (const { start, end } of spans ?? []) rows += end - start;
  return rows;
}

export function isShared(view: Elements): boolean {
  return types.isSharedArrayBuffer(view.buffer);
}

function rowBytes(matrix: VectorMatrix): number {
  return matrix.dimensions * DTYPE_BYTES[formatOf(matrix).dtype];
}

/** Bytes of the operand itself. */
export function operandBytes(operand: Operand): number {
  if (isMatrix(operand)) return operand.rows * rowBytes(operand);
  return (operand.nodes + 1) * 4 + operand.columns.length * 8;
}

/** Bytes of what is kept of an operand: the norms of rows that are read in place, else about as many as it has itself. */
function keptBytes(operand: Operand): number {
  return isMatrix(operand) && isShared(operand.values) ? operand.rows * 4 : operandBytes(operand);
}

/**
 * An allocation beyond the free memory would succeed, and the system would kill the process when the memory is filled.
 *
 * @returns the free bytes if they are too few
 */
export function lackOfMemory(requestedBytes: number): number | undefined {
  if (requestedBytes < SMALL_BYTES) return undefined;
  const { freeBytes } = readMemory();
  return freeBytes === null || requestedBytes <= freeBytes ? undefined : freeBytes;
}

function refuseForLackOfMemory(operand: Operand): Failure | undefined {
  const requestedBytes = keptBytes(operand);
  const freeBytes = lackOfMemory(requestedBytes);
  if (freeBytes === undefined) return undefined;
  return failures.of('out-of-memory', 'there is not enough memory for a resident copy of the operand', {
    requestedBytes,
    freeBytes,
  });
}

function failToOpen(operand: Operand, status: number): Failure {
  const failure = failWithStatus(status);
  if (failure.error.kind !== 'out-of-memory') return failure;
  const { freeBytes } = readMemory();
  return failures.of('out-of-memory', 'there is not enough memory for a resident copy of the operand', {
    nativeCode: status,
    requestedBytes: keptBytes(operand),
    ...(freeBytes === null ? {} : { freeBytes }),
  });
}
