import type { ThreadMemory } from '@gearshift/schedule-explorer';
import { tellCount } from '@gearshift/vitest-config/effort';
import { afterEach, describe, it } from 'vitest';
import type { placeOf } from '../src/protocol/directory.js';
import type { SharedMemory } from '../src/protocol/shared-memory.js';
import { expectFound } from './schedules/expect-found.js';
import { naming } from './schedules/naming.js';
import type { MemoryChange } from './schedules/small-memory.js';
import { summing, SUMS_SEQUENCE_CELL } from './schedules/summing.js';

/*
 * Plausible defects of the directory and of the sums. The explorer has to find each of them, or finding nothing in the product
 * would prove nothing.
 */

/** No time that passes is a failure. */
const PATIENCE = { timeout: 600_000 };

type Find = typeof placeOf;
/** The product's memory has no store, for the very reason that is shown here; the explorer's has. */
type Storing = SharedMemory & Pick<ThreadMemory, 'store'>;

const ONE_NAME = { places: 2, threads: [[7], [7]], latecomer: [7] };
const TWO_NAMES = { places: 2, threads: [[7], [8]], latecomer: [7, 8] };

afterEach(({ task }) => {
  if (task.result?.state !== 'fail') tellCount('R17', 1);
});

describe('the explorer, run on a defective directory of names', PATIENCE, () => {
  const FINDS: readonly [string, typeof ONE_NAME, RegExp, Find][] = [
    [
      'a claim by a load and a store',
      TWO_NAMES,
      /got place 0/,
      (memory, cells, hash) => {
        for (let place = 0; place < cells.nameCount; place++) {
          const found = memory.load(cells.firstNameCell + place);
          if (found === 0) (memory as Storing).store(cells.firstNameCell + place, hash);
          if (found === 0 || found === hash) return place;
        }
        return undefined;
      },
    ],
    [
      'an exchange with an ignored answer',
      TWO_NAMES,
      /got place 0/,
      (memory, cells, hash) => {
        for (let place = 0; place < cells.nameCount; place++) {
          const found = memory.load(cells.firstNameCell + place);
          if (found === 0) memory.compareExchange(cells.firstNameCell + place, 0, hash);
          if (found === 0 || found === hash) return place;
        }
        return undefined;
      },
    ],
    [
      'a loser that goes on to the next place without comparing the name that won this one',
      ONE_NAME,
      /a name has two places/,
      (memory, cells, hash) => {
        for (let place = 0; place < cells.nameCount; place++) {
          const cell = cells.firstNameCell + place;
          const found = memory.load(cell);
          if (found === hash || (found === 0 && memory.compareExchange(cell, 0, hash) === 0)) return place;
        }
        return undefined;
      },
    ],
    [
      'a claim in two steps, of the place and then for the name, between which a thread may be killed',
      TWO_NAMES,
      /no thread asked for|a place was lost|refused/,
      (memory, cells, hash) => {
        const CLAIMED = -1;
        for (let place = 0; place < cells.nameCount; place++) {
          const cell = cells.firstNameCell + place;
          const found = memory.load(cell);
          if (found === hash) return place;
          if (found !== 0 || memory.compareExchange(cell, 0, CLAIMED) !== 0) continue;
          memory.compareExchange(cell, CLAIMED, hash);
          return place;
        }
        return undefined;
      },
    ],
  ];

  it.each(FINDS)('the explorer finds %s', (_name, situation, problem, find) => {
    expectFound(naming(situation, find), problem);
  });
});

describe('the explorer, run on defective sums', PATIENCE, () => {
  it('the explorer finds a reader of sums that rechecks by a load', () => {
    const change: MemoryChange = (memory) => ({
      add: (cell, amount) => (amount === 0 ? memory.load(cell) : memory.add(cell, amount)),
    });
    expectFound(summing({ publications: 1, reads: 1, change }), /torn|had not read yet/);
  });

  it('the explorer finds a publication of sums that counts before it is written', () => {
    const change: MemoryChange = (memory) => {
      let counted = false;
      return {
        copyIn: (...copy) => {
          if (!counted) memory.add(SUMS_SEQUENCE_CELL, 1);
          counted = true;
          memory.copyIn(...copy);
        },
        add: (cell, amount) => {
          if (cell !== SUMS_SEQUENCE_CELL || amount === 0) return memory.add(cell, amount);
          counted = false;
          return memory.add(cell, 0);
        },
      };
    };
    expectFound(summing({ publications: 1, reads: 1, change }), /torn|had not read yet|counted as/);
  });

  it('the explorer finds a new owner that does not read the sums that the previous one left in the slot', () => {
    const changeSuccessor: MemoryChange = (memory) => ({
      load: (cell) => (cell === SUMS_SEQUENCE_CELL ? 0 : memory.load(cell)),
      add: (cell, amount) => (cell === SUMS_SEQUENCE_CELL && amount === 0 ? 0 : memory.add(cell, amount)),
    });
    expectFound(summing({ publications: 1, reads: 1, changeSuccessor }), /missed|went back|counted as/);
  });
});
