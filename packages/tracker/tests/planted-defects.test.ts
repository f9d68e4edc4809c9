import type { ThreadMemory } from '@gearshift/schedule-explorer';
import { tellCount } from '@gearshift/vitest-config/effort';
import { afterEach, describe, it } from 'vitest';
import type { SharedMemory } from '../src/protocol/shared-memory.js';
import { announcement, NEWS_CELL, SEQUENCE_CELL } from './schedules/announcement.js';
import { expectFound } from './schedules/expect-found.js';
import { PRODUCT, publication, succession, type Protocol } from './schedules/scenarios.js';

/*
 * Plausible defects of the protocol. The explorer has to find each of them, or finding nothing in the product would prove
 * nothing.
 */

/** No time that passes is a failure. */
const PATIENCE = { timeout: 600_000 };

/** The product's memory has no store, for the very reason that is shown here; the explorer's has. */
type Storing = SharedMemory & Pick<ThreadMemory, 'store'>;

/** Where a copy lies, and the other one. */
const copyAt = (
  shape: Parameters<Protocol['readBlock']>[1],
  block: Parameters<Protocol['readBlock']>[2],
  sequence: number,
): number => block.dataCell + (sequence & 1) * shape.copyCells;

afterEach(({ task }) => {
  if (task.result?.state !== 'fail') tellCount('R17', 1);
});

describe('the explorer, run on a defective publication', PATIENCE, () => {
  const NOT_READ = /a value that it had not read yet/;
  const TORN = /torn/;

  const readers: readonly [string, RegExp, Protocol['readBlock']][] = [
    [
      'no recheck',
      TORN,
      (memory, shape, block, target) => {
        const sequence = memory.load(block.sequenceCell);
        memory.copyOut(copyAt(shape, block, sequence), target, 0, shape.copyCells);
        return sequence;
      },
    ],
    [
      'a recheck that is a load',
      NOT_READ,
      (memory, ...rest) => PRODUCT.readBlock({ ...methodsOf(memory), add: (cell) => memory.load(cell) }, ...rest),
    ],
    [
      'no second recheck, after the sparse figures',
      /torn|had not read yet/,
      (memory, shape, block, target) => {
        for (let attempt = 0; attempt < 5; attempt++) {
          const sequence = memory.load(block.sequenceCell);
          const copy = copyAt(shape, block, sequence);
          memory.copyOut(copy, target, 0, shape.denseCount);
          if (memory.add(block.sequenceCell, 0) !== sequence) continue;
          for (const { at, lowField, endField } of shape.ranges) {
            const first = at + target[lowField];
            memory.copyOut(copy + first, target, first, at + target[endField] - first);
          }
          return sequence;
        }
        return undefined;
      },
    ],
    [
      'a recheck that looks at the parity only',
      TORN,
      (memory, shape, block, target) => {
        const parity = memory.load(block.sequenceCell) & 1;
        memory.copyOut(copyAt(shape, block, parity), target, 0, shape.copyCells);
        return (memory.add(block.sequenceCell, 0) & 1) === parity
          ? parity
          : PRODUCT.readBlock(memory, shape, block, target);
      },
    ],
    [
      'reading the copy that is not current',
      TORN,
      (memory, shape, block, target) =>
        PRODUCT.readBlock(memory, shape, { ...block, dataCell: block.dataCell + shape.copyCells }, target),
    ],
  ];

  it.each(readers)('the explorer finds a reader with %s', (_name, problem, readBlock) => {
    // The third publication is the first that writes where sparse figures were published before.
    expectFound(publication(3, 1, 1, { ...PRODUCT, readBlock }), problem);
  });

  const WRONG = /torn|counted as/;
  const writers: readonly [string, RegExp, Protocol['publishBlock']][] = [
    [
      'one copy',
      WRONG,
      (memory, shape, block, figures) => {
        memory.copyIn(block.dataCell, figures, 0, shape.copyCells);
        memory.copyIn(block.dataCell + shape.copyCells, figures, 0, shape.copyCells);
        memory.add(block.sequenceCell, 1);
      },
    ],
    [
      'the current copy',
      WRONG,
      (memory, shape, block, figures) => {
        memory.copyIn(copyAt(shape, block, memory.load(block.sequenceCell)), figures, 0, shape.copyCells);
        memory.add(block.sequenceCell, 1);
      },
    ],
    [
      'the flip first',
      WRONG,
      (memory, shape, block, figures) => {
        memory.copyIn(copyAt(shape, block, memory.add(block.sequenceCell, 1) + 1), figures, 0, shape.copyCells);
      },
    ],
    [
      'two flips',
      /counted as 0/,
      (memory, shape, block, figures) => {
        PRODUCT.publishBlock(memory, shape, block, figures);
        memory.add(block.sequenceCell, 1);
      },
    ],
    [
      'a flip by a mere store',
      WRONG,
      (memory, shape, block, figures) => {
        // Publication 1 is the first one.
        const [sequence] = figures;
        memory.copyIn(copyAt(shape, block, sequence), figures, 0, shape.copyCells);
        (memory as Storing).store(block.sequenceCell, sequence);
      },
    ],
  ];

  it.each(writers)('the explorer finds a writer with %s', (_name, problem, publishBlock) => {
    expectFound(publication(2, 1, 1, { ...PRODUCT, publishBlock }), problem);
  });
});

describe('the explorer, run on a defective ownership of slots', PATIENCE, () => {
  it('the explorer finds a claim that ignores the result of its exchange', () => {
    const claimSlot: Protocol['claimSlot'] = (memory, cells, token) => {
      const slot = PRODUCT.claimSlot(memory, cells, token);
      if (slot !== undefined) return slot;
      memory.compareExchange(cells.firstOwnerCell, memory.load(cells.firstOwnerCell), token);
      return 0;
    };
    const program = succession({ slots: 1, successors: 2, closes: true, readers: 0 }, { ...PRODUCT, claimSlot });
    expectFound(program, /two owners|says|counted/);
  });

  it('the explorer finds a claim by a load and a store', () => {
    const claimSlot: Protocol['claimSlot'] = (memory, cells, token) => {
      if (memory.load(cells.firstOwnerCell) !== 0) return undefined;
      memory.compareExchange(cells.highWaterCell, 0, 1);
      (memory as Storing).store(cells.firstOwnerCell, token);
      return 0;
    };
    const program = succession({ slots: 1, successors: 1, closes: true, readers: 0 }, { ...PRODUCT, claimSlot });
    expectFound(program, /two owners|says|counted|torn/);
  });

  it('the explorer finds a slot that becomes visible to readers only after it was claimed', () => {
    const claimSlot: Protocol['claimSlot'] = (memory, cells, token) => {
      for (let slot = 0; slot < cells.slotCount; slot++) {
        if (memory.compareExchange(cells.firstOwnerCell + slot, 0, token) !== 0) continue;
        if (memory.load(cells.highWaterCell) <= slot) memory.compareExchange(cells.highWaterCell, slot, slot + 1);
        return slot;
      }
      return undefined;
    };
    const program = succession({ slots: 2, successors: 1, closes: false, readers: 0 }, { ...PRODUCT, claimSlot });
    expectFound(program, /out of sight/);
  });

  it('the explorer finds a release that does not check the owner of the slot', () => {
    const releaseOwner: Protocol['releaseOwner'] = (memory, cells) => {
      const owner = memory.load(cells.firstOwnerCell);
      return memory.compareExchange(cells.firstOwnerCell, owner, 0) === owner ? 1 : 0;
    };
    const program = succession({ slots: 1, successors: 1, closes: true, readers: 0 }, { ...PRODUCT, releaseOwner });
    expectFound(program, /says 0/);
  });

  it('the explorer finds a new owner that counts from 0', () => {
    const readBlock: Protocol['readBlock'] = () => 0;
    const program = succession({ slots: 1, successors: 1, closes: true, readers: 0 }, { ...PRODUCT, readBlock });
    expectFound(program, /2 publications counted as 1/);
  });
});

describe('the explorer, run on defective announcements', PATIENCE, () => {
  const situation = { publications: 1, reads: 2, parentReadsBefore: false };

  it('the explorer finds a publication that is not announced', () => {
    const change = (memory: SharedMemory): Partial<SharedMemory> => ({
      add: (cell, amount) => (cell === NEWS_CELL ? memory.load(cell) : memory.add(cell, amount)),
    });
    expectFound(announcement({ ...situation, change }), /missed/);
  });

  it('the explorer finds a publication that is announced before it is complete', () => {
    const change = (memory: SharedMemory): Partial<SharedMemory> => ({
      add: (cell, amount) => {
        if (cell === SEQUENCE_CELL && amount === 1) memory.add(NEWS_CELL, 1);
        return cell === NEWS_CELL ? memory.load(cell) : memory.add(cell, amount);
      },
    });
    expectFound(announcement({ ...situation, change }), /missed/);
  });

  it('the explorer finds a missing announcement by the release of a worker that was killed between publishing and announcing', () => {
    const program = announcement({ ...situation, parentReadsBefore: true, reads: 0, announcesRelease: false });
    expectFound(program, /1 published, the parent saw 0/);
  });
});

function methodsOf(memory: SharedMemory): SharedMemory {
  return {
    load: (cell) => memory.load(cell),
    add: (cell, amount) => memory.add(cell, amount),
    compareExchange: (cell, expected, replacement) => memory.compareExchange(cell, expected, replacement),
    copyIn: (cell, source, start, count) => memory.copyIn(cell, source, start, count),
    copyOut: (cell, target, start, count) => memory.copyOut(cell, target, start, count),
  };
}
