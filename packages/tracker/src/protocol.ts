import type { SharedCells } from './shared-cells.js';

/*
 * How threads share figures without a lock. Each writer owns a slot; a slot has two copies of its figures and an index
 * that counts publications. The copy that readers use is the one of the index's parity; the writer fills the other and
 * then raises the index. A writer that is killed at any instruction leaves the index on a whole copy, so it blocks nobody
 * and tears nothing.
 *
 * Locks and sequence locks fail here: a thread terminated inside leaves them taken, and readers wait for ever.
 */

/** Two publications of one writer: where they lie. */
export interface Publication {
  readonly indexCell: number;
  readonly copyCells: readonly [even: number, odd: number];
}

/** Nobody's slot. */
export const NO_OWNER = 0;

/** Indices wrap round below the sign, an odd one to an even one. */
const LARGEST_INDEX = 0x7fff_ffff;

/** How often a reader tries again after a writer overtook it twice during one read. */
const MOST_READS = 100;

/** Publishes `figures`. Only the owner of the slot may. */
export function publish(cells: SharedCells, publication: Publication, figures: Float64Array): void {
  // Read back rather than remembered: the load keeps the plain stores below from moving ahead of the last store.
  const next = (cells.load(publication.indexCell) + 1) & LARGEST_INDEX;
  cells.copyIn(publication.copyCells[next & 1], figures);
  cells.store(publication.indexCell, next);
}

/**
 * Reads the last publication into `target`.
 *
 * @returns its index; or -1 when a writer was faster every time, and `target` means nothing. Never waits.
 */
export function readPublished(cells: SharedCells, publication: Publication, target: Float64Array): number {
  for (let reads = 0; reads < MOST_READS; reads++) {
    const index = cells.load(publication.indexCell);
    cells.copyOut(publication.copyCells[index & 1], target);
    // By a read-modify-write: plain reads may be delayed past an atomic load, but not past a store.
    if (cells.add(publication.indexCell, 0) === index) return index;
  }
  return -1;
}

/**
 * Makes the first free slot the caller's own.
 *
 * @param token the caller's, not {@link NO_OWNER}; not used by two threads that live at the same time.
 * @returns the slot, or -1 when all are taken.
 */
export function claimSlot(
  cells: SharedCells,
  slots: number,
  ownerCell: (slot: number) => number,
  usedSlotsCell: number,
  token: number,
): number {
  for (let slot = 0; slot < slots; slot++) {
    if (cells.compareExchange(ownerCell(slot), NO_OWNER, token) !== NO_OWNER) continue;
    raiseTo(cells, usedSlotsCell, slot + 1);
    return slot;
  }
  return -1;
}

/** Gives a slot back if `token` owns it: by its owner, or by anyone who knows that the owner's thread has ended. */
export function releaseSlot(cells: SharedCells, ownerCell: number, token: number): boolean {
  return cells.compareExchange(ownerCell, token, NO_OWNER) === token;
}

/** Without a lock: whoever is overtaken by a larger value is done. */
function raiseTo(cells: SharedCells, cell: number, value: number): void {
  let seen = cells.load(cell);
  while (seen < value) {
    const before = cells.compareExchange(cell, seen, value);
    if (before === seen) return;
    seen = before;
  }
}
