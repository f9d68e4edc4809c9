import { describe, expect, it } from 'vitest';
import { ArrayMemory } from '../src/protocol/array-memory.js';
import { hashOf, placeOf, type DirectoryCells } from '../src/protocol/directory.js';
import { claimSlot, releaseOwner, releaseSlot, type OwnershipCells } from '../src/protocol/ownership.js';
import type { SharedMemory } from '../src/protocol/shared-memory.js';
import { changeMemory } from './schedules/small-memory.js';

const CELLS: OwnershipCells = { highWaterCell: 0, firstOwnerCell: 4, slotCount: 3 };
const NAMES: DirectoryCells = { firstNameCell: 4, nameCount: 3 };
const CELL_COUNT = 12;
const newMemory = () => new ArrayMemory(new SharedArrayBuffer(4 * CELL_COUNT));
const cellsOf = (memory: SharedMemory) => Array.from({ length: CELL_COUNT }, (_, cell) => memory.load(cell));

/** The memory, in which another thread acts once, just before the first exchange of `cell`. */
function withRival(memory: SharedMemory, cell: number, act: () => void): SharedMemory {
  let hasActed = false;
  return changeMemory(memory, (unchanged) => ({
    compareExchange(exchanged, expected, replacement) {
      if (exchanged === cell && !hasActed) {
        hasActed = true;
        act();
      }
      return unchanged.compareExchange(exchanged, expected, replacement);
    },
  }));
}

describe('claimSlot', () => {
  it('slots are claimed in order, and counted for readers', () => {
    const memory = newMemory();
    expect([7, 8, 9, 10].map((token) => claimSlot(memory, CELLS, token))).toEqual([0, 1, 2, undefined]);
    expect(cellsOf(memory)).toEqual([3, 0, 0, 0, 7, 8, 9, 0, 0, 0, 0, 0]);
  });

  it('the first slot that was given back is claimed again, and the count of slots does not fall', () => {
    const memory = newMemory();
    for (const token of [7, 8, 9]) claimSlot(memory, CELLS, token);
    releaseSlot(memory, CELLS, 1, 8);
    releaseSlot(memory, CELLS, 0, 7);
    expect(claimSlot(memory, CELLS, 11)).toBe(0);
    expect(cellsOf(memory)).toEqual([3, 0, 0, 0, 11, 0, 9, 0, 0, 0, 0, 0]);
  });

  it('a thread that loses a slot to another one claims the next', () => {
    const memory = newMemory();
    const lost = withRival(memory, CELLS.firstOwnerCell, () => claimSlot(memory, CELLS, 8));
    expect(claimSlot(lost, CELLS, 7)).toBe(1);
    expect(cellsOf(memory).slice(0, 7)).toEqual([2, 0, 0, 0, 8, 7, 0]);
  });

  it('a slot is counted before it is owned, so that readers find the publications of its owner', () => {
    const memory = newMemory();
    let counted: number | undefined;
    const watched = withRival(memory, CELLS.firstOwnerCell, () => (counted = memory.load(CELLS.highWaterCell)));
    claimSlot(watched, CELLS, 7);
    expect(counted).toBe(1);
  });

  it.each([
    ['less', 1, 3],
    ['as much', 3, 3],
    ['more', 5, 5],
  ])(
    'the count of slots is right when another thread raises it by %s at the same time',
    (_what, raisedTo, expected) => {
      const memory = newMemory();
      for (const token of [7, 8]) claimSlot(memory, { ...CELLS, highWaterCell: 1 }, token);
      const raised = withRival(memory, CELLS.highWaterCell, () => memory.add(CELLS.highWaterCell, raisedTo));
      expect(claimSlot(raised, CELLS, 9)).toBe(2);
      expect(memory.load(CELLS.highWaterCell)).toBe(expected);
    },
  );
});

describe('releaseSlot and releaseOwner', () => {
  it('a slot is given back by its owner alone, once', () => {
    const memory = newMemory();
    claimSlot(memory, CELLS, 7);
    expect(releaseSlot(memory, CELLS, 0, 8)).toBe(false);
    expect(memory.load(CELLS.firstOwnerCell)).toBe(7);
    expect(releaseSlot(memory, CELLS, 0, 7)).toBe(true);
    expect(releaseSlot(memory, CELLS, 0, 7)).toBe(false);
    expect(memory.load(CELLS.firstOwnerCell)).toBe(0);
  });

  it('all slots of an ended thread are given back, and no others', () => {
    const memory = newMemory();
    for (const token of [7, 8, 7]) claimSlot(memory, CELLS, token);
    expect(releaseOwner(memory, CELLS, 7)).toBe(2);
    expect(cellsOf(memory)).toEqual([3, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0]);
    expect(releaseOwner(memory, CELLS, 7)).toBe(0);
  });

  it('a slot that its owner gives back at the same time is not counted', () => {
    const memory = newMemory();
    claimSlot(memory, CELLS, 7);
    const racing = withRival(memory, CELLS.firstOwnerCell, () => releaseSlot(memory, CELLS, 0, 7));
    expect(releaseOwner(racing, CELLS, 7)).toBe(0);
  });

  it('an owner cell outside the slots is never released', () => {
    const memory = newMemory();
    memory.add(CELLS.firstOwnerCell + CELLS.slotCount, 7);
    expect(releaseOwner(memory, CELLS, 7)).toBe(0);
    expect(memory.load(CELLS.firstOwnerCell + CELLS.slotCount)).toBe(7);
  });
});

describe('placeOf', () => {
  it('names get places in the order of their first use, and keep them', () => {
    const memory = newMemory();
    expect([5, 6, 5, 7, 8, 6].map((hash) => placeOf(memory, NAMES, hash))).toEqual([0, 1, 0, 2, undefined, 1]);
    expect(cellsOf(memory).slice(4, 8)).toEqual([5, 6, 7, 0]);
  });

  it('a thread that loses a place to another name takes the next one', () => {
    const memory = newMemory();
    const lost = withRival(memory, NAMES.firstNameCell, () => placeOf(memory, NAMES, 6));
    expect(placeOf(lost, NAMES, 5)).toBe(1);
    expect(cellsOf(memory).slice(4, 7)).toEqual([6, 5, 0]);
  });

  it('a thread that loses a place to the same name shares it', () => {
    const memory = newMemory();
    const lost = withRival(memory, NAMES.firstNameCell, () => placeOf(memory, NAMES, 5));
    expect(placeOf(lost, NAMES, 5)).toBe(0);
    expect(cellsOf(memory).slice(4, 7)).toEqual([5, 0, 0]);
  });

  it('a name that is there already is found without an exchange', () => {
    const memory = newMemory();
    placeOf(memory, NAMES, 5);
    const reading = changeMemory(memory, () => ({
      compareExchange: () => {
        throw new Error('nothing is to be claimed');
      },
    }));
    expect(placeOf(reading, NAMES, 5)).toBe(0);
  });

  it('names are hashed to whole numbers of 32 bits', () => {
    // FNV-1a of the empty string and of 'a', as published by its authors.
    expect([hashOf(''), hashOf('a')]).toEqual([0x811c9dc5 | 0, 0xe40c292c | 0]);
  });
});
