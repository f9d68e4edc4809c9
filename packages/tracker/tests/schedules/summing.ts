import type { Program, ThreadMemory } from '@gearshift/schedule-explorer';
import { layOut } from '../../src/memory-layout.js';
import { placeOf } from '../../src/protocol/directory.js';
import { claimSlot, releaseOwner } from '../../src/protocol/ownership.js';
import type { SharedMemory } from '../../src/protocol/shared-memory.js';
import { SUMS, SUMS_SHAPE } from '../../src/sums-layout.js';
import { ThreadSums } from '../../src/thread-sums.js';
import { changeMemory, integerAt, SmallMemory, type KeptCells, type MemoryChange } from './small-memory.js';

/*
 * The tracker's own class for the sums of one name, from claiming the name and the slot to the total. Each addition adds 1
 * to two of the numbers, one of which is always published and one when named.
 */
const LAYOUT = layOut({ slotCount: 1, operationCount: 1, deviceCount: 1, nameCount: 1 });
const BLOCK = LAYOUT.sumsBlock(0, 0);
const DENSE = 0;
const SPARSE = 20;
const KEPT: KeptCells = {
  integerCells: [
    LAYOUT.ownership.highWaterCell,
    LAYOUT.ownership.firstOwnerCell,
    LAYOUT.directory.firstNameCell,
    BLOCK.sequenceCell,
  ],
  dataCell: BLOCK.dataCell,
  copyCells: SUMS_SHAPE.copyCells,
  numbers: [SUMS.low, SUMS.end, SUMS.numbers + DENSE, SUMS.numbers + SPARSE],
};
const ACKNOWLEDGED = KEPT.integerCells.length;
const NAME_HASH = 7;
const WORKER_TOKEN = 1;
const SUCCESSOR_TOKEN = 2;

export const SUMS_SEQUENCE_CELL = BLOCK.sequenceCell;

interface Reading {
  /** Additions that the thread knew to be published before it asked. */
  readonly acknowledged: number;
  readonly dense: number;
  readonly sparse: number;
}

function ask(memory: ThreadMemory, sums: ThreadSums): Reading {
  const acknowledged = memory.load(ACKNOWLEDGED);
  const total = sums.total();
  return { acknowledged, dense: total[DENSE], sparse: total[SPARSE] };
}

function open(shared: SharedMemory): ThreadSums {
  const place = placeOf(shared, LAYOUT.directory, NAME_HASH);
  if (place === undefined) throw new Error('the only name found no place');
  const sums = new ThreadSums(() => undefined);
  sums.join(shared, LAYOUT, place);
  return sums;
}

function enter(shared: SharedMemory, sums: ThreadSums, token: number): void {
  const slot = claimSlot(shared, LAYOUT.ownership, token);
  if (slot === undefined) throw new Error('the only writer found no slot');
  sums.enterSlot(slot);
}

function addAndPublish(memory: ThreadMemory, sums: ThreadSums): void {
  for (const index of [DENSE, SPARSE]) {
    sums.own[index] += 1;
    sums.changed(index, index + 1);
  }
  sums.publish();
  memory.add(ACKNOWLEDGED, 1);
}

interface SummingOptions {
  readonly publications: number;
  /** Totals that a third thread asks for at any time. */
  readonly reads: number;
  readonly change?: MemoryChange;
  /** What a defect makes of the memory of the successor alone. */
  readonly changeSuccessor?: MemoryChange;
}

/**
 * A worker that claims the name and a slot, adds, acknowledges, and may be killed at any step; a successor, which gives its
 * slot back when it has ended, takes it, and adds once; a reader. No thread sees a torn total, goes back, misses what was
 * acknowledged, or counts anything twice.
 */
export function summing({
  publications,
  reads,
  change = () => ({}),
  changeSuccessor = () => ({}),
}: SummingOptions): Program {
  const on = (memory: ThreadMemory): SharedMemory => changeMemory(new SmallMemory(memory, KEPT), change);
  return {
    integers: new Array<number>(KEPT.integerCells.length + 1).fill(0),
    numbers: new Array<number>(2 * KEPT.numbers.length).fill(0),
    threads: [
      {
        name: 'worker',
        mayBeKilled: true,
        run: (memory) => {
          const shared = on(memory);
          const sums = open(shared);
          enter(shared, sums, WORKER_TOKEN);
          for (let count = 1; count <= publications; count++) addAndPublish(memory, sums);
        },
      },
      {
        name: 'successor',
        run: (memory) => {
          const shared = changeMemory(on(memory), changeSuccessor);
          memory.awaitEnd(0);
          releaseOwner(shared, LAYOUT.ownership, WORKER_TOKEN);
          const sums = open(shared);
          enter(shared, sums, SUCCESSOR_TOKEN);
          addAndPublish(memory, sums);
          return [ask(memory, sums)];
        },
      },
      {
        name: 'reader',
        run: (memory) => {
          const sums = open(on(memory));
          return Array.from({ length: reads }, () => ask(memory, sums));
        },
      },
    ],
    check: ({ threads, integers, numbers }) => {
      for (const outcome of threads.slice(1)) {
        if (outcome.killed) return 'a thread that cannot be killed was killed';
        const problem = problemOf(outcome.value as Reading[]);
        if (problem !== undefined) return problem;
      }
      // Each publication had one addition.
      const published = integers[integerAt(KEPT, BLOCK.sequenceCell)];
      const start = (published & 1) * KEPT.numbers.length;
      const [, , dense, sparse] = numbers.slice(start, start + KEPT.numbers.length);
      const [, successor] = threads;
      const [last] = successor.killed ? [] : (successor.value as Reading[]);
      const counts = [dense, sparse, last.dense];
      return counts.every((count) => count === published)
        ? undefined
        : `${published} published, counted as ${counts.join(', ')}`;
    },
  };
}

function problemOf(readings: readonly Reading[]): string | undefined {
  let before = 0;
  for (const { acknowledged, dense, sparse } of readings) {
    if (dense !== sparse) return `torn: ${dense} and ${sparse}`;
    if (dense < before) return `went back from ${before} to ${dense}`;
    if (dense < acknowledged) return `missed: ${acknowledged} acknowledged, saw ${dense}`;
    before = dense;
  }
  return undefined;
}
