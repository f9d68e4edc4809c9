import { createMatrix, prepareRequest } from '@gearshift/contracts';
import { describeWork, NO_DEVICE, thresholdPolicy } from '@gearshift/dispatcher';
import { createTracker } from '@gearshift/tracker';
// Not public: to decide and then not run is of no use to a program.
// eslint-disable-next-line @nx/enforce-module-boundaries
import { DeviceChooser } from '../../../../packages/dispatcher/dist/device-chooser.js';
import { fill, makeLatencies, OPERATION, WINDOW_SIZE } from './latencies.mjs';
import { medianDifferenceNs, takeTurns, timeLoop } from './take-turns.mjs';

const LEAST_SPEEDUP = 1.5;
const LEAST_SUCCESS_RATE = 0.95;

/** D1: what it costs to choose between a CPU and a GPU that holds the data. */
export async function measureDecisions({ rounds, perTurn }) {
  const tracker = fill(createTracker({ windowSize: WINDOW_SIZE }), makeLatencies());
  const matrix = createMatrix(new Float32Array(4096).fill(1), { dimensions: 4 });
  const request = prepareRequest({ operation: OPERATION, query: Float32Array.of(1, 0, 0, 0), matrix, k: 10 });
  const work = describeWork(request);
  const policy = thresholdPolicy({ gpuSuccessRateThreshold: LEAST_SUCCESS_RATE });
  const chooser = new DeviceChooser([standIn('cpu'), standIn('gpu')], policy, tracker, false);
  const devices = [
    { id: 'cpu', kind: 'cpu', supported: true, bytesToUpload: 0 },
    { id: 'gpu', kind: 'gpu', supported: true, bytesToUpload: 0 },
  ];
  const slot = { device: NO_DEVICE, reason: 'no-device', predictedMs: NaN };
  const context = { snapshot: tracker.snapshot(OPERATION), strict: false };
  let chosen = 0;
  const loops = {
    'the loop alone'(count) {
      for (let i = 0; i < count; i++) chosen += i & 1;
    },
    'the rule, on the snapshot in hand'(count) {
      for (let i = 0; i < count; i++) {
        const { speedup, successRate } = context.snapshot;
        chosen += speedup >= LEAST_SPEEDUP && successRate >= LEAST_SUCCESS_RATE ? 1 : 0;
      }
    },
    'thresholdPolicy.decide, on the snapshot in hand'(count) {
      for (let i = 0; i < count; i++) {
        policy.decide(work, devices, context, slot);
        chosen += slot.device;
      }
    },
    'the whole decision, nothing new in the tracker'(count) {
      for (let i = 0; i < count; i++) chosen += chooser.choose(request, work) === null ? 0 : 1;
    },
    record(count) {
      for (let i = 0; i < count; i++) tracker.recordCpuLatency(OPERATION, 2);
    },
    'record and the whole decision'(count) {
      for (let i = 0; i < count; i++) {
        tracker.recordCpuLatency(OPERATION, 2);
        chosen += chooser.choose(request, work) === null ? 0 : 1;
      }
    },
  };
  const contestants = Object.entries(loops).map(([name, loop]) => ({ name, measure: () => timeLoop(loop, perTurn) }));
  const timings = await takeTurns(contestants, { rounds });
  if (!Number.isFinite(chosen)) throw new Error('nothing was chosen');
  const ruleNs = timings.get('the rule, on the snapshot in hand').medianNs;
  const freshNs = medianDifferenceNs(timings.get('record and the whole decision'), timings.get('record'));
  const shown = [...timings.values()].filter(({ name }) => !name.startsWith('record'));
  return {
    ruleNs,
    freshNs,
    table: {
      title: 'Deciding between a CPU and a GPU that holds the data',
      columns: ['what', 'ns'],
      rows: [
        ...shown.map(({ name, medianNs }) => [name, medianNs]),
        ['the whole decision, after each record of this thread', freshNs],
      ],
    },
  };
}

/** As much of a backend as deciding asks for. */
function standIn(kind) {
  return { id: kind, kind, supports: () => true, residency: () => ({ residentBytes: 16_384, bytesToUpload: 0 }) };
}
