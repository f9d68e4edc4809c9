import type { SharedMemory } from './shared-memory.js';

/** A run of figures of which only `[figures[lowField], figures[endField])` are used. */
export interface SparseRange {
  readonly at: number;
  readonly lowField: number;
  readonly endField: number;
}

/** How figures lie in a block: first those that are always there, then the sparse ranges. */
export interface BlockShape {
  readonly denseCount: number;
  readonly ranges: readonly SparseRange[];
  /** Number cells of one copy. */
  readonly copyCells: number;
}

/**
 * Figures with one writer and any number of readers: an integer cell that counts publications, and two copies. Publication
 * `n` is in copy `n & 1`, from the step that made the count `n` until the one that makes it `n + 1`.
 */
export interface Block {
  readonly sequenceCell: number;
  /** First number cell of copy 0; copy 1 follows it. */
  readonly dataCell: number;
}

/**
 * How often a reader tries to get a copy that was not overtaken. The bound guarantees that no thread waits for another: a
 * reader needs well under a microsecond, and a writer publishes once in 32 records.
 */
const MAX_READ_ATTEMPTS = 64;

/**
 * Fills the copy that is not current and flips to it. Only the block's one writer may call this; a writer that ends at
 * any step leaves the previous copy current and complete.
 *
 * The flip is a read-modify-write although no other thread changes the count: it has to read the value that a reader's
 * recheck left, so that this reader has finished copying before the next publication writes there. After a mere
 * `Atomics.store`, the plain writes of the next publication may become visible before the flip.
 */
export function publishBlock(memory: SharedMemory, shape: BlockShape, block: Block, figures: Float64Array): void {
  const copy = currentCopy(shape, block, memory.load(block.sequenceCell) + 1);
  memory.copyIn(copy, figures, 0, shape.denseCount);
  for (const { at, lowField, endField } of shape.ranges) {
    const first = at + toIndex(figures[lowField]);
    const count = at + toIndex(figures[endField]) - first;
    // Most ranges are empty, and this check is cheaper than a call that copies nothing.
    if (count > 0) memory.copyIn(copy + first, figures, first, count);
  }
  memory.add(block.sequenceCell, 1);
}

/**
 * Copies the current publication to `target`. Sparse figures outside their range keep what `target` held.
 *
 * Each recheck is a read-modify-write: plain reads may be moved behind a mere `Atomics.load`. The
 * first one makes the bounds of the ranges trustworthy before they are used as such.
 *
 * @returns the number of the publication, or undefined when the writer overtook every attempt; `target` is garbage then.
 */
export function readBlock(
  memory: SharedMemory,
  shape: BlockShape,
  block: Block,
  target: Float64Array,
): number | undefined {
  for (let attempt = 0; attempt < MAX_READ_ATTEMPTS; attempt++) {
    const sequence = memory.load(block.sequenceCell);
    const copy = currentCopy(shape, block, sequence);
    memory.copyOut(copy, target, 0, shape.denseCount);
    if (memory.add(block.sequenceCell, 0) !== sequence) continue;
    let sparseCount = 0;
    for (const { at, lowField, endField } of shape.ranges) {
      const first = at + toIndex(target[lowField]);
      const count = at + toIndex(target[endField]) - first;
      if (count > 0) memory.copyOut(copy + first, target, first, count);
      sparseCount += count;
    }
    if (sparseCount === 0 || memory.add(block.sequenceCell, 0) === sequence) return sequence;
  }
  return undefined;
}

/** Figures are floating-point numbers; loops that count with them are several times slower. */
function toIndex(figure: number): number {
  return figure | 0;
}

function currentCopy(shape: BlockShape, block: Block, sequence: number): number {
  return block.dataCell + (sequence & 1) * shape.copyCells;
}
