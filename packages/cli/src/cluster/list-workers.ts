import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterConnection, HeldShard, WorkerState } from './cluster-package.js';

/** A worker that announced itself. */
export interface ListedWorker extends WorkerState {
  readonly worker: string;
}

/** Workers announce themselves when they are asked, and each second. */
const LISTEN_MS = 1200;

/** Asks all workers of a cluster to announce themselves, and collects what they say. */
export async function listWorkers(
  connection: ClusterConnection,
  cluster: string,
  listenMs = LISTEN_MS,
): Promise<readonly ListedWorker[]> {
  const workers = new Map<string, ListedWorker>();
  const end = watchWorkers(connection, cluster, (worker) => void workers.set(worker.worker, worker));
  connection.send(`gearshift.${cluster}.who`, new Uint8Array());
  await sleep(listenMs);
  end();
  return [...workers.values()].sort((a, b) => (a.worker < b.worker ? -1 : 1));
}

/** Calls this for each announcement. Returns what ends it. */
export function watchWorkers(
  connection: ClusterConnection,
  cluster: string,
  onWorker: (worker: ListedWorker) => void,
): () => void {
  return connection.watch(`gearshift.${cluster}.state.*`, {}, ({ data }) => {
    const said = readAnnouncement(data);
    if (said !== undefined) onWorker(said);
  });
}

/** Undefined for what is no announcement. It comes from another process, so each field is checked. */
function readAnnouncement(data: Uint8Array): ListedWorker | undefined {
  let given: unknown;
  try {
    given = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
  if (!isRecord(given)) return undefined;
  const { worker, profile, isDraining, freeBytes, maxBytes, underWay, shards } = given;
  if (typeof worker !== 'string' || typeof profile !== 'string' || typeof isDraining !== 'boolean') return undefined;
  if (!isCount(freeBytes) || !isCount(maxBytes) || !isCount(underWay) || !Array.isArray(shards)) return undefined;
  const held = shards.map(readShard);
  if (held.includes(undefined)) return undefined;
  return {
    worker,
    profile,
    isDraining,
    freeBytes,
    maxBytes,
    underWay,
    shards: held.filter((one) => one !== undefined),
  };
}

function readShard(given: unknown): HeldShard | undefined {
  if (!isRecord(given) || typeof given['key'] !== 'string') return undefined;
  const { key, generation, shard, shards, rows, start, end, copies } = given;
  const counts = [generation, shard, shards, rows, start, end];
  if (!counts.every(isCount)) return undefined;
  if (copies !== undefined && !isCount(copies)) return undefined;
  return { key, generation, shard, shards, rows, start, end, copies } as HeldShard;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
