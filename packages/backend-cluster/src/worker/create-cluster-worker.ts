import { randomBytes } from 'node:crypto';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { unwrap, type Backend } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requireInteger } from '@gearshift/contracts/internal';
import { REAL_CLOCK, type Clock } from '../clock.js';
import { requireToken, Subjects } from '../subjects.js';
import { CONNECTION_OPTIONS, openTransport, type ConnectionOptions } from '../transport/open-transport.js';
import type { ClusterTransport } from '../transport/transport.js';
import { ClusterWorker } from './cluster-worker.js';

export interface ClusterWorkerOptions extends ConnectionOptions {
  /** The name of the cluster: letters, digits, - and _. */
  readonly name: string;
  /** The name of the worker, unique in the cluster. */
  readonly worker: string;
  /** What computes, and stays open when the worker ends. Default: the CPU, which the worker closes. */
  readonly backend?: Backend | undefined;
  /** Threads of the default backend for one query. Default: all that the process may use. */
  readonly threads?: number | undefined;
  /** The folder below which files may be loaded. Default: none, so that shards can only be pushed. */
  readonly dataRoot?: string | undefined;
  /** Bytes that all shards may take together. Default: half of what is free now, or 1 GiB if that is not known. */
  readonly maxBytes?: number | undefined;
  /** Queries under way at the same time; more are refused, and go to another replica. Default 64. */
  readonly maxUnderWay?: number | undefined;
  /** Time between announcements. Default 1,000. */
  readonly announceEveryMs?: number | undefined;
  /** `drain()` waits so long, at the most, until its shards are on other workers. Default 30,000. */
  readonly handOverMs?: number | undefined;
  /** Default: the clock of the process. */
  readonly clock?: Clock | undefined;
}

export const WORKER_DEFAULTS = { maxUnderWay: 64, announceEveryMs: 1000, handOverMs: 30_000 } as const;
const UNKNOWN_MEMORY_BYTES = 2 ** 30;

const OPTIONS = optionNames<ClusterWorkerOptions>({
  ...CONNECTION_OPTIONS,
  name: true,
  worker: true,
  backend: true,
  threads: true,
  dataRoot: true,
  maxBytes: true,
  maxUnderWay: true,
  announceEveryMs: true,
  handOverMs: true,
  clock: true,
});

/**
 * Joins a cluster as a worker: from now on it takes shards in and answers queries, until `drain()` or `close()`.
 *
 * @throws TypeError or RangeError that names the option, the expected and the given value; `ConnectError` when no server can be reached
 *
 * @example
 * const network = new InMemoryNetwork();
 * const worker = await createClusterWorker({ transport: network.connect('w1'), name: 'corpus', worker: 'w1' });
 * await worker.drain();
 */
export async function createClusterWorker(options: ClusterWorkerOptions): Promise<ClusterWorker> {
  const given = readOptions('options', options, OPTIONS);
  const name = requireToken('name', given.name);
  const subjects = new Subjects(name);
  const worker = requireToken('worker', given.worker);
  const { dataRoot, threads, clock = REAL_CLOCK } = given;
  if (dataRoot !== undefined && typeof dataRoot !== 'string') {
    throw new TypeError(expected('dataRoot', 'the path of a folder', dataRoot));
  }
  const maxUnderWay = requireInteger('maxUnderWay', given.maxUnderWay ?? WORKER_DEFAULTS.maxUnderWay, 1);
  const announceEveryMs = requireInteger(
    'announceEveryMs',
    given.announceEveryMs ?? WORKER_DEFAULTS.announceEveryMs,
    1,
  );
  const handOverMs = requireInteger('handOverMs', given.handOverMs ?? WORKER_DEFAULTS.handOverMs, 0);
  if (given.maxBytes !== undefined) requireInteger('maxBytes', given.maxBytes, 0);
  const own = given.backend === undefined ? unwrap(await createCpuBackend({ threads })) : undefined;
  const backend = given.backend ?? own;
  if (typeof backend?.topK !== 'function') throw new TypeError(expected('backend', 'a Backend', backend));
  const transport = await openTransport(name, given).catch(async (error: unknown) => {
    await own?.close();
    throw error;
  });
  let bulk: ClusterTransport | undefined;
  const end = async () => {
    await bulk?.close();
    await transport.close();
    await own?.close();
  };
  try {
    bulk = await transport.openBeside?.();
  } catch (error) {
    await end();
    throw error;
  }
  const { freeBytes } = backend.memory();
  const maxBytes = given.maxBytes ?? (freeBytes === null ? UNKNOWN_MEMORY_BYTES : Math.floor(freeBytes / 2));
  // Enough random bits that a process started anew is another one.
  const instance = randomBytes(6).readUIntLE(0, 6);
  const running = new ClusterWorker({
    transport,
    bulk: bulk ?? transport,
    subjects,
    worker,
    instance,
    backend,
    closeBackend: own === undefined ? undefined : () => own.close(),
    dataRoot,
    maxBytes,
    maxUnderWay,
    announceEveryMs,
    handOverMs,
    clock,
  });
  try {
    await running.start();
  } catch (error) {
    await running.close();
    await end();
    throw error;
  }
  return running;
}
