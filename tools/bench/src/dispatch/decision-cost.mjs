import { adaptivePolicy, pinnedPolicy, shadowPolicy, thresholdPolicy } from '@gearshift/policies';
import { createTracker } from '@gearshift/tracker';
import { medianDifferenceNs, takeTurns, timeLoop } from '../take-turns.mjs';
import { fill, makeLatencies, WINDOW_SIZE } from '../tracker/latencies.mjs';
import { createContext, createSlot, OPERATION, SAMPLES, teach, VIEWS, WORKS } from './policy-inputs.mjs';

const LEAST_SPEEDUP = 1.5;
const LEAST_SUCCESS_RATE = 0.95;

/** D1: the cost of a policy's choice between a CPU and a GPU with the measurements of its own thread. */
export async function measureDecisions({ rounds, perTurn }) {
  const tracker = fill(createTracker({ windowSize: WINDOW_SIZE }), makeLatencies());
  const loops = createLoops(tracker);
  const contestants = Object.entries(loops).map(([name, loop]) => ({ name, measure: () => timeLoop(loop, perTurn) }));
  const timings = await takeTurns(contestants, { rounds });
  tracker.close();
  const afterObservationNs = medianDifferenceNs(timings.get('observe and decide'), timings.get('observe'));
  const afterRecordNs = medianDifferenceNs(timings.get('record and decide'), timings.get('record'));
  const shown = [...timings.values()].filter(({ name }) => !/record|observe/.test(name));
  const costOf = (name) => ({ what: name, ns: timings.get(name).medianNs });
  return {
    ruleNs: timings.get('the rule of thresholds, on the snapshot in hand').medianNs,
    wholeDecisions: [
      costOf('adaptive, the GPU holds the data'),
      costOf('adaptive, the data could be sent to stay'),
      { what: 'adaptive, right after an observation', ns: afterObservationNs },
      { what: 'threshold, right after a record', ns: afterRecordNs },
    ],
    table: {
      title: 'Deciding on one thread: a CPU and a GPU, four sizes in turns',
      columns: ['what', 'ns', 'fastest round'],
      rows: [
        ...shown.map(({ name, medianNs, minNs }) => [name, medianNs, minNs]),
        ['adaptive, right after an observation', afterObservationNs, null],
        ['threshold, right after a record', afterRecordNs, null],
        ['beside it: adaptive.observe', timings.get('observe').medianNs, timings.get('observe').minNs],
      ],
    },
  };
}

/** Each loop is written out, because shared code would be compiled for all of these policies together. */
function createLoops(tracker) {
  const pinned = pinnedPolicy('cpu');
  const threshold = thresholdPolicy();
  const adaptive = teach(adaptivePolicy());
  const shadow = teach(shadowPolicy(adaptivePolicy(), thresholdPolicy()));
  const context = { ...createContext(), snapshot: tracker.snapshot(OPERATION) };
  // Like in the dispatcher: the snapshot is taken when a policy reads it.
  const asking = Object.defineProperty(createContext(), 'snapshot', { get: () => tracker.snapshot(OPERATION) });
  const { resident, passing, cold } = VIEWS;
  const slot = createSlot();
  // Kept small: past 31 bits each addition would allocate.
  let chosen = 0;
  return {
    'the loop alone'(count) {
      for (let i = 0; i < count; i++) chosen += i & 1;
    },
    'the rule of thresholds, on the snapshot in hand'(count) {
      for (let i = 0; i < count; i++) {
        const { speedup, successRate } = context.snapshot;
        chosen += speedup >= LEAST_SPEEDUP && successRate >= LEAST_SUCCESS_RATE ? 1 : 0;
      }
    },
    pinned(count) {
      for (let i = 0; i < count; i++) {
        pinned.decide(WORKS[i & 3], resident[i & 3], context, slot);
        chosen += slot.device;
      }
    },
    'threshold, on the snapshot in hand'(count) {
      for (let i = 0; i < count; i++) {
        threshold.decide(WORKS[i & 3], resident[i & 3], context, slot);
        chosen += slot.device;
      }
    },
    'adaptive, the GPU holds the data'(count) {
      for (let i = 0; i < count; i++) {
        adaptive.decide(WORKS[i & 3], resident[i & 3], context, slot);
        chosen += slot.device;
      }
    },
    'adaptive, the data would travel with the request'(count) {
      for (let i = 0; i < count; i++) {
        adaptive.decide(WORKS[i & 3], passing[i & 3], context, slot);
        chosen += slot.device;
      }
    },
    'adaptive, the data could be sent to stay'(count) {
      for (let i = 0; i < count; i++) {
        adaptive.decide(WORKS[i & 3], cold[i & 3], context, slot);
        chosen += slot.device;
      }
    },
    'shadow: adaptive acts, threshold watches'(count) {
      for (let i = 0; i < count; i++) {
        shadow.decide(WORKS[i & 3], resident[i & 3], context, slot);
        chosen += slot.device;
      }
    },
    observe(count) {
      for (let i = 0; i < count; i++) adaptive.observe(SAMPLES[i & 7]);
    },
    'observe and decide'(count) {
      for (let i = 0; i < count; i++) {
        adaptive.observe(SAMPLES[i & 7]);
        adaptive.decide(WORKS[(i >> 1) & 3], resident[(i >> 1) & 3], context, slot);
        chosen += slot.device;
      }
    },
    record(count) {
      for (let i = 0; i < count; i++) tracker.recordCpuLatency(OPERATION, 2);
    },
    'record and decide'(count) {
      for (let i = 0; i < count; i++) {
        tracker.recordCpuLatency(OPERATION, 2);
        threshold.decide(WORKS[i & 3], resident[i & 3], asking, slot);
        chosen += slot.device;
      }
      if (Number.isNaN(chosen)) throw new Error('the policy chose no device');
    },
  };
}
