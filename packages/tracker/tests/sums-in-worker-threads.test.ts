import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { effort } from '@gearshift/vitest-config/effort';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, SUMS_LENGTH, type Tracker } from '../src/index.js';
import { createRandom } from './create-random.js';
import { Crew, type Habit } from './crew.js';
import { add, sumsOf } from './trackers-of-one-memory.js';

/** No time that passes is a failure: a busy machine only takes longer. */
const PATIENCE = { timeout: 3_600_000 };
const ROUNDS = effort({ test: 4e3, ci: 2e5 });
const TOTALS = effort({ test: 5e4, ci: 2e6 });
const KILLS = effort({ test: 15, ci: 600 });
const MEETINGS = effort({ test: 250, ci: 4000 });
const SEED = 20261123;

const NAMES = ['one', 'other'];
/** Both sides of where numbers are published only when named, and the ends. */
const INDICES = [0, 15, 16, SUMS_LENGTH - 1];
const TASK = { fixture: 'adding-worker.mjs', data: { names: NAMES, indices: INDICES } };

/** What is wrong with a total: each publication adds the same to all of its numbers, so they agree while any worker writes. */
function tearIn(total: Float64Array): string | undefined {
  const counts = INDICES.map((index) => total[index]);
  return counts.every((count) => count === counts[0]) ? undefined : `torn: ${counts.join(' ')}`;
}

function countOf(tracker: Tracker, name: string): number {
  const total = sumsOf(tracker, name).total();
  expect(tearIn(total)).toBeUndefined();
  return total[0];
}

/**
 * The same, once nothing that was acknowledged is missing. These workers do nothing but publish, so now and then one is too
 * fast to be read and counts as of an earlier time; a total that stays behind is a loss.
 */
function settledCountOf(tracker: Tracker, name: string, acknowledged: number): number {
  let count = countOf(tracker, name);
  for (let attempt = 0; attempt < 1000 && count < acknowledged; attempt++) count = countOf(tracker, name);
  expect(count).toBeGreaterThanOrEqual(acknowledged);
  return count;
}

describe('sums of workers that end in good order', PATIENCE, () => {
  it('sums lose nothing and double nothing when there are fewer slots than workers', async () => {
    const crew = new Crew(3, 6, TASK);
    const habits: Habit[] = ['record', 'close', 'read', 'record', 'close', 'read'];
    const workers = await Promise.all(habits.map((habit, worker) => crew.start(worker, habit, ROUNDS)));
    await crew.ended(workers);
    for (const name of NAMES) expect(countOf(crew.tracker, name)).toBe(6 * ROUNDS);
  });

  it('totals of sums are never torn and never go back', async () => {
    const crew = new Crew(3, 3, TASK);
    const habits: Habit[] = ['record', 'close', 'read'];
    const workers = await Promise.all(habits.map((habit, worker) => crew.start(worker, habit)));
    let problem: string | undefined;
    for (const name of NAMES) {
      const sums = sumsOf(crew.tracker, name);
      let before = 0;
      for (let totals = 0; totals < TOTALS && problem === undefined; totals++) {
        const total = sums.total();
        problem = tearIn(total) ?? (total[0] < before ? `went back from ${before} to ${total[0]}` : undefined);
        before = total[0];
      }
      // Before the total, as they go on.
      const { acknowledged } = crew;
      expect(settledCountOf(crew.tracker, name, acknowledged)).toBeLessThanOrEqual(crew.attempted);
    }
    await crew.stop(workers);
    expect(problem).toBeUndefined();
    for (const name of NAMES) expect(countOf(crew.tracker, name)).toBe(crew.attempted);
  });
});

describe('sums of workers that are terminated', PATIENCE, () => {
  it('sums of terminated workers are never torn, block no other thread, lose nothing acknowledged and double nothing', async () => {
    const random = createRandom(SEED);
    const habits: Habit[] = ['record', 'close', 'read'];
    const alive = habits.length;
    const kills = Math.ceil(KILLS / alive) * alive;
    // One slot more than live at a time: one may still be ending when its successor starts.
    const crew = new Crew(alive + 1, kills, TASK);
    for (let first = 0; first < kills; first += alive) {
      const starts = habits.map((habit, index) => crew.start(first + index, habit));
      for (const [index, worker] of (await Promise.all(starts)).entries()) {
        crew.tracker.releaseOnExit(worker);
        // Half of them live until they have published, so that each of these must have found a slot.
        if (random(2) === 0) await crew.untilPublished(first + index);
        for (let reads = random(200); reads > 0; reads--) countOf(crew.tracker, NAMES[0]);
        await worker.terminate();
        for (const name of NAMES) {
          const { acknowledged } = crew;
          expect(settledCountOf(crew.tracker, name, acknowledged)).toBeLessThanOrEqual(crew.attempted);
        }
      }
    }
    // Every slot is free again, and what terminated workers added still counts in it.
    const before = NAMES.map((name) => countOf(crew.tracker, name));
    const successors = Array.from({ length: alive + 1 }, () => attachTracker(crew.tracker.share()));
    for (const successor of successors) {
      for (const name of NAMES) for (const index of INDICES) add(sumsOf(successor, name), index, 1);
      expect(successor.flush()).toBe(true);
    }
    const after = NAMES.map((name) => countOf(crew.tracker, name));
    expect(after).toEqual(before.map((count) => count + successors.length));
  });
});

describe('workers that ask for the same names of sums at once', PATIENCE, () => {
  const WORKERS = 2;

  /** Two workers meet at tracker after tracker; returns what each was refused. */
  async function meet(trackers: readonly Tracker[], names: readonly string[]): Promise<string[][]> {
    const arrivals = new Int32Array(new SharedArrayBuffer(4 * trackers.length));
    const handles = trackers.map((tracker) => tracker.share());
    const answers = Array.from({ length: WORKERS }, async (_, worker) => {
      const workerData = { handles, worker, workers: WORKERS, names, arrivals };
      const thread = new Worker(new URL('fixtures/naming-worker.mjs', import.meta.url), { workerData });
      const ended = once(thread, 'exit');
      const [refused] = (await once(thread, 'message')) as [string[]];
      await ended;
      return refused;
    });
    return Promise.all(answers);
  }

  const trackers = (maxSums: number): Tracker[] =>
    Array.from({ length: MEETINGS }, () => createTracker({ operations: ['top-k'], maxWriters: WORKERS, maxSums }));
  const names = Array.from({ length: 6 }, (_, index) => `name ${index}`);

  it('workers that ask for the same names at once get one place for each name', async () => {
    const places = trackers(names.length);
    expect(await meet(places, names)).toEqual([[], []]);
    for (const tracker of places) {
      for (const [index, name] of names.entries()) {
        const total = sumsOf(tracker, name).total();
        expect([total[0], total[1]]).toEqual([WORKERS, WORKERS * index]);
      }
    }
  });

  it('workers that ask for too many names at once agree on those for which there is no room', async () => {
    const places = trackers(names.length - 2);
    const [refused, alsoRefused] = await meet(places, names);
    expect(new Set(refused)).toEqual(new Set(alsoRefused));
    expect(refused).toHaveLength(2 * MEETINGS);
    for (const [place, tracker] of places.entries()) {
      for (const [index, name] of names.entries()) {
        const sums = tracker.sums(name);
        expect(sums === undefined).toBe(refused.includes(`${place} ${name}`));
        if (sums !== undefined) expect([sums.total()[0], sums.total()[1]]).toEqual([WORKERS, WORKERS * index]);
      }
    }
  });
});
