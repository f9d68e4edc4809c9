import type { SharedMemory } from './shared-memory.js';

/** The cells of the places of names: one each, 0 while it is free. */
export interface DirectoryCells {
  readonly firstNameCell: number;
  readonly nameCount: number;
}

const FREE = 0;

/**
 * The place of a name, the same for every thread; undefined when all places are taken by others. A place is never given
 * back. One exchange claims it whole, so a thread that ends at any step leaves nothing half-claimed.
 *
 * @param hash of the name: a whole number of 32 bits other than 0.
 */
export function placeOf(memory: SharedMemory, cells: DirectoryCells, hash: number): number | undefined {
  for (let place = 0; place < cells.nameCount; place++) {
    const cell = cells.firstNameCell + place;
    const found = memory.load(cell) || memory.compareExchange(cell, FREE, hash);
    if (found === hash || found === FREE) return place;
  }
  return undefined;
}

/**
 * FNV-1a (Fowler, Noll, Vo), 32 bits, over UTF-16 code units. Two of the few dozen names that a program has share a hash
 * with a probability of about one in ten million; they would share their numbers then.
 */
export function hashOf(name: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash === FREE ? 1 : hash;
}
