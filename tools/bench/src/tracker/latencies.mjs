export const OPERATION = 'top-k';
export const WINDOW_SIZE = 100;
export const LATENCY_COUNT = 1024;

/** Spread evenly over 1 to 3 ms by a linear congruential generator: the same that the Rust baseline records. */
export function makeLatencies() {
  let state = 1;
  return Float64Array.from({ length: LATENCY_COUNT }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 1 + (2 * state) / 2 ** 32;
  });
}

/** Both windows full and failures of both kinds, as in a program that has run for a while; everything published. */
export function fill(tracker, latencies) {
  for (let i = 0; i < 2 * WINDOW_SIZE; i++) {
    tracker.recordCpuLatency(OPERATION, latencies[i]);
    tracker.recordGpuSuccess(OPERATION, latencies[i] / 3);
  }
  tracker.recordGpuFailure(OPERATION);
  tracker.recordOutOfMemory(OPERATION);
  tracker.flush();
  return tracker;
}
