import { lineThrough, quantile } from './latencies.mjs';

export const CONSTANTS_TITLE = 'Constants of the simulation, in microseconds for one query';
/** Between them, the simulation draws evenly. */
const SHARES = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
const QUANTILE_NAME = 'one shard besides the scan, quantile ';

/**
 * @typedef {object} Constants in microseconds
 * @property {number} coordinatorUs CPU time of the coordinator, whatever the number of shards
 * @property {number} coordinatorShardUs its CPU time for each shard
 * @property {number} workerUs CPU time of a worker for its first shard
 * @property {number} workerShardUs for each further shard that it has
 * @property {number} serverShardUs CPU time of the server for each shard, there and back
 * @property {{ share: number, us: number }[]} oneShardUs what one shard adds to its scan: quantiles, ascending
 */

/** From what the messages of the suite were measured to cost. */
export function constantsTable(scatter) {
  const line = (read) => lineThrough(scatter.map(({ shards, cluster }) => [shards, read(cluster)]));
  const coordinator = line(({ cpuUs }) => quantile(cpuUs, 0.5));
  const [one] = scatter;
  const first = quantile(one.cluster.cpuUs, 0.5);
  return {
    title: CONSTANTS_TITLE,
    columns: ['constant', 'us'],
    rows: [
      ['coordinatorUs', Math.max(0, first - coordinator.slope)],
      ['coordinatorShardUs', coordinator.slope],
      ['workerUs', one.cluster.othersUs.get('workers')],
      ['workerShardUs', line(({ othersUs }) => othersUs.get('workers')).slope],
      ['serverShardUs', line(({ othersUs }) => othersUs.get('server')).slope],
      ...SHARES.map((share) => [`${QUANTILE_NAME}${share}`, 1000 * quantile(one.cluster.addedMs, share)]),
    ],
  };
}

/**
 * @param {readonly import('../suites.mjs').Table[]} tables of a result
 * @returns {Constants}
 */
export function readConstants(tables) {
  const { rows } = tables.find(({ title }) => title === CONSTANTS_TITLE);
  const constants = { oneShardUs: [] };
  for (const [name, us] of rows) {
    if (name.startsWith(QUANTILE_NAME))
      constants.oneShardUs.push({ share: Number(name.slice(QUANTILE_NAME.length)), us });
    else constants[name] = us;
  }
  return constants;
}
