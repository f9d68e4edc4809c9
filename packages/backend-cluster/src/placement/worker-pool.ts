import type { BackendFailures, Failure } from '@gearshift/native-kit';
import { shardBytes, type ShardSpec } from '../messages/shard-spec.js';
import { shardsPerWorker } from './rendezvous.js';
import type { KnownWorker, WorkerDirectory } from './worker-directory.js';

/** Workers that take shards, all of one profile. */
export interface WorkerPool {
  readonly ok: true;
  readonly workers: readonly KnownWorker[];
  readonly names: readonly string[];
  readonly profile: string;
}

/** The pool of all workers; workers of several profiles are refused with both names. */
export function poolOf(directory: WorkerDirectory, failures: BackendFailures): WorkerPool | Failure {
  const workers = directory.live.filter(({ isDraining }) => !isDraining);
  if (workers.length === 0) return failures.of('unreachable', 'there is no worker');
  workers.sort((a, b) => (a.worker < b.worker ? -1 : 1));
  const [{ profile, worker }] = workers;
  const other = workers.find((one) => one.profile !== profile);
  if (other !== undefined) return failures.of('unsupported', mixed(profile, other.profile, worker, other.worker));
  return { ok: true, workers, names: workers.map((one) => one.worker), profile };
}

/** Whether the worker with the least memory has room for its share. */
export function refuseSize(
  { workers }: WorkerPool,
  shards: readonly ShardSpec[],
  replicas: number,
  failures: BackendFailures,
): Failure | undefined {
  const largest = shards.reduce((most, shard) => Math.max(most, shardBytes(shard)), 0);
  const share = shardsPerWorker(shards.length, workers.length, replicas);
  const requestedBytes = largest * share;
  const { worker, freeBytes } = workers.reduce((least, one) => (one.freeBytes < least.freeBytes ? one : least));
  if (requestedBytes <= freeBytes) return undefined;
  const message = `worker ${worker} has ${freeBytes} bytes for ${share} shards of up to ${largest}`;
  return failures.of('out-of-memory', message, { requestedBytes, freeBytes });
}

function mixed(profile: string, other: string, holder: string, otherHolder: string): string {
  return `${holder} computes with ${profile} and ${otherHolder} with ${other}: their scores differ in the last bits`;
}
