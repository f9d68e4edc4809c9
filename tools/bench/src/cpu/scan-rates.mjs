import { interleave, medianRatio } from '../interleave.mjs';

/** Work per measurement, so large that the cost of the call into the addon is negligible. */
const BYTES_PER_CALL = 16 * 1024 ** 2;

/** With the query in half of a first-level cache of 48 KiB, and nearly all of one of 32. */
const BYTES_IN_L1 = 24 * 1024;

const GOALS = {
  dot: { L2: 0.9, L3: 0.97, DRAM: 0.9 },
  cosine: { L2: 0.9, L3: 0.97, DRAM: 0.9 },
  euclidean: { L2: 0.78, L3: 0.95, DRAM: 0.83 },
  'cosine, norms on the fly': { L2: 0.78, L3: 0.95, DRAM: 0.83 },
};

/**
 * P1: scans of one query over all rows, one thread, against the best pure read of the same memory in the same run. The limit is
 * the longer of two: that read, and the same scan of rows that lie in the first-level cache, where arithmetic sets the pace.
 */
export async function measureScanRates(addon, places, { dimensions, rounds }) {
  const [level] = addon.levels();
  const rows = [];
  const goals = [];
  const near = await timeTasks(addon, level, 'L1', BYTES_IN_L1, dimensions, rounds, (name) => name in GOALS);
  for (const { place, bytes } of places) {
    const timings = await timeTasks(addon, level, place, bytes, dimensions, rounds);
    const read = bestRead(timings);
    for (const [name, goalByPlace] of Object.entries(GOALS)) {
      const isNamed = (candidate) => candidate.name === name;
      const timing = timings.find(isNamed);
      const share = medianRatio(read, timing);
      const limitNs = Math.max(nsPerRow(read), nsPerRow(near.find(isNamed)));
      const shareOfLimit = limitNs / nsPerRow(timing);
      rows.push([
        dimensions,
        place,
        timing.rowCount,
        name,
        nsPerRow(timing),
        nsPerRow(read),
        share,
        limitNs,
        shareOfLimit,
        read.name,
      ]);
      goals.push({ place, name, goal: goalByPlace[place], share, shareOfLimit });
    }
  }
  return {
    table: {
      title: `One query over all rows, one thread, ${dimensions} dimensions, level ${level}`,
      columns: [
        'dimensions',
        'in',
        'rows',
        'scan',
        'ns/row',
        'read ns/row',
        'share of read',
        'limit ns/row',
        'share of limit',
        'best read',
      ],
      rows,
    },
    shares: goals,
  };
}

/** P8: the cost of selecting the best rows in addition to scoring. */
export async function measureTopK(addon, rowCounts, { dimensions, rounds }) {
  const [level] = addon.levels();
  const rows = [];
  for (const rowCount of rowCounts) {
    const bytes = rowCount * dimensions * 4;
    const timings = await timeTasks(addon, level, `${rowCount} rows`, bytes, dimensions, rounds, (name) =>
      ['cosine', 'top 10', 'top 100', 'select 10, ascending'].includes(name),
    );
    const byName = (name) => timings.find((timing) => timing.name === name);
    const ascending = nsPerRow(byName('select 10, ascending'));
    rows.push([
      dimensions,
      rowCount,
      (medianRatio(byName('top 10'), byName('cosine')) - 1) * 100,
      (medianRatio(byName('top 100'), byName('cosine')) - 1) * 100,
      ascending,
    ]);
  }
  return {
    title: `Fused top-k against scoring alone, one thread, level ${level}`,
    columns: ['dimensions', 'rows', 'k = 10: % more', 'k = 100: % more', 'selection alone, ascending scores: ns/row'],
    rows,
  };
}

/** P11: the levels of this CPU, each against the best. */
export async function measureLevels(addon, places, { dimensions, rounds }) {
  const rows = [];
  for (const { place, bytes } of places) {
    const workloads = addon.levels().map((level) => openWorkload(addon, level, bytes, dimensions));
    const task = addon.tasks(workloads[0].handle).indexOf('cosine');
    const timings = await interleave(
      workloads.map(({ level, handle, times }) => ({ name: level, run: () => addon.run(handle, task, times) })),
      { rounds },
    );
    for (const timing of timings) rows.push([place, timing.name, medianRatio(timing, timings[0])]);
    for (const { handle } of workloads) addon.close(handle);
  }
  return {
    title: `Levels, cosine with stored norms, one thread, ${dimensions} dimensions`,
    columns: ['in', 'level', 'times as long as the best'],
    rows,
  };
}

async function timeTasks(addon, level, place, bytes, dimensions, rounds, wanted = () => true) {
  const { handle, times, rowCount } = openWorkload(addon, level, bytes, dimensions);
  const contestants = addon
    .tasks(handle)
    .map((name, task) => ({ name, run: () => addon.run(handle, task, times) }))
    .filter(({ name }) => wanted(name));
  const timings = await interleave(contestants, { rounds });
  addon.close(handle);
  return timings.map((timing) => ({ ...timing, place, rowCount, times }));
}

function openWorkload(addon, level, bytes, dimensions) {
  const rowCount = Math.max(8, Math.round(bytes / (dimensions * 4)));
  const times = Math.max(1, Math.round(BYTES_PER_CALL / bytes));
  return { level, handle: addon.open(level, rowCount, dimensions), times, rowCount };
}

function bestRead(timings) {
  return timings
    .filter(({ name }) => name.startsWith('read, '))
    .reduce((best, timing) => (timing.medianNs < best.medianNs ? timing : best));
}

function nsPerRow({ medianNs, rowCount, times }) {
  return medianNs / times / rowCount;
}
