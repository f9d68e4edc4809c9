import { explore, type Program } from '@gearshift/schedule-explorer';
import { describe, expect, it } from 'vitest';
import type { SharedMemory } from '../src/protocol/shared-memory.js';
import { publication, succession, type Protocol, PRODUCT } from './schedules/scenarios.js';

/**
 * The product's own protocol source, in every order that JavaScript's memory model allows, with a kill before each step.
 * Each of these is exhausted; together they are far more than the ten million interleavings that the project asks for.
 */
const CASES: readonly [string, Program][] = [
  ['one publication, one reader', publication(1, 1, 1)],
  ['two publications, one reader who reads twice', publication(2, 1, 2)],
  ['three publications, one reader', publication(3, 1, 1)],
  ['a writer that may be killed, and an heir', succession({ slots: 1, heirs: 1, closes: false, readers: 0 })],
  ['a writer that closes, and an heir', succession({ slots: 1, heirs: 1, closes: true, readers: 0 })],
  ['the same with two slots', succession({ slots: 2, heirs: 1, closes: false, readers: 0 })],
  ['two heirs of one slot', succession({ slots: 1, heirs: 2, closes: false, readers: 0 })],
  ['a writer that closes, an heir and a reader', succession({ slots: 1, heirs: 1, closes: true, readers: 1 })],
];

describe('every interleaving', () => {
  let interleavings = 0;

  it.each(CASES)('%s', (_name, program) => {
    const exploration = explore(program);
    expect(exploration.violation).toBeUndefined();
    expect(exploration.exhausted).toBe(true);
    interleavings += exploration.interleavings;
  });

  it('is at least ten million of them', () => {
    expect(interleavings).toBeGreaterThan(1e7);
  });
});

/** The product's protocol on a memory that does one thing differently: what a careless change would make of it. */
function weakened(change: (memory: SharedMemory) => Partial<SharedMemory>): Protocol {
  const weak = (memory: SharedMemory): SharedMemory => ({
    load: (cell) => memory.load(cell),
    add: (cell, amount) => memory.add(cell, amount),
    compareExchange: (cell, expected, replacement) => memory.compareExchange(cell, expected, replacement),
    copyIn: (cell, source, start, count) => memory.copyIn(cell, source, start, count),
    copyOut: (cell, target, start, count) => memory.copyOut(cell, target, start, count),
    ...change(memory),
  });
  return {
    publishBlock: (memory, ...rest) => PRODUCT.publishBlock(weak(memory), ...rest),
    readBlock: (memory, ...rest) => PRODUCT.readBlock(weak(memory), ...rest),
    claimSlot: (memory, ...rest) => PRODUCT.claimSlot(weak(memory), ...rest),
    releaseSlot: (memory, ...rest) => PRODUCT.releaseSlot(weak(memory), ...rest),
    releaseOwner: (memory, ...rest) => PRODUCT.releaseOwner(weak(memory), ...rest),
  };
}

describe('a planted defect is found', () => {
  it('the recheck is a load', () => {
    const protocol = weakened((memory) => ({
      add: (cell, amount) => (amount === 0 ? memory.load(cell) : memory.add(cell, amount)),
    }));
    expect(explore(publication(2, 1, 1, protocol)).violation?.problem).toContain('a value that it had not read yet');
  });

  it('there is no recheck', () => {
    const protocol: Protocol = {
      ...PRODUCT,
      readBlock: (memory, shape, block, target) => {
        const sequence = memory.load(block.sequenceCell);
        memory.copyOut(block.dataCell + (sequence & 1) * shape.copyCells, target, 0, shape.copyCells);
        return sequence;
      },
    };
    expect(explore(publication(2, 1, 1, protocol)).violation?.problem).toContain('torn');
  });

  it('there is one copy only', () => {
    const protocol: Protocol = {
      ...PRODUCT,
      publishBlock: (memory, shape, block, figures) => {
        memory.copyIn(block.dataCell, figures, 0, shape.copyCells);
        memory.copyIn(block.dataCell + shape.copyCells, figures, 0, shape.copyCells);
        memory.add(block.sequenceCell, 1);
      },
    };
    expect(explore(publication(2, 1, 1, protocol)).violation?.problem).toContain('torn');
  });

  it('the flip comes before the figures', () => {
    const protocol: Protocol = {
      ...PRODUCT,
      publishBlock: (memory, shape, block, figures) => {
        const sequence = memory.add(block.sequenceCell, 1) + 1;
        memory.copyIn(block.dataCell + (sequence & 1) * shape.copyCells, figures, 0, shape.copyCells);
      },
    };
    expect(explore(publication(1, 1, 1, protocol)).violation?.problem).toContain('torn');
  });

  it('a slot is claimed by a load and an exchange that nobody looks at', () => {
    const protocol: Protocol = {
      ...PRODUCT,
      claimSlot: (memory, cells, token) => {
        const slot = PRODUCT.claimSlot(memory, cells, token);
        if (slot !== undefined) return slot;
        memory.compareExchange(cells.firstOwnerCell, memory.load(cells.firstOwnerCell), token);
        return 0;
      },
    };
    const program = succession({ slots: 1, heirs: 2, closes: true, readers: 0 }, protocol);
    expect(explore(program).violation?.problem).toMatch(/two owners|says|counted/);
  });

  it('a slot comes into the sight of readers only after it was claimed', () => {
    const protocol: Protocol = {
      ...PRODUCT,
      claimSlot: (memory, cells, token) => {
        for (let slot = 0; slot < cells.slotCount; slot++) {
          if (memory.compareExchange(cells.firstOwnerCell + slot, 0, token) !== 0) continue;
          if (memory.load(cells.highWaterCell) <= slot) memory.compareExchange(cells.highWaterCell, slot, slot + 1);
          return slot;
        }
        return undefined;
      },
    };
    const program = succession({ slots: 2, heirs: 1, closes: false, readers: 0 }, protocol);
    expect(explore(program).violation?.problem).toContain('out of sight');
  });
});
