import type { HeldShard } from './cluster-package.js';
import type { ListedWorker } from './list-workers.js';

/** The output of `gearshift cluster status --json`. */
export interface ClusterReport {
  readonly cluster: string;
  readonly workers: readonly WorkerReport[];
  readonly matrices: readonly MatrixReport[];
  /** What keeps requests from being answered, or would if one more worker left. */
  readonly problems: readonly string[];
}

export interface WorkerReport {
  readonly worker: string;
  readonly profile: string;
  readonly isDraining: boolean;
  readonly freeBytes: number;
  readonly maxBytes: number;
  readonly underWay: number;
  readonly shardCount: number;
}

/** One generation of a matrix or a graph. */
export interface MatrixReport {
  readonly key: string;
  readonly generation: number;
  readonly rows: number;
  readonly shards: number;
  /** The shard with the fewest workers that hold it and do not leave. */
  readonly fewestReplicas: number;
  /** Workers that are to hold each shard: as many as were ordered, or as there are. */
  readonly wantedReplicas: number;
  readonly missingShards: readonly number[];
}

export function describeCluster(cluster: string, listed: readonly ListedWorker[]): ClusterReport {
  const workers = listed.map(({ shards, ...worker }) => ({ ...worker, shardCount: shards.length }));
  const matrices = describeMatrices(listed, listed.filter(({ isDraining }) => !isDraining).length);
  return { cluster, workers, matrices, problems: findProblems(workers, matrices) };
}

/** @param staying workers that do not leave */
function describeMatrices(workers: readonly ListedWorker[], staying: number): MatrixReport[] {
  const generations = new Map<string, { first: HeldShard; replicas: number[] }>();
  for (const { shards, isDraining } of workers) {
    for (const shard of shards) {
      const name = `${shard.key} ${shard.generation}`;
      const known = generations.get(name) ?? { first: shard, replicas: new Array<number>(shard.shards).fill(0) };
      generations.set(name, known);
      const replicas = known.replicas[shard.shard];
      if (!isDraining && replicas !== undefined) known.replicas[shard.shard] = replicas + 1;
    }
  }
  return [...generations.values()]
    .map(({ first: { key, generation, rows, shards, copies = 1 }, replicas }) => ({
      key,
      generation,
      rows,
      shards,
      fewestReplicas: Math.min(...replicas),
      wantedReplicas: Math.min(copies, staying),
      missingShards: replicas.flatMap((count, shard) => (count === 0 ? [shard] : [])),
    }))
    .sort((a, b) => (a.key === b.key ? a.generation - b.generation : a.key < b.key ? -1 : 1));
}

function findProblems(workers: readonly WorkerReport[], matrices: readonly MatrixReport[]): string[] {
  const problems = workers.length === 0 ? ['no worker announced itself'] : [];
  const profiles = [...new Set(workers.map(({ profile }) => profile))];
  if (profiles.length > 1) {
    problems.push(`workers compute with ${profiles.join(' and ')}; a matrix cannot be placed on such a mix`);
  }
  for (const { key, generation, fewestReplicas, wantedReplicas, missingShards } of matrices) {
    const name = `${key}, generation ${generation}`;
    if (missingShards.length > 0) problems.push(`${name}: no worker holds shard ${missingShards.join(', ')}`);
    else if (fewestReplicas < wantedReplicas) {
      const copies = `${fewestReplicas} of ${wantedReplicas} copies`;
      problems.push(`${name}: some shards have ${copies}; a program that uses the cluster makes the others`);
    } else if (fewestReplicas === 1) problems.push(`${name}: some shards are held by one worker only`);
  }
  return problems;
}
