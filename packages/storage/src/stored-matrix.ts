import { types } from 'node:util';
import {
  readRow,
  type CompanionSource,
  type Elements,
  type NativeRows,
  type RowSpan,
  type StoredRows,
  type VectorMatrix,
} from '@gearshift/contracts';
import {
  DTYPE_BYTES,
  elementsView,
  expected,
  nextOperandId,
  optionNames,
  readOptions,
  requireInteger,
} from '@gearshift/contracts/internal';
import { countMemory } from './count-memory.js';
import { CONTROL, FLAGS, initControl, nextVersion } from './control.js';
import type { ChangeLog } from './file/change-log.js';
import { RECORD } from './file/change-record.js';
import type { MatrixFile } from './file/matrix-file.js';
import { saveMatrix, type CompanionProvider, type SaveOptions } from './file/save-matrix.js';
import { Generation, type MatrixFields } from './generation.js';
import { dropPages, goneError } from './held-memory.js';
import { requireMatrixHandle } from './require-handle.js';
import { readOnlyError, type RowWriter } from './row-writer.js';
import { buffersOf, createMemory } from './shared-memory.js';
import { toRow, toRows, type RowValues } from './to-rows.js';
import type { Version } from './version.js';
import { WaitingUpdates } from './waiting-updates.js';

/** What {@link StoredMatrix.compact} gives in place of the new number of a removed row. */
export const REMOVED_ROW = 0xffff_ffff;

const FIRST_VERSION = 1;

export interface StoredMatrixOptions extends Omit<MatrixFields, 'id'> {
  readonly native?: NativeRows | undefined;
  /** For the files that it is written to. Default: they get no companion. */
  readonly companionOf?: CompanionProvider | undefined;
  /** Called when the matrix was disposed, and again after the requests of this thread that were under way then. */
  readonly onDispose?: ((matrix: { readonly id: number }) => void) | undefined;
}

/** What `postMessage` sends of a stored matrix: the memory is shared, no rows are copied. */
export interface StoredHandle extends MatrixFields {
  readonly stored: StoredRows;
}

/** One version of a matrix, the same for any number of requests until it is released (`Symbol.dispose`). */
export interface PinnedMatrix extends VectorMatrix, Disposable {}

/** A row for {@link StoredMatrix.update}: numbers, or elements of the matrix. */
export type RowElements = readonly number[] | Exclude<RowValues, readonly unknown[]>;

/** Rows for {@link StoredMatrix.update}: replaces the rows from `start` on. */
export interface RowUpdate {
  readonly start: number;
  readonly rows: RowValues;
}

/** The file of a matrix that was opened; with a log if its changes go there. */
interface OpenedFile {
  readonly info: MatrixFile;
  readonly log?: ChangeLog | undefined;
}

const UPDATE_FIELDS = optionNames<RowUpdate>({ start: true, rows: true });

/**
 * A matrix in shared memory, with rows that are there once for all threads and devices of the host. It grows and changes while
 * requests run: each request is answered from one version.
 *
 * Row numbers never change, except by {@link compact}. Changes are visible to later requests as soon as the method returns.
 */
export class StoredMatrix implements VectorMatrix, AsyncDisposable {
  // Own properties, for postMessage; the optional ones are absent unless they were given.
  declare readonly id: number;
  declare readonly dimensions: number;
  declare readonly dtype?: VectorMatrix['dtype'];
  declare readonly scale?: number | undefined;
  declare readonly expectedUses?: number | undefined;
  declare readonly companion?: VectorMatrix['companion'];
  // With getters.
  declare readonly version: number;
  declare readonly rows: number;
  declare readonly stored: StoredRows;
  readonly #fields: MatrixFields;
  readonly #native: NativeRows | undefined;
  readonly #isOwner: boolean;
  readonly #onDispose: StoredMatrixOptions['onDispose'];
  readonly #companionOf: CompanionProvider | undefined;
  readonly #file: MatrixFile | undefined;
  readonly #log: ChangeLog | undefined;
  readonly #updates = new WaitingUpdates();
  #generation: Generation | undefined;

  private constructor(
    id: number,
    memory: StoredRows,
    options: StoredMatrixOptions,
    isOwner: boolean,
    file?: OpenedFile,
  ) {
    const { native, onDispose, companionOf } = options;
    this.#fields = fieldsOf(id, options);
    Object.assign(this, this.#fields);
    this.#native = native;
    this.#isOwner = isOwner;
    this.#onDispose = onDispose;
    this.#companionOf = companionOf;
    this.#file = file?.info;
    this.#log = file?.log;
    this.#generation = this.#open(memory);
    // Pages of a mapped file are not memory of this process.
    if (isOwner && this.#file?.mode !== 'map') {
      countMemory(memory.rows);
      if (memory.companion !== undefined) countMemory(memory.companion.memory);
    }
    Object.defineProperties(this, {
      version: { enumerable: true, get: () => this.#live().header().version },
      rows: { enumerable: true, get: () => this.#live().header().rows },
      stored: { enumerable: true, get: () => this.#live().memory },
    });
  }

  /**
   * A matrix of `rows` rows that belongs to this thread, filled by `fill` before any other code sees it.
   *
   * @throws RangeError when there is no memory for it
   */
  static create(rows: number, options: StoredMatrixOptions, fill: (values: Elements) => void): StoredMatrix {
    const { dimensions, dtype = 'float32', native } = options;
    const memory = createMemory(dimensions * DTYPE_BYTES[dtype], rows, native);
    try {
      fill(elementsView(dtype, memory.rows, 0, rows * dimensions));
    } catch (error) {
      if (native !== undefined) dropPages(buffersOf(memory), native);
      throw error;
    }
    const flags = native === undefined ? 0 : FLAGS.native;
    initControl(memory.control, { version: FIRST_VERSION, rows, removedRows: 0 }, flags);
    return new StoredMatrix(nextOperandId(), memory, options, true);
  }

  /** A matrix of a file, in memory that belongs to this thread and is complete. */
  static fromMemory(memory: StoredRows, options: StoredMatrixOptions, file: OpenedFile): StoredMatrix {
    return new StoredMatrix(nextOperandId(), memory, options, true, file);
  }

  /**
   * A matrix that another thread created and posted to this one. Disposing it here has no effect on other threads.
   *
   * @throws TypeError or RangeError for anything else
   */
  static attach(
    handle: StoredHandle,
    options: Pick<StoredMatrixOptions, 'native' | 'companionOf' | 'onDispose'>,
  ): StoredMatrix {
    const checked = requireMatrixHandle(handle);
    return new StoredMatrix(checked.id, checked.stored, { ...checked, ...options }, false);
  }

  /** The rows of the newest version, in place: they change with the matrix. Write with {@link update} only. */
  get values(): Elements {
    return this.#current((version) => version.operand.values);
  }

  get removed(): VectorMatrix['removed'] {
    return this.#current((version) => version.operand.removed);
  }

  get snapshot(): VectorMatrix['snapshot'] {
    return this.#current((version) => version.operand.snapshot);
  }

  /** The file that it was opened from; undefined for any other matrix, and in other threads. */
  get file(): MatrixFile | undefined {
    return this.#file;
  }

  /** Number of rows that are not removed. */
  get liveRows(): number {
    const { rows, removedRows } = this.#live().header();
    return rows - removedRows;
  }

  /** A copy of a row in float32, also of a removed one. */
  row(row: number): Float32Array {
    return this.#current(({ operand: matrix }) => {
      const copy = new Float32Array(this.dimensions);
      readRow(matrix, requireInteger('row', row, 0, matrix.rows - 1), copy);
      return copy;
    });
  }

  /**
   * Adds rows at the end, without copying the others.
   *
   * @returns the numbers of the new rows
   * @throws RangeError when the address space reserved for the matrix is used up; TypeError in a thread that cannot change it
   */
  async append(rows: RowValues): Promise<RowSpan> {
    const values = toRows('rows', rows, this.dimensions, this);
    const writer = this.#writer();
    if (values.length === 0) return { start: this.rows, end: this.rows };
    const payload = this.#payload(bytesOf(values));
    const start = writer.append(bytesOf(values));
    if (this.#isOwner && this.#file?.mode !== 'map') countMemory(this.stored.rows);
    const span = { start, end: start + values.length / this.dimensions };
    if (payload !== undefined) await this.#record(RECORD.append, start, span.end - start, payload);
    return span;
  }

  /**
   * Replaces the values of a row, or of several from `start` on; removed rows stay removed.
   *
   * @throws RangeError when requests of earlier versions have needed all memory for what changes replace for ten seconds
   */
  async update(row: number | RowUpdate, values?: RowElements): Promise<void> {
    const { start, rows } = typeof row === 'object' ? this.#readUpdate(row) : this.#readRow(row, values);
    const writer = this.#writer();
    if (rows.length === 0) return;
    const payload = this.#payload(bytesOf(rows));
    let recorded: Promise<void> | undefined;
    // Both in one turn, so that records are in the order of the changes.
    const change = (bytes: Uint8Array) => {
      writer.update(start, bytes);
      if (payload !== undefined) recorded = this.#record(RECORD.update, start, rows.length / this.dimensions, payload);
    };
    await this.#updates.run(change, bytesOf(rows));
    await recorded;
  }

  /** Removes rows: no ranking contains them, and they score NaN. Rows that are removed already stay so. */
  async remove(rows: number | readonly number[] | Uint32Array): Promise<void> {
    const list = typeof rows === 'number' ? [rows] : rows;
    if (!Array.isArray(list) && !types.isUint32Array(list)) {
      throw new TypeError(expected('rows', 'a row number, an array of row numbers or a Uint32Array', rows));
    }
    const last = this.rows - 1;
    for (let i = 0; i < list.length; i++) {
      const name = typeof rows === 'number' ? 'rows' : `rows[${i}]`;
      if (!(Number.isInteger(list[i]) && list[i] >= 0 && list[i] <= last)) {
        if (last < 0) throw new RangeError(`${name}: expected no row, because the matrix has none, got ${list[i]}`);
        requireInteger(name, list[i], 0, last);
      }
    }
    const writer = this.#writer();
    if (list.length === 0) return;
    const removed = Uint32Array.from(list);
    writer.remove(removed);
    if (this.#log !== undefined) await this.#record(RECORD.remove, 0, removed.length, bytesOf(removed));
  }

  /**
   * Gives back the memory of removed rows by moving the others together. Requests under way are answered from the version they
   * began with; other threads get the matrix again by `postMessage`.
   *
   * @returns for each old row its new number, or {@link REMOVED_ROW}
   * @throws TypeError in a thread that did not create the matrix
   */
  async compact(): Promise<Uint32Array> {
    const numbers = this.#compactMemory();
    if (this.#log !== undefined) {
      const version = this.acquire();
      await this.#log.rewrite(version, () => this.#companion(version.operand, false, undefined));
    }
    return numbers;
  }

  /**
   * Writes the newest version to a file that `openMatrix` reads. Requests and changes go on meanwhile. The file is complete or
   * as it was before, also after a power failure.
   *
   * @throws FileError; the signal's reason after an abort
   */
  async save(path: string | URL, options?: SaveOptions): Promise<void> {
    const version = this.acquire();
    try {
      await saveMatrix(version.operand, path, options, undefined, (make, signal) =>
        this.#companion(version.operand, make, signal),
      );
    } finally {
      version.release();
    }
  }

  /** A matrix that asks for codes has them made. */
  async #companion(
    matrix: VectorMatrix,
    make: boolean,
    signal: AbortSignal | undefined,
  ): Promise<CompanionSource | undefined> {
    return this.#companionOf?.(matrix, make || this.companion === 'codes', signal);
  }

  /** @throws TypeError in a thread that did not create the matrix */
  #compactMemory(): Uint32Array {
    const old = this.#live();
    if (!this.#isOwner) throw new TypeError('matrix: only the thread that created it can compact it');
    if (this.#file?.writable === false) throw readOnlyError();
    this.#log?.requireWorking();
    const version = old.acquire();
    // Other threads cannot begin a change from now on; one that is under way takes no longer than a copy of its rows.
    old.retire(FLAGS.moved);
    try {
      const { control } = old.memory;
      while (Atomics.load(control, CONTROL.writing) !== Atomics.load(control, CONTROL.current));
      const header = old.header();
      const numbers = new Uint32Array(header.rows);
      const isRemoved = removedTest(old.memory, header.removedRows);
      let live = 0;
      for (let row = 0; row < header.rows; row++) numbers[row] = isRemoved(row) ? REMOVED_ROW : live++;
      const { bytesPerRow } = old.memory;
      const memory = createMemory(bytesPerRow, live, this.#native);
      copyRuns(new Uint8Array(old.memory.rows), new Uint8Array(memory.rows), numbers, bytesPerRow);
      const flags = Atomics.load(control, CONTROL.flags) & (FLAGS.native | FLAGS.owned);
      initControl(memory.control, { version: nextVersion(header.version), rows: live, removedRows: 0 }, flags);
      this.#generation = this.#open(memory);
      countMemory(memory.rows);
      return numbers;
    } catch (error) {
      Atomics.and(old.memory.control, CONTROL.flags, ~FLAGS.moved);
      throw error;
    } finally {
      version.release();
    }
  }

  /** Keeps the newest version as it is for several requests, until it is released with `Symbol.dispose`. */
  pin(): PinnedMatrix {
    const version = this.acquire();
    let isReleased = false;
    return Object.freeze({
      ...version.operand,
      [Symbol.dispose]() {
        if (isReleased) return;
        isReleased = true;
        version.release();
      },
    });
  }

  /** The newest version, pinned until it is released. */
  acquire(): Version<VectorMatrix> {
    return this.#live().acquire();
  }

  /** Gives back all memory as soon as requests under way have ended. Any later use throws TypeError. */
  async [Symbol.asyncDispose](): Promise<void> {
    const generation = this.#generation;
    if (generation === undefined) return;
    this.#generation = undefined;
    if (this.#isOwner) generation.retire(FLAGS.disposed);
    else generation.close();
    await this.#log?.close();
  }

  /** @throws TypeError when this thread cannot change the matrix; FileError when an earlier change is not in its file */
  #writer(): RowWriter {
    const writer = this.#live().writer(this.#isOwner);
    this.#log?.requireWorking();
    return writer;
  }

  /** What the log writes later, when the caller may have changed the array. */
  #payload(bytes: Uint8Array): Uint8Array | undefined {
    return this.#log === undefined ? undefined : bytes.slice();
  }

  /** Resolves when the change that was made last is durable. */
  async #record(type: number, start: number, count: number, payload: Uint8Array): Promise<void> {
    await this.#log?.add({ type, version: this.version, start, count, payload });
  }

  #open(memory: StoredRows): Generation {
    return new Generation(memory, this.#fields, this.#native, () => this.#onDispose?.(this));
  }

  #live(): Generation {
    if (this.#generation === undefined) throw goneError('matrix', FLAGS.disposed);
    return this.#generation;
  }

  #current<T>(read: (version: Version<VectorMatrix>) => T): T {
    const version = this.acquire();
    try {
      return read(version);
    } finally {
      version.release();
    }
  }

  #readUpdate(update: RowUpdate): { readonly start: number; readonly rows: Elements } {
    const given = readOptions('update', update, UPDATE_FIELDS);
    const rows = toRows('rows', given.rows, this.dimensions, this);
    const count = rows.length / this.dimensions;
    if (count > this.rows) {
      throw new RangeError(
        `rows: expected at most ${this.rows} rows, those of the matrix, got ${count}; append adds rows`,
      );
    }
    return { start: requireInteger('start', given.start, 0, this.rows - count), rows };
  }

  #readRow(row: number, values: RowElements | undefined): { readonly start: number; readonly rows: Elements } {
    const start = requireInteger('row', row, 0, this.rows - 1);
    return { start, rows: toRow('values', values, this.dimensions, this) };
  }
}

/** The fields of a matrix that do not change, without those that were not given. */
function fieldsOf(id: number, given: Omit<MatrixFields, 'id'>): MatrixFields {
  const { dimensions, dtype = 'float32', scale, expectedUses, companion } = given;
  return {
    id,
    dimensions,
    ...(dtype === 'float32' ? {} : { dtype }),
    ...(scale === undefined ? {} : { scale }),
    ...(expectedUses === undefined ? {} : { expectedUses }),
    ...(companion === undefined ? {} : { companion }),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Elements | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function removedTest({ removed }: StoredRows, removedRows: number): (row: number) => boolean {
  if (removedRows === 0) return () => false;
  const words = new Uint32Array(removed);
  return (row) => row >>> 5 < words.length && (words[row >>> 5] & (1 << (row & 31))) !== 0;
}

/** Copies each run of rows that stay together with one call. */
function copyRuns(from: Uint8Array, to: Uint8Array, numbers: Uint32Array, bytesPerRow: number): void {
  let start = 0;
  while (start < numbers.length) {
    if (numbers[start] === REMOVED_ROW) {
      start += 1;
      continue;
    }
    let end = start + 1;
    while (end < numbers.length && numbers[end] === numbers[end - 1] + 1) end += 1;
    to.set(from.subarray(start * bytesPerRow, end * bytesPerRow), numbers[start] * bytesPerRow);
    start = end;
  }
}
