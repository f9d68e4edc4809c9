import { createTracker } from '@gearshift/tracker';
import { medianRatio } from '../interleave.mjs';
import { fill, LATENCY_COUNT, makeLatencies, OPERATION, WINDOW_SIZE } from './latencies.mjs';
import { takeTurns, timeLoop } from '../take-turns.mjs';
import { openTrackerBesideWriters } from './tracker-beside-writers.mjs';

const LAST = LATENCY_COUNT - 1;
const TASKS = [
  { task: 'snapshot', label: 'snapshot, no other writer' },
  { task: 'snapshot-beside-writer', label: 'snapshot, beside a writer that records flat out' },
  { task: 'record-and-snapshot', label: 'a record and a snapshot, in turns' },
  { task: 'record', label: 'record' },
];
const DESIGNS = [{ design: 'scanned' }, { design: 'summed' }];

/** D2: the tracker and the single-mutex one, in turns. `rust` may be missing: then the table says so. */
export async function compareWithBaseline(rust, { rounds, perTurn }) {
  const latencies = makeLatencies();
  const tracker = fill(createTracker({ windowSize: WINDOW_SIZE }), latencies);
  const besideWriter = await openTrackerBesideWriters(1);
  let last;
  const snapshots = (count) => {
    for (let i = 0; i < count; i++) last = tracker.snapshot(OPERATION);
  };
  const records = (count) => {
    for (let i = 0; i < count; i++) tracker.recordCpuLatency(OPERATION, latencies[i & LAST]);
  };
  const both = (count) => {
    for (let i = 0; i < count; i++) {
      tracker.recordCpuLatency(OPERATION, latencies[i & LAST]);
      last = tracker.snapshot(OPERATION);
    }
  };
  const contestants = [
    { name: 'snapshot', measure: () => timeLoop(snapshots, perTurn) },
    { name: 'snapshot-beside-writer', measure: () => besideWriter.measure(perTurn).snapshotNs },
    { name: 'record-and-snapshot', measure: () => timeLoop(both, perTurn) },
    { name: 'record', measure: () => timeLoop(records, perTurn) },
  ];
  if (rust.missing === undefined) {
    for (const { design } of DESIGNS) {
      for (const { task } of TASKS) {
        contestants.push({ name: `${design} ${task}`, measure: () => rust.measure(design, task, perTurn) });
      }
    }
  }
  const timings = await takeTurns(contestants, { rounds });
  await besideWriter.close();
  if (last === undefined) throw new Error('no snapshot was taken');

  const ratios = new Map();
  const rows = TASKS.map(({ task, label }) => {
    const ours = timings.get(task);
    const others = DESIGNS.flatMap(({ design }) => {
      const theirs = timings.get(`${design} ${task}`);
      if (theirs === undefined) return [null, rust.missing];
      const ratio = medianRatio(theirs, ours);
      if (design === 'scanned') ratios.set(task, ratio);
      return [theirs.medianNs, ratio];
    });
    return [label, ours.medianNs, ...others];
  });
  return {
    ratios,
    table: {
      title: `Against a tracker behind a single mutex (${rust.compiler ?? 'Rust'}), ns`,
      columns: ['task', 'ours', 'mutex, scanned', 'times ours', 'mutex, summed', 'times ours '],
      rows,
    },
  };
}
