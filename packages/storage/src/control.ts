import type { RowSpan } from '@gearshift/contracts';

/*
 * The control block of a stored matrix or graph: integers that are read and written with Atomics only, two copies of a header, and the
 * pins of readers. docs/stored-matrices.md describes the protocol; native/kit/store has the same numbers.
 */

export const CONTROL_BYTES = 4096;

/** Indices into the block as an Int32Array. */
export const CONTROL = {
  /** Sequence of the change under way, or of the last one. */
  writing: 0,
  /** Sequence of the newest complete version. */
  current: 1,
  /** Taken by native code alone, so that a terminated thread cannot keep it. */
  lock: 2,
  flags: 3,
  /** 1 + the first free slot of the undo log; 0: none. */
  free: 4,
  /** Slots of the undo log that were used since it was last emptied. */
  slots: 5,
  /** Entries of the list of removals. */
  removals: 6,
} as const;

export const FLAGS = {
  disposed: 1,
  /** A compaction has moved the rows to other memory. */
  moved: 2,
  /** A matrix that native code changes, from any thread; otherwise only the thread that created it does. */
  native: 4,
  /** Opened from a file without `writable`. */
  readOnly: 8,
  /** Changes go to a file, which only the thread that opened it writes. */
  owned: 16,
  /** Some of the rows are pages of a file, which are read from it when they are needed first and may be dropped again. */
  mapped: 32,
} as const;

/** Of each of the last versions, which rows it has changed or added: sequence (0: none), start, end. */
const FIRST_CHANGE = 33;
const CHANGE_FIELDS = 3;
const RECENT_CHANGES = 10;

/** Pins are pairs: a random tag of the owner (0: free), and the pinned sequence plus one (0: nothing is pinned). */
export const FIRST_PIN = 64;
export const PINS = 480;

/** Index, as a Float64Array, of the version since which changed rows have a stamp. */
const BASE_VERSION = 12;
const FIRST_HEADER = 4;
const HEADER_FIELDS = 4;

export interface Header {
  readonly version: number;
  readonly rows: number;
  readonly removedRows: number;
}

/** Sequences are even and never 0: twice the version, as a 32-bit integer that wraps round. */
export function sequenceOf(version: number): number {
  return (2 * version) | 0;
}

export function isLater(sequence: number, than: number): boolean {
  return ((sequence - than) | 0) > 0;
}

/** The version after this one. Skips one in 2^31, of which the sequence would be 0. */
export function nextVersion(version: number): number {
  return sequenceOf(version + 1) === 0 ? version + 2 : version + 1;
}

/** @param baseVersion the changes since this one are stamped */
export function initControl(control: Int32Array, header: Header, flags: number, baseVersion = header.version): void {
  const { version } = header;
  new Float64Array(control.buffer)[BASE_VERSION] = baseVersion;
  writeHeader(control, header);
  Atomics.store(control, CONTROL.flags, flags);
  Atomics.store(control, CONTROL.writing, sequenceOf(version));
  Atomics.store(control, CONTROL.current, sequenceOf(version));
}

export function baseVersionOf(control: Int32Array): number {
  return new Float64Array(control.buffer, control.byteOffset)[BASE_VERSION];
}

/**
 * The header of a version. A change writes the other copy; the one after it writes this copy, so the caller checks afterwards
 * that the version is still the newest.
 */
export function readHeader(control: Int32Array, sequence: number): Header {
  const fields = new Float64Array(control.buffer, control.byteOffset);
  const at = headerOf(sequence);
  return { version: fields[at], rows: fields[at + 1], removedRows: fields[at + 2] };
}

export function writeHeader(control: Int32Array, { version, rows, removedRows }: Header): void {
  const fields = new Float64Array(control.buffer, control.byteOffset);
  const at = headerOf(sequenceOf(version));
  fields[at] = version;
  fields[at + 1] = rows;
  fields[at + 2] = removedRows;
}

/** Notes the rows of a change under way, of which the sequence is announced already. */
export function writeChange(control: Int32Array, sequence: number, { start, end }: RowSpan): void {
  const at = changeOf(sequence);
  Atomics.store(control, at + 1, start);
  Atomics.store(control, at + 2, end);
  // With rows that do not fit in 32 bits the change is not noted.
  Atomics.store(control, at, end < 2 ** 32 ? sequence : 0);
}

/**
 * The rows of each change after an earlier version, up to the newest one, in the order of the changes; undefined if some are no
 * longer noted, or if the version is not the newest any more.
 */
export function readChanges(control: Int32Array, since: number, { version }: Header): readonly RowSpan[] | undefined {
  if (version - since > RECENT_CHANGES) return undefined;
  const spans: RowSpan[] = [];
  for (let changed = nextVersion(since); changed <= version; changed = nextVersion(changed)) {
    const at = changeOf(sequenceOf(changed));
    if (Atomics.load(control, at) !== sequenceOf(changed)) return undefined;
    spans.push({ start: Atomics.load(control, at + 1) >>> 0, end: Atomics.load(control, at + 2) >>> 0 });
  }
  // A change that has begun meanwhile may have replaced what was read.
  return Atomics.load(control, CONTROL.writing) === sequenceOf(version) ? spans : undefined;
}

function changeOf(sequence: number): number {
  return FIRST_CHANGE + ((sequence >>> 1) % RECENT_CHANGES) * CHANGE_FIELDS;
}

function headerOf(sequence: number): number {
  return FIRST_HEADER + ((sequence >> 1) & 1) * HEADER_FIELDS;
}

/** The pinned version that is furthest behind, or the newest one if nothing is pinned. */
export function oldestPin(control: Int32Array): number {
  const current = Atomics.load(control, CONTROL.current);
  let oldest = current;
  for (let pin = FIRST_PIN; pin < FIRST_PIN + 2 * PINS; pin += 2) {
    const pinned = Atomics.load(control, pin + 1);
    if (pinned !== 0 && isLater(oldest, pinned - 1)) oldest = pinned - 1;
  }
  return oldest;
}

export function isPinned(control: Int32Array): boolean {
  for (let pin = FIRST_PIN; pin < FIRST_PIN + 2 * PINS; pin += 2) {
    if (Atomics.load(control, pin + 1) !== 0) return true;
  }
  return false;
}
