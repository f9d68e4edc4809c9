import { loadBenchAddon } from '../cpu/bench-addon.mjs';
import { placesFor, readCacheBytes } from '../cpu/cache-sizes.mjs';
import { measureCallOverhead } from '../cpu/call-overhead.mjs';
import { measureLevels, measureScanRates, measureTopK } from '../cpu/scan-rates.mjs';
import { measureThreads } from '../cpu/thread-scaling.mjs';

export default {
  name: 'cpu',
  description: 'scans against the read bandwidth, top-k, levels, threads, call overhead',

  async run({ quick, log }) {
    const rounds = quick ? 3 : 31;
    const addon = loadBenchAddon(log);
    const places = placesFor(readCacheBytes(), quick);
    const tables = [];
    const goals = [];

    for (const dimensions of quick ? [768] : [768, 384]) {
      log(`Scans, ${dimensions} dimensions ...`);
      const { table, shares } = await measureScanRates(addon, places, { dimensions, rounds });
      tables.push(table);
      for (const { place, name, goal, share, shareOfLimit } of dimensions === 768 ? shares : []) {
        const scan = `${name} in ${place}`;
        goals.push(
          { id: 'P1', target: `${scan}: >= ${goal} of read`, measured: share, pass: share >= goal },
          { id: 'P1', target: `${scan}: >= 0.9 of the limit`, measured: shareOfLimit, pass: shareOfLimit >= 0.9 },
        );
      }
    }

    log('Top-k ...');
    const topK = await measureTopK(addon, quick ? [10_000] : [10_000, 100_000], { dimensions: 768, rounds });
    const topKNarrow = await measureTopK(addon, quick ? [10_000] : [10_000, 100_000], { dimensions: 384, rounds });
    topK.rows.push(...topKNarrow.rows);
    tables.push(topK);
    const mostMore = Math.max(...topK.rows.flatMap(([, , ten, hundred]) => [ten, hundred]));
    const ascending = Math.max(...topK.rows.map((row) => row[4]));
    goals.push({ id: 'P8', target: 'top-k <= 3 % over scoring alone', measured: mostMore, pass: mostMore <= 3 });
    goals.push({ id: 'P8', target: 'ascending scores: <= 2.5 ns/row', measured: ascending, pass: ascending <= 2.5 });

    log('Threads ...');
    const { threads, table: threadTable } = await measureThreads({ rounds, quick });
    tables.push(threadTable);
    goals.push(...threadGoals(threads, threadTable.rows));

    log('Call overhead ...');
    const calls = await measureCallOverhead({ rounds });
    tables.push(calls.table);
    goals.push(
      {
        id: 'P10',
        target: 'handle and query <= 60 ns',
        measured: calls.handleAndQueryNs,
        pass: calls.handleAndQueryNs <= 60,
      },
      { id: 'P10', target: 'three arrays <= 130 ns', measured: calls.threeArraysNs, pass: calls.threeArraysNs <= 130 },
      ...callGoals(calls),
    );

    log('Levels ...');
    const levels = await measureLevels(
      addon,
      places.filter(({ place }) => place !== 'L3'),
      { dimensions: 768, rounds },
    );
    tables.push(levels);
    goals.push(...levelGoals(levels.rows));
    return { tables, goals };
  },
};

/**
 * What a call costs depends on the CPU and on Node.js more than on the addon, so the goals are restated as multiples of the least
 * that any call into an addon costs there.
 */
function callGoals({ bareNs, handleAndQueryNs, threeArraysNs }) {
  const note = `a bare call takes ${bareNs.toFixed(0)} ns`;
  const goal = (what, ns, most) => ({
    id: 'P10',
    target: `${what} <= ${most} times a bare call`,
    measured: ns / bareNs,
    pass: ns / bareNs <= most,
    note,
  });
  return [goal('handle and query', handleAndQueryNs, 2.5), goal('three arrays', threeArraysNs, 3)];
}

function threadGoals(threads, rows) {
  const slowest = Math.min(...rows.map((row) => row[4]));
  const from50 = Math.min(...rows.filter(([mib]) => mib >= 50).map((row) => row[4]));
  const at12 = rows.find(([mib]) => mib === 12)[4];
  const measuredWith = `${threads} threads`;
  const applies = (pass) => (threads === 2 ? pass : null);
  return [
    {
      id: 'P2',
      target: '2 threads >= 1.75 from 50 MiB',
      measured: Number.isFinite(from50) ? from50 : null,
      pass: Number.isFinite(from50) ? applies(from50 >= 1.75) : null,
      note: measuredWith,
    },
    { id: 'P2', target: '2 threads >= 1.4 at 12 MiB', measured: at12, pass: applies(at12 >= 1.4), note: measuredWith },
    { id: 'P2', target: 'never below 0.95', measured: slowest, pass: slowest >= 0.95, note: measuredWith },
  ];
}

function levelGoals(rows) {
  const of = (place, level) => rows.find((row) => row[0] === place && row[1] === level)?.[2] ?? null;
  const goal = (target, measured, most) => ({
    id: 'P11',
    target,
    measured,
    pass: measured === null ? null : measured <= most,
    ...(measured === null ? { note: 'this CPU has no AVX-512 to compare with' } : {}),
  });
  const hasAvx512 = of('L2', 'avx512') !== null;
  return [
    goal('avx2 within 25 % of avx512 in L2', hasAvx512 ? of('L2', 'avx2') : null, 1.25),
    goal('avx2 within 5 % of avx512 in DRAM', hasAvx512 ? of('DRAM', 'avx2') : null, 1.05),
    goal('portable within 3 times the best in L2', of('L2', 'portable'), 3),
  ];
}
