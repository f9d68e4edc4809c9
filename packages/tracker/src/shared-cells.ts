/**
 * The memory that threads share, as the protocol sees it: integer cells, used atomically, and plain float64 cells. The
 * product runs the protocol over a SharedArrayBuffer; the schedule explorer runs the same source over a model of memory in
 * which plain accesses are delayed and threads are killed.
 */
export interface SharedCells {
  load(cell: number): number;
  store(cell: number, value: number): void;
  /** Adds and returns what was there before. */
  add(cell: number, value: number): number;
  /** Stores `replacement` where `expected` was; returns what was there before. */
  compareExchange(cell: number, expected: number, replacement: number): number;
  /** Writes plain cells from `first` on, in no particular order. */
  copyIn(first: number, source: Float64Array): void;
  /** Reads plain cells; what arrives in `target` means nothing until a later atomic operation confirmed it. */
  copyOut(first: number, target: Float64Array): void;
}

/** The cells in a SharedArrayBuffer. Monomorphic, so that the calls of the protocol are compiled into their callers. */
export class BufferCells implements SharedCells {
  readonly #integers: Int32Array;
  readonly #floats: Float64Array;

  constructor(buffer: SharedArrayBuffer, integerCells: number, floatCells: number) {
    this.#integers = new Int32Array(buffer, 0, integerCells);
    this.#floats = new Float64Array(buffer, integerCells * Int32Array.BYTES_PER_ELEMENT, floatCells);
  }

  load(cell: number): number {
    return Atomics.load(this.#integers, cell);
  }

  store(cell: number, value: number): void {
    Atomics.store(this.#integers, cell, value);
  }

  add(cell: number, value: number): number {
    return Atomics.add(this.#integers, cell, value);
  }

  compareExchange(cell: number, expected: number, replacement: number): number {
    return Atomics.compareExchange(this.#integers, cell, expected, replacement);
  }

  copyIn(first: number, source: Float64Array): void {
    const floats = this.#floats;
    for (let i = 0; i < source.length; i++) floats[first + i] = source[i];
  }

  copyOut(first: number, target: Float64Array): void {
    const floats = this.#floats;
    for (let i = 0; i < target.length; i++) target[i] = floats[first + i];
  }
}
