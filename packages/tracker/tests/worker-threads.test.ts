import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { describe, expect, it } from 'vitest';
import { attachTracker, type MetricsSnapshot } from '../src/index.js';
import { Crew, OPERATION, tearIn, type Habit } from './crew.js';
import { createRandom } from './create-random.js';

/** No time that passes is a failure: a busy machine only takes longer. */
const PATIENCE = { timeout: 3_600_000 };
const RECORDS = effort({ test: 4e6, ci: 1e8 });
const READS = effort({ test: 1e6, ci: 1e8, nightly: 1e10 });
/** Of the reads, those that find something new. */
const NEW_READS = effort({ test: 2e4, ci: 2e5 });
const KILLS = effort({ test: 40, ci: 2000, nightly: 50_000 });
const SEED = seedOr(20261123);

/**
 * A snapshot with the last publication of every thread. These workers do nothing but record, so now and then one publishes too
 * fast to be read and counts as of an earlier time: the snapshot says so, and it does not last.
 */
function freshSnapshot(crew: Crew): MetricsSnapshot {
  let snapshot = crew.tracker.snapshot(OPERATION);
  for (let attempt = 0; attempt < 1000 && snapshot.staleWriters > 0; attempt++) {
    snapshot = crew.tracker.snapshot(OPERATION);
  }
  expect(snapshot.staleWriters).toBe(0);
  return snapshot;
}

describe('workers that end in good order', PATIENCE, () => {
  it('workers that end in good order lose no count and double none', async () => {
    const rounds = Math.ceil(RECORDS / (8 * 3));
    const crew = new Crew(8, 8);
    const workers = await Promise.all(Array.from({ length: 8 }, (_, worker) => crew.start(worker, 'record', rounds)));
    await crew.ended(workers);
    const snapshot = crew.tracker.snapshot(OPERATION);
    expect(tearIn(snapshot)).toBeUndefined();
    expect(snapshot).toMatchObject({ cpuCount: 8 * rounds, version: 8 * rounds * 3, staleWriters: 0 });
    tellCount('R2', 8 * rounds * 3);
  });

  it('workers lose no count when they have to wait for a slot', async () => {
    const rounds = 2000;
    const crew = new Crew(3, 6);
    const habits: Habit[] = ['record', 'close', 'read', 'record', 'close', 'read'];
    const workers = await Promise.all(habits.map((habit, worker) => crew.start(worker, habit, rounds)));
    await crew.ended(workers);
    const snapshot = crew.tracker.snapshot(OPERATION);
    expect(tearIn(snapshot)).toBeUndefined();
    expect(snapshot.cpuCount).toBe(6 * rounds);
  });

  it('no snapshot is torn, or older than the previous one of its thread', async () => {
    const crew = new Crew(4, 4);
    const workers = await Promise.all(Array.from({ length: 4 }, (_, worker) => crew.start(worker, 'record')));
    let versionBefore = 0;
    let newReads = 0;
    let problem: string | undefined;
    let readCount = 0;
    for (let reads = 0; (reads < READS || newReads < NEW_READS) && problem === undefined; reads++) {
      const snapshot = crew.tracker.snapshot(OPERATION);
      readCount++;
      if (snapshot.version === versionBefore) continue;
      problem = tearIn(snapshot) ?? (snapshot.version < versionBefore ? `went back to ${snapshot.version}` : undefined);
      versionBefore = snapshot.version;
      newReads++;
    }
    await crew.stop(workers);
    expect(problem).toBeUndefined();
    expect(crew.tracker.snapshot(OPERATION).cpuCount).toBe(crew.attempted);
    tellCount('R1', readCount);
  });
});

describe('workers that are terminated', PATIENCE, () => {
  it('workers terminated at any point tear nothing, block no thread, lose nothing acknowledged, double nothing, and free their slots', async () => {
    const random = createRandom(SEED);
    const alive = 3;
    // One slot more than live at a time: one may still be ending when its successor starts.
    const workers = Math.ceil(KILLS / alive) * alive;
    const crew = new Crew(alive + 1, workers);
    const habits: Habit[] = ['record', 'close', 'read'];
    for (let first = 0; first < workers; first += alive) {
      const starts = habits.map((habit, index) => crew.start(first + index, habit));
      for (const [index, worker] of (await Promise.all(starts)).entries()) {
        crew.tracker.releaseOnExit(worker);
        // Half of them live until they have published, so that each of these must have found a slot.
        if (random(2) === 0) await crew.untilPublished(first + index);
        for (let reads = random(2000); reads > 0; reads--) crew.tracker.snapshot(OPERATION);
        await worker.terminate();
        // Before the snapshot, as the others go on.
        const { acknowledged } = crew;
        const snapshot = freshSnapshot(crew);
        expect(tearIn(snapshot)).toBeUndefined();
        expect(snapshot.cpuCount).toBeGreaterThanOrEqual(acknowledged);
        expect(snapshot.cpuCount).toBeLessThanOrEqual(crew.attempted);
      }
    }
    // Every slot is free again, and what terminated workers published still counts in it.
    const before = crew.tracker.snapshot(OPERATION).cpuCount;
    const successors = Array.from({ length: alive + 1 }, () => attachTracker(crew.tracker.share()));
    for (const successor of successors) {
      successor.recordCpuLatency(OPERATION, 1);
      expect(successor.flush()).toBe(true);
    }
    expect(crew.tracker.snapshot(OPERATION).cpuCount).toBe(before + successors.length);
    tellCount('R3', workers);
  });

  it('a terminated worker keeps its slot until it is released, which works once', async () => {
    const crew = new Crew(1, 1);
    const worker = await crew.start(0, 'record');
    const { threadId } = worker;
    await crew.untilPublished(0);
    await worker.terminate();
    const before = crew.tracker.snapshot(OPERATION);
    expect(before.cpuCount).toBeGreaterThan(0);

    crew.tracker.recordCpuLatency(OPERATION, 1);
    expect(crew.tracker.flush()).toBe(false);
    expect(crew.tracker.release(threadId)).toBe(1);
    expect(crew.tracker.release(threadId)).toBe(0);
    expect(crew.tracker.flush()).toBe(true);
    const successor = attachTracker(crew.tracker.share());
    expect(successor.snapshot(OPERATION).cpuCount).toBe(before.cpuCount + 1);
  });

  it('releaseOnExit() refuses a worker that has ended already', async () => {
    const crew = new Crew(1, 1);
    const worker = await crew.start(0, 'record', 8);
    await crew.ended([worker]);
    expect(() => crew.tracker.releaseOnExit(worker)).toThrow(/worker\.threadId: expected .*, got -1/);
  });
});
