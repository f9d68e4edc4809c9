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
    copy(source, start, this.#numbers, numberCell, count);
  }

  copyOut(numberCell: number, target: Float64Array, start: number, count: number): void {
    copy(this.#numbers, numberCell, target, start, count);
  }
}

/** Four numbers per iteration: `set` with `subarray` costs more than copying so few numbers, and a plain loop checks both arrays for each. */
function copy(source: Float64Array, from: number, target: Float64Array, to: number, count: number): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    target[to + i] = source[from + i];
    target[to + i + 1] = source[from + i + 1];
    target[to + i + 2] = source[from + i + 2];
    target[to + i + 3] = source[from + i + 3];
  }
  for (; i < count; i++) target[to + i] = source[from + i];
}
