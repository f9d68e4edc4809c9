import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { createTracker, type MetricsSnapshot, type Tracker } from '../src/index.js';

const OPERATION = 'top-k';
const WORKER = new URL('fixtures/recording-worker.mjs', import.meta.url);

interface Crew {
  readonly tracker: Tracker;
  /** `[n]`: rounds that worker n knows to be published. */
  readonly acknowledged: Int32Array;
  start(number: number, rounds?: number): Promise<Worker>;
}

function crew(maxWriters: number, workers: number): Crew {
  const tracker = createTracker({ operations: [OPERATION], maxWriters });
  const acknowledged = new SharedArrayBuffer(4 * (workers + 1));
  const stop = new SharedArrayBuffer(4);
  return {
    tracker,
    acknowledged: new Int32Array(acknowledged),
    async start(number, rounds = 1e9) {
      const workerData = { handle: tracker.share(), number, rounds, stop, acknowledged };
      const worker = new Worker(WORKER, { workerData });
      tracker.releaseOnExit(worker);
      await once(worker, 'message');
      return worker;
    },
  };
}

/** Workers publish whole rounds of one of each, so in a whole snapshot these are equal. */
function expectWhole(snapshot: MetricsSnapshot, writers: number): void {
  const { cpuCount, gpuCount, oomCount, gpuFailureCount, version, cpuWindowCount } = snapshot;
  expect([gpuCount, oomCount, gpuFailureCount]).toEqual([cpuCount, cpuCount, cpuCount]);
  expect(version).toBe(3 * cpuCount);
  expect(cpuWindowCount).toBeLessThanOrEqual(100 * writers);
}

it('eight workers lose no count and double none', async () => {
  const rounds = 20_000;
  const { tracker, start } = crew(9, 8);
  const workers = await Promise.all(Array.from({ length: 8 }, (_, index) => start(index + 1, rounds)));
  const ends = Promise.all(workers.map((worker) => once(worker, 'exit')));
  let reads = 0;
  let versionBefore = 0;
  let ended = false;
  void ends.then(() => (ended = true));
  while (!ended) {
    const snapshot = tracker.snapshot(OPERATION);
    expectWhole(snapshot, 8);
    expect(snapshot.version).toBeGreaterThanOrEqual(versionBefore);
    versionBefore = snapshot.version;
    reads++;
    if (reads % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const total = 8 * rounds;
  expect(tracker.snapshot(OPERATION)).toMatchObject({ cpuCount: total, gpuCount: total, oomCount: total });
  expect(reads).toBeGreaterThan(0);
});

it('survives the end of workers at any point: nothing torn, nobody blocked, nothing acknowledged is lost, slots come back', async () => {
  const kills = 60;
  // As many slots as live at a time, so each newcomer needs the slot of one that was killed.
  const { tracker, acknowledged, start } = crew(4, kills);
  let acknowledgedSum = 0;
  for (let number = 1; number <= kills; number += 3) {
    const workers = await Promise.all([start(number), start(number + 1), start(number + 2)]);
    for (const [index, worker] of workers.entries()) {
      for (let read = 0; read < (number * 7 + index * 13) % 40; read++) expectWhole(tracker.snapshot(OPERATION), 4);
      await worker.terminate();
      expectWhole(tracker.snapshot(OPERATION), 4);
      acknowledgedSum += acknowledged[number + index];
      expect(tracker.snapshot(OPERATION).cpuCount).toBeGreaterThanOrEqual(acknowledgedSum);
    }
  }
  expect(acknowledgedSum).toBeGreaterThan(0);
  // Every one of the killed found a slot: there were but four for sixty.
  expect([...acknowledged.subarray(1, kills + 1)].filter((rounds) => rounds > 0).length).toBeGreaterThan(kills / 2);
  tracker.recordCpuLatency(OPERATION, 1);
  expect(tracker.flush()).toBe(true);
}, 120_000);
