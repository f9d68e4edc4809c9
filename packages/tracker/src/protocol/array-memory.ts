import type { SharedMemory } from './shared-memory.js';

/** The protocol's memory on a SharedArrayBuffer: integer cells and number cells are two views of the same bytes. */
export class ArrayMemory implements SharedMemory {
  readonly #integers: Int32Array;
  readonly #numbers: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#integers = new Int32Array(buffer);
    this.#numbers = new Float64Array(buffer);
  }

  load(integerCell: number): number {
    return Atomics.load(this.#integers, integerCell);
  }

  add(integerCell: number, amount: number): number {
    return Atomics.add(this.#integers, integerCell, amount);
  }

  compareExchange(integerCell: number, expected: number, replacement: number): number {
    return Atomics.compareExchange(this.#integers, integerCell, expected, replacement);
  }

  copyIn(numberCell: number, source: Float64Array, start: number, count: number): void {
    const numbers = this.#numbers;
    for (let i = 0; i < count; i++) numbers[numberCell + i] = source[start + i];
  }

  copyOut(numberCell: number, target: Float64Array, start: number, count: number): void {
    const numbers = this.#numbers;
    for (let i = 0; i < count; i++) target[start + i] = numbers[numberCell + i];
  }
}
