import { parentPort, workerData } from 'node:worker_threads';
import { attachTracker } from '@gearshift/tracker';
import { fill, LATENCY_COUNT, makeLatencies, OPERATION } from './latencies.mjs';

/** Cells of the array by which the reader starts and stops this thread. */
export const RUN = 0;
export const RECORDED = 1;
/** Values of `RUN`. */
export const WAIT = 0;
export const GO = 1;
export const END = 2;

const BATCH = 1024;

if (parentPort !== null && workerData?.gates !== undefined) recordFlatOut(workerData);

/** Records as fast as possible during its turns, and sleeps between them. */
function recordFlatOut({ handle, gates }) {
  const latencies = makeLatencies();
  const tracker = fill(attachTracker(handle), latencies);
  parentPort.postMessage('ready');
  while (Atomics.load(gates, RUN) !== END) {
    Atomics.wait(gates, RUN, WAIT);
    while (Atomics.load(gates, RUN) === GO) {
      for (let i = 0; i < BATCH; i++) tracker.recordCpuLatency(OPERATION, latencies[i & (LATENCY_COUNT - 1)]);
      Atomics.add(gates, RECORDED, BATCH);
    }
  }
  tracker.close();
}
