import type { ThreadMemory } from '@gearshift/schedule-explorer';
import type { SharedMemory } from '../../src/protocol/shared-memory.js';

/** Which cells of a layout are explored. */
export interface KeptCells {
  readonly integerCells: readonly number[];
  /** Where the two copies of the one block begin, how long each is, and which of its numbers are ever anything but 0. */
  readonly dataCell: number;
  readonly copyCells: number;
  readonly numbers: readonly number[];
}

/**
 * The cells of a real layout on the few that the explorer has: to explore hundreds of zeros, each of which may be read early
 * or late, would take for ever.
 */
export class SmallMemory implements SharedMemory {
  readonly #memory: ThreadMemory;
  readonly #kept: KeptCells;

  constructor(memory: ThreadMemory, kept: KeptCells) {
    this.#memory = memory;
    this.#kept = kept;
  }

  load(integerCell: number): number {
    return this.#memory.load(integerAt(this.#kept, integerCell));
  }

  add(integerCell: number, amount: number): number {
    return this.#memory.add(integerAt(this.#kept, integerCell), amount);
  }

  compareExchange(integerCell: number, expected: number, replacement: number): number {
    return this.#memory.compareExchange(integerAt(this.#kept, integerCell), expected, replacement);
  }

  copyIn(numberCell: number, source: Float64Array, start: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const cell = this.#numberAt(numberCell + i);
      if (cell !== undefined) this.#memory.copyIn(cell, source, start + i, 1);
      else if (source[start + i] !== 0) throw new Error(`number ${start + i} is not 0`);
    }
  }

  copyOut(numberCell: number, target: Float64Array, start: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const cell = this.#numberAt(numberCell + i);
      if (cell === undefined) target[start + i] = 0;
      else this.#memory.copyOut(cell, target, start + i, 1);
    }
  }

  #numberAt(cell: number): number | undefined {
    const { dataCell, copyCells, numbers } = this.#kept;
    const copy = Math.floor((cell - dataCell) / copyCells);
    const kept = numbers.indexOf((cell - dataCell) % copyCells);
    return kept === -1 ? undefined : copy * numbers.length + kept;
  }
}

/** Where the explorer has an integer cell of the layout. */
export function integerAt({ integerCells }: KeptCells, cell: number): number {
  const index = integerCells.indexOf(cell);
  if (index === -1) throw new Error(`integer cell ${cell} is not part of this`);
  return index;
}

/** What a defect makes of the memory. */
export type MemoryChange = (memory: SharedMemory) => Partial<SharedMemory>;

export function changeMemory(memory: SharedMemory, change: MemoryChange): SharedMemory {
  return {
    load: (cell) => memory.load(cell),
    add: (cell, amount) => memory.add(cell, amount),
    compareExchange: (cell, expected, replacement) => memory.compareExchange(cell, expected, replacement),
    copyIn: (cell, source, start, count) => memory.copyIn(cell, source, start, count),
    copyOut: (cell, target, start, count) => memory.copyOut(cell, target, start, count),
    ...change(memory),
  };
}
