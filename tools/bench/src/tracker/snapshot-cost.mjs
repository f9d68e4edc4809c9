import { attachTracker, createTracker } from '@gearshift/tracker';
import { fill, LATENCY_COUNT, makeLatencies, OPERATION, WINDOW_SIZE } from './latencies.mjs';
import { medianDifferenceNs, takeTurns, timeLoop } from '../take-turns.mjs';

const LAST = LATENCY_COUNT - 1;

/**
 * D1: the cost of a snapshot without new data, and of one that must be rebuilt. The writers run on this thread, so that the
 * number of publications is exact; `baseline-comparison` measures the added cost of moving memory between processors.
 */
export async function measureSnapshots({ rounds, perTurn, writerCounts }) {
  const rows = [];
  for (const writers of writerCounts) {
    const timings = await takeTurns(contestantsFor(writers, perTurn), { rounds });
    const cost = (more, less) => medianDifferenceNs(timings.get(more), timings.get(less));
    rows.push({
      writers,
      unchangedNs: timings.get('unchanged').medianNs,
      afterOwnRecordNs: cost('record and snapshot', 'record'),
      afterOnePublicationNs: writers === 1 ? null : cost('publication and snapshot', 'publication'),
      afterAllPublicationsNs: writers === 1 ? null : cost('publications and snapshot', 'publications'),
    });
  }
  return {
    rows,
    table: {
      title: 'Snapshots, ns: all writers on one thread',
      columns: [
        'writers',
        'goal: 30 + 15 per writer',
        'nothing new',
        'after a record of its own',
        'after another published',
        'after all others published',
      ],
      rows: rows.map((row) => [
        row.writers,
        goalNs(row.writers),
        row.unchangedNs,
        row.afterOwnRecordNs,
        row.afterOnePublicationNs,
        row.afterAllPublicationsNs,
      ]),
    },
  };
}

export function goalNs(writers) {
  return 30 + 15 * writers;
}

function contestantsFor(writers, perTurn) {
  const latencies = makeLatencies();
  const tracker = fill(createTracker({ windowSize: WINDOW_SIZE, maxWriters: writers }), latencies);
  const others = Array.from({ length: writers - 1 }, () => fill(attachTracker(tracker.share()), latencies));
  const publish = (other, i) => {
    other.recordCpuLatency(OPERATION, latencies[i & LAST]);
    other.flush();
  };
  // Kept, so that the compiler cannot remove a snapshot as unused.
  let last;
  const loops = {
    unchanged(count) {
      for (let i = 0; i < count; i++) last = tracker.snapshot(OPERATION);
    },
    record(count) {
      for (let i = 0; i < count; i++) tracker.recordCpuLatency(OPERATION, latencies[i & LAST]);
    },
    'record and snapshot'(count) {
      for (let i = 0; i < count; i++) {
        tracker.recordCpuLatency(OPERATION, latencies[i & LAST]);
        last = tracker.snapshot(OPERATION);
      }
    },
    publication(count) {
      for (let i = 0; i < count; i++) publish(others[0], i);
    },
    'publication and snapshot'(count) {
      for (let i = 0; i < count; i++) {
        publish(others[0], i);
        last = tracker.snapshot(OPERATION);
      }
    },
    publications(count) {
      for (let i = 0; i < count; i++) for (const other of others) publish(other, i);
    },
    'publications and snapshot'(count) {
      for (let i = 0; i < count; i++) {
        for (const other of others) publish(other, i);
        last = tracker.snapshot(OPERATION);
      }
    },
  };
  return Object.entries(loops)
    .filter(([name]) => writers > 1 || !name.startsWith('publication'))
    .map(([name, loop]) => ({
      name,
      measure: () => {
        const timeNs = timeLoop(loop, perTurn);
        if (last !== undefined && last.cpuWindowCount !== writers * WINDOW_SIZE) throw new Error('a writer is missing');
        return timeNs;
      },
    }));
}
