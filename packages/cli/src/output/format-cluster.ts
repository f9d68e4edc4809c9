import type { ClusterReport } from '../cluster/describe-cluster.js';
import { oneLine } from './one-line.js';

/** The report of `gearshift cluster status` in plain text. */
export function formatClusterReport({ cluster, workers, matrices, problems }: ClusterReport): string {
  const lines = [`cluster ${oneLine(cluster)}: ${count(workers.length, 'worker')}`];
  for (const { worker, profile, isDraining, freeBytes, maxBytes, underWay, shardCount } of workers) {
    const state = isDraining ? 'leaving' : 'ready';
    const memory = `${formatBytes(maxBytes - freeBytes)} of ${formatBytes(maxBytes)} used`;
    const work = `${count(shardCount, 'shard')}, ${count(underWay, 'query', 'queries')} under way`;
    lines.push(`  ${oneLine(worker)}  ${state}, ${memory}, ${work}, ${oneLine(profile)}`);
  }
  for (const { key, generation, rows, shards, fewestReplicas, wantedReplicas, missingShards } of matrices) {
    const lacks = fewestReplicas < wantedReplicas ? `, ${wantedReplicas} wanted` : '';
    const complete = `at least ${count(fewestReplicas, 'replica')} of each${lacks}`;
    const state = missingShards.length > 0 ? 'incomplete' : complete;
    const size = `${rows.toLocaleString('en-US')} rows in ${count(shards, 'shard')}`;
    lines.push(`matrix ${oneLine(key)}, generation ${generation}: ${size}, ${state}`);
  }
  for (const problem of problems) lines.push(`problem: ${oneLine(problem)}`);
  return `${lines.join('\n')}\n`;
}

function count(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}

function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 2 ** (10 * power);
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toPrecision(3)} ${units[power] ?? ''}`;
}
