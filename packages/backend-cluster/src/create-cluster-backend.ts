import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ok, type BackendError, type Result } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requireFinite, requireInteger } from '@gearshift/contracts/internal';
import { BackendFailures } from '@gearshift/native-kit';
import { REAL_CLOCK, type Clock } from './clock.js';
import { ClusterBackend } from './cluster-backend.js';
import { MOST_SHARDS } from './messages/shard-spec.js';
import { WorkerDirectory } from './placement/worker-directory.js';
import { requireToken, Subjects } from './subjects.js';
import { CONNECTION_OPTIONS, openTransport, type ConnectionOptions } from './transport/open-transport.js';

export interface ClusterBackendOptions extends ConnectionOptions {
  /** The name of the cluster: letters, digits, - and _. */
  readonly name: string;
  /** Id of the backend. Default `'cluster:0'`. */
  readonly id?: string | undefined;
  /** Copies of each shard, on different workers. Default 2; with fewer workers, as many as there are. */
  readonly replicas?: number | undefined;
  /** The most shards of an operand. Default: one for each worker. */
  readonly shards?: number | undefined;
  /** A part of a request that has no answer by then fails with `'timeout'`. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** A shard is asked again, at another worker, after the time within which 95 % of its answers came, and not before this. Default 5. */
  readonly hedgeFloorMs?: number | undefined;
  /** The same for a shard of which few answers came. Default 50. */
  readonly hedgeStartMs?: number | undefined;
  /** Wait for so many workers, up to `discoverMs`. Default 1. */
  readonly leastWorkers?: number | undefined;
  /** Default 1,000. */
  readonly discoverMs?: number | undefined;
  /** Rows of this process go to workers no faster. Default: as fast as workers take them. */
  readonly pushBytesPerSecond?: number | undefined;
  /**
   * The copies of a worker that was away for so long are made again on others; a worker that comes back sooner was not lost. `Infinity`: none
   * are made. Default 10,000.
   */
  readonly repairAfterMs?: number | undefined;
  /** Default: the clock of the process. */
  readonly clock?: Clock | undefined;
}

export const CLUSTER_DEFAULTS = {
  id: 'cluster:0',
  replicas: 2,
  timeoutMs: 30_000,
  hedgeFloorMs: 5,
  hedgeStartMs: 50,
  leastWorkers: 1,
  discoverMs: 1000,
  repairAfterMs: 10_000,
} as const;

const OPTIONS = optionNames<ClusterBackendOptions>({
  ...CONNECTION_OPTIONS,
  name: true,
  id: true,
  replicas: true,
  shards: true,
  timeoutMs: true,
  hedgeFloorMs: true,
  hedgeStartMs: true,
  leastWorkers: true,
  discoverMs: true,
  pushBytesPerSecond: true,
  repairAfterMs: true,
  clock: true,
});

/**
 * The workers of a cluster as one device. Operands are put on the workers when they are first used, cut into shards with `replicas`
 * copies each; answers are merged exactly.
 *
 * Failures of requests have the kinds `'unreachable'`, when no live worker has a shard or the connection is lost; `'timeout'`; `'stale'`, when
 * workers have dropped a shard meanwhile; `'out-of-memory'`; `'unsupported'`, when workers compute with different instruction sets;
 * `'invalid-result'`, when an answer cannot be right; `'fault'`. Without a worker the backend is there, and requests fail.
 *
 * @throws TypeError or RangeError that names the option, the expected and the given value; `ConnectError` when no server can be reached
 *
 * @example
 * const network = new InMemoryNetwork();
 * await createClusterWorker({ transport: network.connect('w1'), name: 'corpus', worker: 'w1' });
 * const cluster = unwrap(await createClusterBackend({ transport: network.connect('c1'), name: 'corpus' }));
 */
export async function createClusterBackend(
  options: ClusterBackendOptions,
): Promise<Result<ClusterBackend, BackendError>> {
  const given = readOptions('options', options, OPTIONS);
  const name = requireToken('name', given.name);
  const subjects = new Subjects(name);
  const { id = CLUSTER_DEFAULTS.id, clock = REAL_CLOCK } = given;
  if (typeof id !== 'string' || id === '') throw new TypeError(expected('id', 'the id of the backend', id));
  const replicas = requireInteger('replicas', given.replicas ?? CLUSTER_DEFAULTS.replicas, 1);
  if (given.shards !== undefined) requireInteger('shards', given.shards, 1, MOST_SHARDS);
  const timeoutMs = requireInteger('timeoutMs', given.timeoutMs ?? CLUSTER_DEFAULTS.timeoutMs, 1, 2 ** 31 - 1);
  const hedgeFloorMs = requireFinite('hedgeFloorMs', given.hedgeFloorMs ?? CLUSTER_DEFAULTS.hedgeFloorMs, 0);
  const hedgeStartMs = requireFinite('hedgeStartMs', given.hedgeStartMs ?? CLUSTER_DEFAULTS.hedgeStartMs, 0);
  const leastWorkers = requireInteger('leastWorkers', given.leastWorkers ?? CLUSTER_DEFAULTS.leastWorkers, 0);
  const discoverMs = requireInteger('discoverMs', given.discoverMs ?? CLUSTER_DEFAULTS.discoverMs, 0);
  const { repairAfterMs = CLUSTER_DEFAULTS.repairAfterMs } = given;
  if (repairAfterMs !== Infinity) requireFinite('repairAfterMs', repairAfterMs, 0);
  const { pushBytesPerSecond = Infinity } = given;
  if (pushBytesPerSecond !== Infinity) requireFinite('pushBytesPerSecond', pushBytesPerSecond, 1);
  const transport = await openTransport(name, given);
  const directory = new WorkerDirectory(clock);
  // Another coordinator has other ids, which a worker can therefore cancel without the name of the coordinator.
  let lastId = randomBytes(4).readUInt32LE() * 2 ** 20;
  const backend = new ClusterBackend(
    {
      backend: id,
      transport,
      subjects,
      directory,
      failures: new BackendFailures(id),
      clock,
      replicas,
      timeoutMs,
      hedgeFloorMs,
      hedgeStartMs,
      pushBytesPerSecond,
      repairAfterMs,
      nextId: () => (lastId += 1),
    },
    given.shards,
  );
  try {
    await transport.confirmWatches?.();
  } catch (error) {
    await backend.close();
    throw error;
  }
  await discover(backend, directory, leastWorkers, discoverMs);
  return ok(backend);
}

/** In real time, also when the clock stands still: the program waits for this. */
const DISCOVER_STEP_MS = 2;

async function discover(
  backend: ClusterBackend,
  directory: WorkerDirectory,
  leastWorkers: number,
  discoverMs: number,
): Promise<void> {
  const endMs = performance.now() + discoverMs;
  backend.askWho();
  while (directory.live.length < leastWorkers && performance.now() < endMs) await sleep(DISCOVER_STEP_MS);
}
