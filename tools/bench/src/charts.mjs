import { readConstants } from './cluster/constants.mjs';
import { simulateScenarios } from './cluster/scenarios.mjs';

/**
 * Charts of a suite's results, made from its tables.
 *
 * @type {Record<string, (tables: import('./suites.mjs').Table[]) => (import('./chart.mjs').Chart & { name: string })[]>} by suite; `name` is
 *   that of the file
 */
export const CHARTS = {
  cluster(tables) {
    return [
      {
        name: 'cluster',
        title: 'Simulated latency of a query besides its scan, each shard on a machine of its own: less is better',
        unit: 'ms',
        reference: 0.1,
        groups: simulateScenarios(readConstants(tables)).map(({ shards, plain, late, lateHedged, merged }) => ({
          name: `${shards} shards`,
          bars: [
            { name: 'p50', value: plain.p50Ms },
            { name: 'p50 with mergers', value: merged.p50Ms },
            { name: 'p99', value: plain.p99Ms },
            { name: 'p99, 1 % are late', value: late.p99Ms },
            { name: 'and asked again', value: lateHedged.p99Ms },
          ],
        })),
      },
    ];
  },
  peers([{ columns, rows }]) {
    const firstPeer = columns.findIndex((column) => column.endsWith(' x'));
    const of = (row, column) => row[columns.indexOf(column)];
    const peersOf = (row) =>
      columns.slice(firstPeer).flatMap((column, i) => {
        const value = row[firstPeer + i];
        return value === null || OWN.includes(column) ? [] : [{ name: column.slice(0, -2), value }];
      });
    return [
      {
        name: 'peers',
        title: 'Exact cosine top-10, one query and one thread: time of others over that of Gearshift',
        unit: 'x',
        reference: 1,
        groups: rows
          .filter((row) => of(row, 'k') === 10 && of(row, 'threads') === 1 && of(row, 'rows') >= 1000)
          .map((row) => ({
            name: `${of(row, 'rows')} ${of(row, 'set') ?? 'rows'} of ${of(row, 'dimensions')}`,
            bars: peersOf(row),
          })),
      },
    ];
  },
  thresholds(tables) {
    const sweeps = tables.filter(({ title }) => title.startsWith('The threshold policy'));
    const groups = sweeps.map(({ title, columns, rows }) => {
      const t1 = columns.indexOf('T1');
      return {
        name: title.slice(title.indexOf('regret in %, ') + 'regret in %, '.length).replace(/ \(.*\)/, ''),
        bars: rows
          .filter(([setting]) => setting === 'gpuMinBatchSize' || setting === 'adaptive')
          .map((row) => ({
            name: row[0] === 'adaptive' ? 'adaptive' : `from ${row[1]}`,
            value: Math.max(0.1, row[t1]),
          })),
      };
    });
    return [
      {
        name: 'thresholds',
        title: 'Time lost against the oracle on trace T1, by gpuMinBatchSize: less is better',
        unit: '%',
        reference: 0.1,
        groups,
      },
    ];
  },
};

/** Gearshift's own scan, which is no peer. */
const OWN = ['gearshift float32 x'];
