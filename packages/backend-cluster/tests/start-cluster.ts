import { createCpuBackend } from '@gearshift/backend-cpu';
import { unwrap, type Backend } from '@gearshift/contracts';
import {
  createClusterBackend,
  createClusterWorker,
  InMemoryNetwork,
  type ClusterBackend,
  type ClusterBackendOptions,
  type ClusterWorker,
  type ClusterWorkerOptions,
  type InMemoryNetworkOptions,
  type ManualClock,
} from '@gearshift/backend-cluster';
import { counted } from './settled-clock.js';

export const CLUSTER_NAME = 'test';

/** Of all tests of a file: a backend starts threads. */
let shared: Promise<Backend> | undefined;

export function sharedCpu(): Promise<Backend> {
  shared ??= createCpuBackend().then((made) => counted(unwrap(made)));
  return shared;
}

export interface StartOptions {
  readonly workers: number;
  readonly clock?: ManualClock;
  readonly network?: Omit<InMemoryNetworkOptions, 'clock'>;
  readonly worker?: Partial<ClusterWorkerOptions>;
  readonly backend?: Partial<ClusterBackendOptions>;
}

export interface TestCluster {
  readonly network: InMemoryNetwork;
  readonly backend: ClusterBackend;
  readonly workers: readonly ClusterWorker[];
  /** Ends everything. */
  close(): Promise<void>;
}

/** Workers `w0`, `w1`, ... and the coordinator `c0` on one in-memory network. */
export async function startCluster(options: StartOptions): Promise<TestCluster> {
  const { clock } = options;
  const network = new InMemoryNetwork({ ...options.network, clock });
  const cpu = await sharedCpu();
  const workers: ClusterWorker[] = [];
  for (let i = 0; i < options.workers; i++) {
    const name = `w${i}`;
    const transport = network.connect(name);
    const common = { transport, name: CLUSTER_NAME, worker: name, backend: cpu, clock, maxBytes: 2 ** 30 };
    workers.push(await createClusterWorker({ ...common, ...options.worker }));
  }
  const backend = await startBackend(network, 'c0', { leastWorkers: options.workers, ...options.backend }, clock);
  const settled = <T>(promise: Promise<T>) => (clock === undefined ? promise : clock.advanceUntil(promise));
  return {
    network,
    backend,
    workers,
    async close() {
      await settled(backend.close());
      for (const worker of workers) await settled(worker.close());
    },
  };
}

export async function startBackend(
  network: InMemoryNetwork,
  name: string,
  options: Partial<ClusterBackendOptions>,
  clock?: ManualClock,
): Promise<ClusterBackend> {
  const starting = createClusterBackend({ transport: network.connect(name), name: CLUSTER_NAME, clock, ...options });
  return unwrap(await (clock === undefined ? starting : clock.advanceUntil(starting)));
}
