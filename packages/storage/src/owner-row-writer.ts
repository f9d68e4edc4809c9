import type { StoredRows } from '@gearshift/contracts';
import {
  CONTROL,
  nextVersion,
  oldestPin,
  readHeader,
  sequenceOf,
  writeChange,
  writeHeader,
  type Header,
} from './control.js';
import type { RowWriter } from './row-writer.js';
import { growForAppend, growForUpdate, growForRemove } from './room.js';
import { UndoLog } from './undo-log.js';

/** The thread that created the matrix changes it, in JavaScript. */
export class OwnerRowWriter implements RowWriter {
  readonly #memory: StoredRows;
  readonly #log: UndoLog;
  readonly #rows: Uint8Array;
  readonly #stamps: Int32Array;
  readonly #removed: Uint32Array;
  readonly #removals: Int32Array;

  constructor(memory: StoredRows) {
    this.#memory = memory;
    this.#log = new UndoLog(memory);
    this.#rows = new Uint8Array(memory.rows);
    this.#stamps = new Int32Array(memory.stamps);
    this.#removed = new Uint32Array(memory.removed);
    this.#removals = new Int32Array(memory.removals);
  }

  append(rows: Uint8Array): number {
    const { bytesPerRow } = this.#memory;
    const first = this.#header().rows;
    const end = first + rows.length / bytesPerRow;
    growForAppend(this.#memory, end);
    this.#change((sequence) => {
      this.#rows.set(rows, first * bytesPerRow);
      this.#stamp(sequence, first, end);
      return { rows: end };
    });
    return first;
  }

  update(start: number, rows: Uint8Array): void {
    const { bytesPerRow, control } = this.#memory;
    const count = rows.length / bytesPerRow;
    if (!this.#log.hasRoomFor(count)) this.#log.sweep(oldestPin(control));
    const needsLog = !this.#log.hasRoomFor(count);
    growForUpdate(this.#memory, this.#header().rows, needsLog ? count : 0);
    this.#change((sequence) => {
      for (let row = start; row < start + count; row++) {
        const at = row * bytesPerRow;
        this.#log.record(row, sequence, this.#rows.subarray(at, at + bytesPerRow));
      }
      this.#rows.set(rows, start * bytesPerRow);
      this.#stamp(sequence, start, start + count);
      return {};
    });
  }

  remove(rows: Uint32Array): void {
    const { control } = this.#memory;
    const { rows: rowCount, removedRows } = this.#header();
    growForRemove(this.#memory, rowCount, rows.length);
    this.#change((sequence) => {
      let removed = removedRows;
      for (const row of rows) {
        const bit = 1 << (row & 31);
        if ((this.#removed[row >>> 5] & bit) !== 0) continue;
        const entry = Atomics.load(control, CONTROL.removals);
        this.#removals[2 * entry] = sequence;
        this.#removals[2 * entry + 1] = row;
        Atomics.store(control, CONTROL.removals, entry + 1);
        this.#removed[row >>> 5] |= bit;
        removed += 1;
      }
      return { removedRows: removed };
    });
  }

  #header(): Header {
    return readHeader(this.#memory.control, Atomics.load(this.#memory.control, CONTROL.current));
  }

  /** Notes which rows a change has changed or added. */
  #stamp(sequence: number, start: number, end: number): void {
    writeChange(this.#memory.control, sequence, { start, end });
    this.#stamps.fill(sequence, start, end);
  }

  /** Announces a change, makes it, and publishes the new version. */
  #change(make: (sequence: number) => Partial<Header>): void {
    const { control } = this.#memory;
    const header = this.#header();
    const version = nextVersion(header.version);
    const sequence = sequenceOf(version);
    Atomics.store(control, CONTROL.writing, sequence);
    writeChange(control, sequence, { start: 0, end: 0 });
    writeHeader(control, { ...header, ...make(sequence), version });
    Atomics.store(control, CONTROL.current, sequence);
    if (oldestPin(control) !== sequence) return;
    if (Atomics.load(control, CONTROL.slots) > 0) this.#log.empty();
    Atomics.store(control, CONTROL.removals, 0);
  }
}
