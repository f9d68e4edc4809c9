import { createTracker } from '@gearshift/tracker';
import { fill, LATENCY_COUNT, makeLatencies, OPERATION, WINDOW_SIZE } from './latencies.mjs';
import { takeTurns, timeLoop } from '../take-turns.mjs';

const LAST = LATENCY_COUNT - 1;

/** D1: the cost of a record, including its share of a publication with every 32nd record. */
export async function measureRecords({ rounds, perTurn }) {
  const latencies = makeLatencies();
  const attempts = Array.from(latencies, (latencyMs, i) => ({
    operation: OPERATION,
    backend: i % 2 === 0 ? 'cpu' : 'cuda:0',
    device: i % 2 === 0 ? 'cpu' : 'gpu',
    outcome: i % 64 === 63 ? 'fault' : 'success',
    latencyMs,
    fallback: false,
  }));
  const loops = {
    'recordCpuLatency, the same latency': (tracker) => (count) => {
      for (let i = 0; i < count; i++) tracker.recordCpuLatency(OPERATION, 2);
    },
    'recordCpuLatency, latencies from 1 to 3 ms': (tracker) => (count) => {
      for (let i = 0; i < count; i++) tracker.recordCpuLatency(OPERATION, latencies[i & LAST]);
    },
    'recordGpuSuccess, latencies from 1 to 3 ms': (tracker) => (count) => {
      for (let i = 0; i < count; i++) tracker.recordGpuSuccess(OPERATION, latencies[i & LAST]);
    },
    recordGpuFailure: (tracker) => (count) => {
      for (let i = 0; i < count; i++) tracker.recordGpuFailure(OPERATION);
    },
    'record(attempt), both devices in turns': (tracker) => (count) => {
      for (let i = 0; i < count; i++) tracker.record(attempts[i & LAST]);
    },
    'the loop and the latencies alone': () => (count) => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += latencies[i & LAST];
      return sum;
    },
  };
  const contestants = Object.entries(loops).map(([name, prepare]) => {
    const loop = prepare(fill(createTracker({ windowSize: WINDOW_SIZE }), latencies));
    return { name, measure: () => timeLoop(loop, perTurn) };
  });
  const timings = [...(await takeTurns(contestants, { rounds })).values()];
  return {
    recordNs: timings[1].medianNs,
    table: {
      title: `Recording, window of ${WINDOW_SIZE}, one thread`,
      columns: ['call', 'ns', 'fastest round'],
      rows: timings.map(({ name, medianNs, minNs }) => [name, medianNs, minNs]),
    },
  };
}
