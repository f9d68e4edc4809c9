import { compareWithBaseline } from '../tracker/baseline-comparison.mjs';
import { measureMachine } from '../tracker/machine-cost.mjs';
import { measureRecords } from '../tracker/record-cost.mjs';
import { openRustBaseline } from '../tracker/rust-baseline.mjs';
import { goalNs, measureSnapshots } from '../tracker/snapshot-cost.mjs';

export default {
  name: 'tracker',
  description: 'records, snapshots, and the single-mutex design beside them',

  async run({ quick, log }) {
    const settings = quick ? { rounds: 3, perTurn: 2000 } : { rounds: 101, perTurn: 20_000 };

    log('The machine ...');
    const machine = await measureMachine(settings);
    log('Records ...');
    const records = await measureRecords(settings);
    log('Snapshots ...');
    const snapshots = await measureSnapshots({ ...settings, writerCounts: [1, 2, 4, 8] });
    const rust = openRustBaseline(log);
    log('Against a single mutex ...');
    const comparison = await compareWithBaseline(rust, settings);
    if (rust.missing === undefined) rust.close();

    return {
      tables: [machine, records.table, snapshots.table, comparison.table],
      goals: [
        atMost('record <= 15 ns', records.recordNs, 15),
        ...snapshots.rows.filter(({ writers }) => writers === 1 || writers === 8).flatMap(snapshotGoals),
        ratioGoal('snapshot >= 5 times as fast as behind a mutex', comparison.ratios.get('snapshot'), 5, rust),
        ratioGoal(
          'the same beside a writer that records flat out: >= 1.5',
          comparison.ratios.get('snapshot-beside-writer'),
          1.5,
          rust,
        ),
      ],
    };
  },
};

function snapshotGoals({ writers, unchangedNs, afterOwnRecordNs, afterAllPublicationsNs }) {
  const goal = (what, measured) =>
    atMost(`snapshot, writers: ${writers}, ${what}: <= ${goalNs(writers)} ns`, measured, goalNs(writers));
  return [
    goal('nothing new', unchangedNs),
    goal('after an own record', afterOwnRecordNs),
    ...(afterAllPublicationsNs === null ? [] : [goal('after all others published', afterAllPublicationsNs)]),
  ];
}

function atMost(target, measured, most) {
  return { id: 'D1', target, measured, pass: measured <= most };
}

function ratioGoal(target, ratio, least, rust) {
  if (ratio === undefined) return { id: 'D2', target, measured: null, pass: null, note: rust.missing };
  return { id: 'D2', target, measured: ratio, pass: ratio >= least };
}
