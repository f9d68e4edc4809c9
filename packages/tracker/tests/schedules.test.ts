import { explore, type Program } from '@gearshift/schedule-explorer';
import { tellCount, tier } from '@gearshift/vitest-config/effort';
import { describe, expect, it } from 'vitest';
import { announcement } from './schedules/announcement.js';
import { naming } from './schedules/naming.js';
import { publication, succession } from './schedules/scenarios.js';
import { summing } from './schedules/summing.js';

/*
 * The product's own protocol source, in every order that JavaScript's memory model allows, with a kill before each step.
 */
const CASES: readonly [string, Program][] = [
  ['one publication, one reader', publication(1, 1, 1)],
  ['one publication, one reader that reads twice', publication(1, 1, 2)],
  ['two publications, one reader', publication(2, 1, 1)],
  ['two publications, one reader that reads twice', publication(2, 1, 2)],
  ['three publications, one reader', publication(3, 1, 1)],
  [
    'a writer that may be killed, and the next owner of its slot',
    succession({ slots: 1, successors: 1, closes: false, readers: 0 }),
  ],
  [
    'a writer that closes, and the next owner of its slot',
    succession({ slots: 1, successors: 1, closes: true, readers: 0 }),
  ],
  ['announcements of one publication', announcement({ publications: 1, reads: 2, parentReadsBefore: true })],
  ['announcements of two publications', announcement({ publications: 2, reads: 2, parentReadsBefore: false })],
  ['two threads that ask for one name', naming({ places: 2, threads: [[7], [7]], latecomer: [8, 7] })],
  ['two threads that ask for two names', naming({ places: 2, threads: [[7], [8]], latecomer: [7, 8] })],
  [
    'two threads that each ask for the same two names',
    naming({
      places: 2,
      threads: [
        [7, 8],
        [8, 7],
      ],
      latecomer: [7, 8],
    }),
  ],
  ['more names than places', naming({ places: 1, threads: [[7], [8]], latecomer: [7, 8] })],
  [
    'three threads, three names, two places',
    naming({
      places: 2,
      threads: [
        [7, 8],
        [8, 7],
        [7, 9],
      ],
      latecomer: [9],
    }),
  ],
  [
    'sums of a worker that may be killed, the next owner of its slot and a reader',
    summing({ publications: 1, reads: 1 }),
  ],
];

/** About two minutes of one core more. */
const LONG_CASES: readonly [string, Program][] = [
  [
    'a writer that may be killed, and another one that has two slots to choose from',
    succession({ slots: 2, successors: 1, closes: false, readers: 0 }),
  ],
  [
    'two writers that want the slot of one that may be killed',
    succession({ slots: 1, successors: 2, closes: false, readers: 0 }),
  ],
  [
    'a writer that closes, the next owner of its slot and a reader',
    succession({ slots: 1, successors: 1, closes: true, readers: 1 }),
  ],
  [
    'a writer that may be killed, the next owner of its slot and a reader',
    succession({ slots: 1, successors: 1, closes: false, readers: 1 }),
  ],
  [
    'announcements of two publications to a parent that has read before',
    announcement({ publications: 2, reads: 1, parentReadsBefore: true }),
  ],
  ['sums, and a reader that reads twice', summing({ publications: 1, reads: 2 })],
  ['sums that were published twice', summing({ publications: 2, reads: 1 })],
  ['sums that were published twice, and a reader that reads twice', summing({ publications: 2, reads: 2 })],
];

const FULL_EFFORT = tier() !== 'test';

/** No time that passes is a failure: a busy machine only takes longer. */
const PATIENCE = { timeout: 1_800_000 };

describe('the protocol', PATIENCE, () => {
  let interleavings = 0n;

  it.each(FULL_EFFORT ? [...CASES, ...LONG_CASES] : CASES)(
    'the protocol holds in every interleaving of: %s',
    (_name, program) => {
      const exploration = explore(program);
      expect(exploration.violation).toBeUndefined();
      expect(exploration.exhausted).toBe(true);
      interleavings += exploration.interleavings;
    },
  );

  it('the explorer covers at least ten million interleavings of the protocol', () => {
    expect(interleavings).toBeGreaterThan(10_000_000n);
    tellCount('R4', Number(interleavings));
  });

  const COUNTED: readonly [string, Program][] = [
    [
      'a writer that claims, publishes, closes or is killed',
      succession({ slots: 1, successors: 0, closes: true, readers: 0 }),
    ],
    ['announcements that a parent waits for', announcement({ publications: 1, reads: 0, parentReadsBefore: true })],
    [
      'two names that two threads ask for',
      naming({
        places: 2,
        threads: [
          [7, 8],
          [8, 7],
        ],
        latecomer: [7, 8],
      }),
    ],
  ];
  const COUNTED_LONG: readonly [string, Program][] = [['fifteen million of three publications', publication(3, 0, 1)]];

  it.each(FULL_EFFORT ? [...COUNTED, ...COUNTED_LONG] : COUNTED)(
    'the explorer counts as many interleavings when it runs them one by one: %s',
    (_name, program) => {
      const single = explore(program, { mergeStates: false });
      expect(single.violation).toBeUndefined();
      expect(single.interleavings).toBe(explore(program).interleavings);
    },
  );
});
