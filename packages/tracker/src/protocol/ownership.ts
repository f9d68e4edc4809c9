import type { SharedMemory } from './shared-memory.js';

/** The cells that say which thread owns which slot. */
export interface OwnershipCells {
  /** The number of slots that were ever claimed: readers read no others. */
  readonly highWaterCell: number;
  /** The owner of slot 0; those of the others follow. */
  readonly firstOwnerCell: number;
  readonly slotCount: number;
}

const FREE = 0;

/**
 * Takes the first free slot.
 *
 * @param token names the owner: not 0, and never used again for another thread, so that a late release cannot free the
 *   slot of its next owner.
 * @returns the slot, or undefined when all are taken.
 */
export function claimSlot(memory: SharedMemory, cells: OwnershipCells, token: number): number | undefined {
  for (let slot = 0; slot < cells.slotCount; slot++) {
    const ownerCell = cells.firstOwnerCell + slot;
    if (memory.load(ownerCell) !== FREE) continue;
    // Raised first: a thread that ends between the two steps must not own a slot that readers never read.
    raise(memory, cells.highWaterCell, slot + 1);
    if (memory.compareExchange(ownerCell, FREE, token) === FREE) return slot;
  }
  return undefined;
}

/** Gives a slot back if `token` still owns it, and returns whether it did. What was published there stays readable. */
export function releaseSlot(memory: SharedMemory, cells: OwnershipCells, slot: number, token: number): boolean {
  return memory.compareExchange(cells.firstOwnerCell + slot, token, FREE) === token;
}

/** Gives back every slot of `token`: for a thread that has ended. Returns how many. */
export function releaseOwner(memory: SharedMemory, cells: OwnershipCells, token: number): number {
  let released = 0;
  for (let slot = 0; slot < cells.slotCount; slot++) {
    if (memory.load(cells.firstOwnerCell + slot) === token && releaseSlot(memory, cells, slot, token)) released++;
  }
  return released;
}

/** Makes a cell at least `minimum`. Each failed exchange means that another thread raised it, so this ends. */
function raise(memory: SharedMemory, cell: number, minimum: number): void {
  let current = memory.load(cell);
  while (current < minimum) {
    const found = memory.compareExchange(cell, current, minimum);
    if (found === current) return;
    current = found;
  }
}
