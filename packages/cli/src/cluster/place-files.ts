import { UserError } from '../user-error.js';
import type { ClusterConnection, ClusterPackage, FilesOnWorkers, HeldShard } from './cluster-package.js';
import { listWorkers, watchWorkers, type ListedWorker } from './list-workers.js';

export interface PlaceSettings {
  readonly cluster: string;
  readonly matrix: string;
  readonly source: FilesOnWorkers;
  readonly replicas: number;
  readonly shards: number | undefined;
  /** Wait for so many workers. */
  readonly workers: number;
}

export interface PlacedReport {
  readonly matrix: string;
  readonly generation: number;
  readonly rows: number;
  readonly dimensions: number;
  readonly workers: number;
}

const DISCOVER_MS = 5000;
const WORKERS_MS = 30_000;

/**
 * Lets the workers load a new generation of a matrix from files that each of them can read.
 *
 * @param report how many copies of shards are there, of how many
 * @throws Error with the reason of the cluster
 */
export async function placeFiles(
  { createClusterBackend }: Pick<ClusterPackage, 'createClusterBackend'>,
  connection: ClusterConnection,
  { cluster, matrix, source, replicas, shards, workers: wanted }: PlaceSettings,
  report: (done: number, total: number) => void,
): Promise<PlacedReport> {
  const before = await waitForWorkers(connection, cluster, wanted);
  const workers = countOf(before);
  if (workers < wanted) {
    throw new Error(
      `${workers} workers of cluster ${cluster} announced themselves, where ${wanted} were to be waited for`,
    );
  }
  const settings = { transport: connection, name: cluster, replicas, shards };
  const made = await createClusterBackend({ ...settings, leastWorkers: workers, discoverMs: DISCOVER_MS });
  if (!made.ok) throw new Error(made.error.message);
  const coordinator = made.value;
  if (coordinator.placed === undefined) {
    throw new UserError('this version of @gearshift/backend-cluster cannot place files; install a newer one');
  }
  const end = watchProgress(connection, cluster, matrix, before, Math.min(replicas, workers), report);
  try {
    const placed = await coordinator.placed.place(matrix, source);
    if (!placed.ok) throw new Error(placed.error.message);
    const { version, rows, dimensions } = placed.value;
    return { matrix, generation: version, rows, dimensions, workers };
  } finally {
    end();
    await coordinator.close();
  }
}

/** Workers may have been started just now. */
async function waitForWorkers(
  connection: ClusterConnection,
  cluster: string,
  wanted: number,
): Promise<readonly ListedWorker[]> {
  const endMs = performance.now() + WORKERS_MS;
  for (;;) {
    const listed = await listWorkers(connection, cluster);
    // Without a wish it is those that are there.
    if (countOf(listed) >= wanted || wanted === 1 || performance.now() > endMs) return listed;
  }
}

const countOf = (workers: readonly ListedWorker[]) => workers.filter(({ isDraining }) => !isDraining).length;

/** Counts the copies of shards that were not there before. */
function watchProgress(
  connection: ClusterConnection,
  cluster: string,
  matrix: string,
  before: readonly ListedWorker[],
  replicas: number,
  report: (done: number, total: number) => void,
): () => void {
  const nameOf = (worker: string, { key, generation, shard }: HeldShard) => `${worker} ${key} ${generation} ${shard}`;
  const known = new Set(before.flatMap(({ worker, shards }) => shards.map((shard) => nameOf(worker, shard))));
  const copies = new Set<string>();
  return watchWorkers(connection, cluster, ({ worker, shards }) => {
    // The key of a placed matrix is its name with a prefix.
    for (const shard of shards.filter(({ key }) => key === matrix || key.endsWith(`-${matrix}`))) {
      const name = nameOf(worker, shard);
      if (known.has(name)) continue;
      copies.add(name);
      report(copies.size, shard.shards * replicas);
    }
  });
}
