import type { Program, ThreadMemory } from '@gearshift/schedule-explorer';
import { COMMON } from '../../src/figures-layout.js';
import { layOut } from '../../src/memory-layout.js';
import { claimSlot, releaseOwner } from '../../src/protocol/ownership.js';
import type { SharedMemory } from '../../src/protocol/shared-memory.js';
import { TrackedOperation } from '../../src/tracked-operation.js';
import { changeMemory, integerAt, SmallMemory, type KeptCells, type MemoryChange } from './small-memory.js';

/*
 * The tracker's own class for one operation, from claiming a slot to the snapshot: what was acknowledged must be in the next
 * snapshot of every thread that has seen the acknowledgement, although snapshots are built anew only when there is news.
 *
 * Only fallbacks are recorded, so all figures but two stay 0; those are left out.
 */
const LAYOUT = layOut({ slotCount: 1, operationCount: 1, deviceCount: 2, nameCount: 0 });
const SETUP = {
  windowSize: 1,
  devices: ['cpu', 'gpu'],
  figures: LAYOUT.figures,
  nothing: new Float64Array(LAYOUT.figures.length),
};
const BLOCK = LAYOUT.block(0, 0);
const KEPT: KeptCells = {
  integerCells: [
    LAYOUT.ownership.highWaterCell,
    LAYOUT.ownership.firstOwnerCell,
    LAYOUT.newsCell(0),
    BLOCK.sequenceCell,
  ],
  dataCell: BLOCK.dataCell,
  copyCells: LAYOUT.figures.shape.copyCells,
  numbers: [COMMON.records, COMMON.fallbacks],
};
const ACKNOWLEDGED = KEPT.integerCells.length;
const WRITER_TOKEN = 1;

export const NEWS_CELL = LAYOUT.newsCell(0);
export const SEQUENCE_CELL = BLOCK.sequenceCell;

interface Reading {
  /** What the thread knew to be published before it asked. */
  readonly acknowledged: number;
  readonly fallbackCount: number;
  readonly version: number;
}

function ask(memory: ThreadMemory, tracked: TrackedOperation): Reading {
  const acknowledged = memory.load(ACKNOWLEDGED);
  const { fallbackCount, version } = tracked.snapshot();
  return { acknowledged, fallbackCount, version };
}

interface AnnouncementOptions {
  readonly publications: number;
  /** Snapshots that a third thread takes at any time. */
  readonly reads: number;
  /** Whether the parent takes a snapshot before the worker ends; after its release it always does. */
  readonly parentReadsBefore: boolean;
  readonly change?: MemoryChange;
  /** Whether a release is announced; the product does. */
  readonly announcesRelease?: boolean;
}

/**
 * A worker that claims, publishes, acknowledges, and may be killed at any step; its parent, which gives its slot back when it
 * has ended; a reader. No thread sees a torn snapshot, goes back, or misses what was acknowledged; and after the release
 * the parent sees all that was published.
 */
export function announcement({
  publications,
  reads,
  parentReadsBefore,
  change = () => ({}),
  announcesRelease = true,
}: AnnouncementOptions): Program {
  const on = (memory: ThreadMemory): SharedMemory => changeMemory(new SmallMemory(memory, KEPT), change);
  const trackedOn = (memory: SharedMemory) => {
    const tracked = new TrackedOperation(SETUP, 0);
    tracked.join(memory, LAYOUT);
    return tracked;
  };
  return {
    integers: new Array<number>(KEPT.integerCells.length + 1).fill(0),
    numbers: new Array<number>(2 * KEPT.numbers.length).fill(0),
    threads: [
      {
        name: 'worker',
        mayBeKilled: true,
        run: (memory) => {
          const shared = on(memory);
          const tracked = trackedOn(shared);
          const slot = claimSlot(shared, LAYOUT.ownership, WRITER_TOKEN);
          if (slot === undefined) throw new Error('the only writer found no slot');
          tracked.enterSlot(slot);
          for (let count = 1; count <= publications; count++) {
            tracked.recorder.fallback();
            tracked.publish();
            memory.add(ACKNOWLEDGED, 1);
          }
        },
      },
      {
        name: 'parent',
        run: (memory) => {
          const shared = on(memory);
          const tracked = trackedOn(shared);
          const readings = parentReadsBefore ? [ask(memory, tracked)] : [];
          memory.awaitEnd(0);
          // As `ThreadTracker.release` does.
          if (releaseOwner(shared, LAYOUT.ownership, WRITER_TOKEN) > 0 && announcesRelease) tracked.announce();
          return [...readings, ask(memory, tracked)];
        },
      },
      {
        name: 'reader',
        run: (memory) => {
          const tracked = trackedOn(on(memory));
          return Array.from({ length: reads }, () => ask(memory, tracked));
        },
      },
    ],
    check: ({ threads, integers }) => {
      for (const outcome of threads.slice(1)) {
        if (outcome.killed) return 'a reader was killed';
        const problem = problemOf(outcome.value as Reading[]);
        if (problem !== undefined) return problem;
      }
      const [, parent] = threads;
      const last = parent.killed ? undefined : (parent.value as Reading[]).at(-1);
      const published = integers[integerAt(KEPT, SEQUENCE_CELL)];
      return last?.version === published ? undefined : `${published} published, the parent saw ${last?.version}`;
    },
  };
}

function problemOf(readings: readonly Reading[]): string | undefined {
  let before = 0;
  for (const { acknowledged, fallbackCount, version } of readings) {
    if (fallbackCount !== version) return `torn: ${fallbackCount} fallbacks in version ${version}`;
    if (version < before) return `went back from ${before} to ${version}`;
    if (version < acknowledged) return `missed: ${acknowledged} acknowledged, saw ${version}`;
    before = version;
  }
  return undefined;
}
