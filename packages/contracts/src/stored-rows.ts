import type { Elements } from './elements/dtype.js';

/** A range of rows `[start, end)`. */
export interface RowSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * The memory of a stored matrix, shared by all threads. Rows are packed: row `r` begins at byte `r * bytesPerRow` of `rows`.
 * The other parts keep readers and writers apart; docs/stored-matrices.md describes their layout.
 */
export interface StoredRows {
  readonly bytesPerRow: number;
  readonly control: Int32Array;
  readonly rows: SharedArrayBuffer;
  readonly stamps: SharedArrayBuffer;
  readonly heads: SharedArrayBuffer;
  readonly log: SharedArrayBuffer;
  readonly removed: SharedArrayBuffer;
  readonly removals: SharedArrayBuffer;
  /** Of a matrix that was opened from a file with a companion. */
  readonly companion?: StoredCompanion | undefined;
}

/**
 * A companion as a file has it: parts with some bytes for each row, which the backend that made it understands. The memory is mapped
 * to the file or a copy of what it contains, so that nothing in it can be trusted further than the rows themselves.
 */
export interface StoredCompanion {
  readonly description: Uint8Array;
  /** It is that of the rows `[0, rows)` as they were in this version. */
  readonly version: number;
  readonly rows: number;
  /** Where each part begins in the memory. Behind each there is room for `capacity` rows, and {@link COMPANION_PADDING_BYTES}. */
  readonly offsets: readonly number[];
  readonly capacity: number;
  readonly memory: SharedArrayBuffer;
}

/** Vector code reads past the end of a part. */
export const COMPANION_PADDING_BYTES = 4096;

/** A companion that is to be written to a file, part by part. */
export interface CompanionSource {
  readonly description: Uint8Array;
  readonly bytesPerRow: readonly number[];
  /**
   * Copies whole rows of a part, from `start` on, until `target` is full.
   *
   * @returns false when there is no such companion any more
   */
  read(part: number, start: number, target: Uint8Array): boolean;
}

/**
 * One version of a stored matrix, of which the rows may change in place at any time. A backend that reads `values` itself asks
 * {@link isIntact} after it has read some rows and before it uses what it computed from them; rows that are not intact it
 * reads again with {@link readRow}.
 */
export interface MatrixSnapshot {
  readonly memory: StoredRows;
  /** Names the version in the shared memory. */
  readonly sequence: number;
  /** Whether the rows `[start, end)`, as they were read before this call, are those of this version. */
  isIntact(start: number, end: number): boolean;
  /** Copies a row of this version, in float32, to the start of `target`. */
  readRow(row: number, target: Float32Array): void;
  /** The same as it is stored. */
  readElements(row: number, target: Elements): void;
  /**
   * The rows that a copy of an earlier version has to replace or add, ascending and disjoint; undefined if they are unknown, in
   * which case the whole copy has to be replaced.
   */
  rowsChangedSince(version: number): readonly RowSpan[] | undefined;
}

/**
 * What native code does for stored matrices and graphs; without it they are slower to fill, give memory back to the garbage
 * collector, cannot be mapped from a file, and only the thread that created a matrix may change it. Arrays are over the shared
 * buffers of {@link StoredRows}, or over those of a stored graph.
 */
export interface NativeRows {
  /** Asks the system for huge pages, before the memory is touched first. */
  adviseHugePages(bytes: Uint8Array): void;
  /** Gives the pages back to the system at once: later reads give zeros. Also ends the mapping of a file. */
  dropPages(bytes: Uint8Array): void;
  /**
   * Maps a part of an open file over the memory, privately: changes of the memory do not reach the file.
   *
   * @param bytes begins on a page; `fileOffset` is a multiple of the page size
   * @returns 0, or the number of the system's error
   */
  mapFile(bytes: Uint8Array, fileDescriptor: number, fileOffset: number): number;
  /** Each change returns one of {@link NATIVE_ROWS_STATUS} if it changed nothing. Otherwise the number of the first new row. */
  append(memory: StoredRows, rows: Uint8Array): number;
  /** Otherwise 0. */
  update(memory: StoredRows, start: number, rows: Uint8Array): number;
  remove(memory: StoredRows, rows: Uint32Array): number;
  /** Clears the pin at this index of `control` when this thread ends, however it ends. Returns a number for {@link forgetPin}. */
  guardPin(control: Int32Array, index: number): number;
  forgetPin(guard: number): void;
}

export const NATIVE_ROWS_STATUS = {
  /** A buffer has no room for the change: grow it and try again. */
  needsRoom: -1,
  /** The matrix was disposed, or moved by a compaction. */
  gone: -2,
  /** The rows are not rows of the newest version. */
  outOfRange: -3,
} as const;
