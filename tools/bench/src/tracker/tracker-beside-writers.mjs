import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createTracker } from '@gearshift/tracker';
import { END, GO, RECORDED, RUN, WAIT } from './flat-out-writer.mjs';
import { fill, makeLatencies, OPERATION, WINDOW_SIZE } from './latencies.mjs';
import { timeLoop } from '../take-turns.mjs';

/** A tracker of this thread, with worker threads that record into the same memory as fast as possible during their turns. */
export async function openTrackerBesideWriters(writerCount) {
  const tracker = fill(createTracker({ windowSize: WINDOW_SIZE, maxWriters: writerCount + 1 }), makeLatencies());
  const gates = new Int32Array(new SharedArrayBuffer(64));
  const workers = [];
  for (let i = 0; i < writerCount; i++) {
    const worker = new Worker(new URL('./flat-out-writer.mjs', import.meta.url), {
      workerData: { handle: tracker.share(), gates },
    });
    workers.push(worker);
    await once(worker, 'message');
  }
  const open = (gate) => {
    Atomics.store(gates, RUN, gate);
    Atomics.notify(gates, RUN);
  };
  let last;
  const loop = (count) => {
    for (let i = 0; i < count; i++) last = tracker.snapshot(OPERATION);
  };
  return {
    /** Nanoseconds of one snapshot while the writers write, and of one record of each writer during that time. */
    measure(count) {
      const before = Atomics.load(gates, RECORDED);
      open(GO);
      while (Atomics.load(gates, RECORDED) === before);
      const firstRecorded = Atomics.load(gates, RECORDED);
      const snapshotNs = timeLoop(loop, count);
      const recorded = (Atomics.load(gates, RECORDED) - firstRecorded) | 0;
      open(WAIT);
      if (last.cpuWindowCount !== (writerCount + 1) * WINDOW_SIZE) throw new Error('a writer is missing');
      return { snapshotNs, recordNs: (snapshotNs * count * writerCount) / recorded };
    },
    async close() {
      open(END);
      await Promise.all(workers.map((worker) => once(worker, 'exit')));
      tracker.close();
    },
  };
}
