import type { StoredRows } from '@gearshift/contracts';
import { CONTROL, isLater } from './control.js';
import { SLOT_HEADER_BYTES, slotBytesOf } from './shared-memory.js';

/** Fields of a slot as 32-bit integers. */
const SEQUENCE = 0;
const ROW = 1;
const NEXT = 2;

/** x64 never reorders loads; elsewhere only a read-modify-write is ordered after the reads before it. */
const ORDERS_LOADS = process.arch === 'x64';

/** The old contents of rows that were changed in place, as readers and writers of one thread see them. */
export class UndoLog {
  readonly #control: Int32Array;
  readonly #heads: Uint32Array;
  readonly #log: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #slotInts: number;
  readonly #bytesPerRow: number;

  constructor({ control, heads, log, bytesPerRow }: StoredRows) {
    this.#control = control;
    this.#heads = new Uint32Array(heads);
    this.#log = new Int32Array(log);
    this.#bytes = new Uint8Array(log);
    this.#slotInts = slotBytesOf(bytesPerRow) / 4;
    this.#bytesPerRow = bytesPerRow;
  }

  /** Whether no change has begun since this version: to be asked after reading rows. */
  isUnchangedSince(sequence: number): boolean {
    const control = this.#control;
    const writing = ORDERS_LOADS ? Atomics.load(control, CONTROL.writing) : Atomics.add(control, CONTROL.writing, 0);
    return writing === sequence;
  }

  /** The contents of a row as of a pinned version, in the log; undefined if the row has not changed since. */
  contentsOf(row: number, sequence: number): Uint8Array | undefined {
    const slot = this.#slotOf(row, sequence);
    if (slot < 0) return undefined;
    const start = slot * this.#slotInts * 4 + SLOT_HEADER_BYTES;
    return this.#bytes.subarray(start, start + this.#bytesPerRow);
  }

  hasChanged(start: number, end: number, sequence: number): boolean {
    if (this.isUnchangedSince(sequence)) return false;
    const last = Math.min(end, this.#heads.length);
    for (let row = start; row < last; row++) {
      if (this.#slotOf(row, sequence) >= 0) return true;
    }
    return false;
  }

  /** Number of a slot for a row, after which the row may be overwritten; the caller has checked that there is a free one. */
  record(row: number, sequence: number, contents: Uint8Array): void {
    const head = Atomics.load(this.#heads, row);
    const newest = (head - 1) * this.#slotInts;
    // Twice in one change: the older contents are the ones to keep.
    if (head !== 0 && this.#log[newest + ROW] === row && this.#log[newest + SEQUENCE] === sequence) return;
    const slot = this.#takeSlot();
    const at = slot * this.#slotInts;
    this.#bytes.set(contents, at * 4 + SLOT_HEADER_BYTES);
    this.#log[at + ROW] = row;
    this.#log[at + NEXT] = head;
    Atomics.store(this.#log, at + SEQUENCE, sequence);
    Atomics.store(this.#heads, row, slot + 1);
  }

  /** Whether so many rows can be recorded without growing the log. */
  hasRoomFor(rows: number): boolean {
    let room = Math.floor(this.#log.length / this.#slotInts) - Atomics.load(this.#control, CONTROL.slots);
    let next = Atomics.load(this.#control, CONTROL.free);
    while (next !== 0 && room < rows) {
      room += 1;
      next = this.#log[(next - 1) * this.#slotInts + NEXT];
    }
    return room >= rows;
  }

  /** Frees the slots that no version from this one on needs. */
  sweep(oldest: number): void {
    const slots = Atomics.load(this.#control, CONTROL.slots);
    for (let slot = 0; slot < slots; slot++) {
      const at = slot * this.#slotInts;
      const sequence = this.#log[at + SEQUENCE];
      if (sequence === 0 || isLater(sequence, oldest)) continue;
      Atomics.store(this.#log, at + SEQUENCE, 0);
      this.#log[at + NEXT] = Atomics.load(this.#control, CONTROL.free);
      Atomics.store(this.#control, CONTROL.free, slot + 1);
    }
  }

  /** Frees every slot. */
  empty(): void {
    const slots = Atomics.load(this.#control, CONTROL.slots);
    for (let slot = 0; slot < slots; slot++) Atomics.store(this.#log, slot * this.#slotInts + SEQUENCE, 0);
    Atomics.store(this.#control, CONTROL.free, 0);
    Atomics.store(this.#control, CONTROL.slots, 0);
  }

  #takeSlot(): number {
    const control = this.#control;
    const free = Atomics.load(control, CONTROL.free);
    if (free === 0) return Atomics.add(control, CONTROL.slots, 1);
    Atomics.store(control, CONTROL.free, this.#log[(free - 1) * this.#slotInts + NEXT]);
    return free - 1;
  }

  /** The slot of the oldest change of a row after a version, or -1. */
  #slotOf(row: number, sequence: number): number {
    if (row >= this.#heads.length) return -1;
    let found = -1;
    let newer = 0;
    let next = Atomics.load(this.#heads, row);
    while (next !== 0) {
      const at = (next - 1) * this.#slotInts;
      const changed = Atomics.load(this.#log, at + SEQUENCE);
      // A slot that was freed, and perhaps taken again, ends the list: what follows is older than every pinned version.
      if (changed === 0 || this.#log[at + ROW] !== row || !isLater(changed, sequence)) break;
      if (found >= 0 && !isLater(newer, changed)) break;
      found = next - 1;
      newer = changed;
      next = this.#log[at + NEXT];
    }
    return found;
  }
}
