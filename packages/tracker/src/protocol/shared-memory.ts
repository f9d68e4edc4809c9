/**
 * What the protocol needs from memory that several threads share. The product runs it on a SharedArrayBuffer
 * (`array-memory.ts`); the schedule explorer runs the same protocol on a memory that tries every order of events.
 *
 * Integer cells are 32 bits wide and only ever touched atomically. Number cells are plain: their accesses have no order
 * of their own, and only the integer cells around them guarantee anything about it.
 */
export interface SharedMemory {
  load(integerCell: number): number;
  /** Adds, and returns the previous value, in one indivisible step. Adding 0 is a load that no other access may be moved across. */
  add(integerCell: number, amount: number): number;
  /** Writes `replacement` if the cell holds `expected`; returns the previous value. */
  compareExchange(integerCell: number, expected: number, replacement: number): number;
  /** `source[start, start + count)` to the number cells from `numberCell` on. */
  copyIn(numberCell: number, source: Float64Array, start: number, count: number): void;
  /** The number cells from `numberCell` on to `target[start, start + count)`. */
  copyOut(numberCell: number, target: Float64Array, start: number, count: number): void;
}
