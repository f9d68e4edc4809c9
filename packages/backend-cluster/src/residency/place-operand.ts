import { randomBytes } from 'node:crypto';
import type { Operand } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import { encodeDropOrder } from '../messages/load-order.js';
import { shardBytes, type ShardSpec } from '../messages/shard-spec.js';
import { planShards } from '../placement/plan-shards.js';
import { Placement } from '../placement/placement.js';
import { chooseHolders, rankWorkers, shardsPerWorker } from '../placement/rendezvous.js';
import type { KnownWorker, WorkerDirectory } from '../placement/worker-directory.js';
import type { Subjects } from '../subjects.js';
import type { ClusterTransport } from '../transport/transport.js';
import { pushShard, type PushFailure } from './push-shard.js';
import { contentsOf } from './shard-contents.js';

export interface PlacerParts {
  readonly transport: ClusterTransport;
  readonly subjects: Subjects;
  readonly directory: WorkerDirectory;
  readonly failures: BackendFailures;
  readonly replicas: number;
  /** The most shards of an operand; undefined for one for each worker. */
  readonly mostShards: number | undefined;
}

type Pool = { readonly ok: true; readonly workers: KnownWorker[]; readonly profile: string } | Failure;

/** Puts operands on workers, from the memory of this process. */
export class Placer {
  readonly #parts: PlacerParts;

  constructor(parts: PlacerParts) {
    this.#parts = parts;
  }

  /** Why workers cannot share an operand, if so. */
  refuseMix(): string | undefined {
    const pool = this.#pool();
    return pool.ok || pool.error.kind !== 'unsupported' ? undefined : pool.error.message;
  }

  /** Makes a new generation: every shard is held by at least one worker, or nothing is left of it. */
  async place(operand: Operand, key: string, signal: AbortSignal | undefined): Promise<Placement | Failure> {
    const pool = this.#pool();
    if (!pool.ok) return pool;
    const { workers, profile } = pool;
    const { replicas, mostShards = workers.length } = this.#parts;
    const generation = newGeneration();
    const shards = planShards(operand, key, generation, mostShards);
    const refusal = this.#refuseSize(shards, workers);
    if (refusal !== undefined) return refusal;
    const names = workers.map(({ worker }) => worker);
    const chosen = chooseHolders(key, shards.length, names, replicas);
    const failure = await this.#pushAll(operand, shards, workers, (shard) => chosen[shard], signal);
    if (failure === undefined) return new Placement({ key, generation, version: operand.version, profile, shards });
    this.drop(key, generation);
    return failure;
  }

  /** Brings shards that no live worker holds any more to others. */
  async repair(operand: Operand, placement: Placement, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const missing = placement.shards.filter((shard) => this.#parts.directory.holders(shard).length === 0);
    if (missing.length === 0) return undefined;
    const pool = this.#pool();
    if (!pool.ok) return pool;
    if (pool.profile !== placement.profile) {
      return this.#parts.failures.of('unsupported', mixed(placement.profile, pool.profile, 'the copy', 'the workers'));
    }
    const names = pool.workers.map(({ worker }) => worker);
    const { replicas } = this.#parts;
    const chosen = (shard: number) => rankWorkers(placement.key, shard, names).slice(0, replicas);
    return this.#pushAll(operand, missing, pool.workers, chosen, signal);
  }

  /** Tells all workers to forget a generation, or every generation of a key. */
  drop(key: string, generation?: number): void {
    const { transport, subjects, directory } = this.#parts;
    const message = encodeDropOrder({ key, generation });
    for (const worker of directory.live) {
      for (const spec of [...worker.shards.values()]) {
        if (spec.key === key && spec.generation === (generation ?? spec.generation))
          directory.noteMissing(worker, spec);
      }
      try {
        transport.send(subjects.worker(worker.worker, 'drop'), message);
      } catch {
        // Without a connection: a worker drops what is not used when it needs the memory.
      }
    }
  }

  /** The workers that take shards, all of one profile. */
  #pool(): Pool {
    const { directory, failures } = this.#parts;
    const workers = directory.live.filter(({ isDraining }) => !isDraining);
    if (workers.length === 0) return failures.of('unreachable', 'there is no worker');
    workers.sort((a, b) => (a.worker < b.worker ? -1 : 1));
    const [{ profile, worker }] = workers;
    const other = workers.find((one) => one.profile !== profile);
    if (other === undefined) return { ok: true, workers, profile };
    return failures.of('unsupported', mixed(profile, other.profile, worker, other.worker));
  }

  /** The worker with the least memory has to have room for its share. */
  #refuseSize(shards: readonly ShardSpec[], workers: readonly KnownWorker[]): Failure | undefined {
    const largest = shards.reduce((most, shard) => Math.max(most, shardBytes(shard)), 0);
    const share = shardsPerWorker(shards.length, workers.length, this.#parts.replicas);
    const requestedBytes = largest * share;
    const { worker, freeBytes } = workers.reduce((least, one) => (one.freeBytes < least.freeBytes ? one : least));
    if (requestedBytes <= freeBytes) return undefined;
    const message = `worker ${worker} has ${freeBytes} bytes for ${share} shards of up to ${largest}`;
    return this.#parts.failures.of('out-of-memory', message, { requestedBytes, freeBytes });
  }

  /** Pushes shards to all of their holders, and needs one of each. */
  async #pushAll(
    operand: Operand,
    shards: readonly ShardSpec[],
    workers: readonly KnownWorker[],
    holdersOf: (shard: number) => readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    const ends = await Promise.all(
      workers.map(async (worker) => {
        const failed = new Map<ShardSpec, PushFailure>();
        for (const spec of shards) {
          if (!holdersOf(spec.shard).includes(worker.worker)) continue;
          const failure = await this.#pushOne(operand, spec, worker, signal);
          if (failure !== undefined) failed.set(spec, failure);
          // It would refuse the next shard as well.
          if (failure !== undefined) break;
        }
        return failed;
      }),
    );
    for (const spec of shards) {
      const failures = ends.map((failed) => failed.get(spec)).filter((failure) => failure !== undefined);
      // A lack of memory would be there for the next generation too; a worker that is gone is not asked again.
      const severe = failures.find(({ kind }) => kind !== 'unreachable');
      const failure = severe ?? (this.#parts.directory.holders(spec).length === 0 ? failures.at(0) : undefined);
      if (failure !== undefined) return this.#asFailure(failure);
      if (this.#parts.directory.holders(spec).length === 0) {
        return this.#parts.failures.of('unreachable', `no worker could be reached for shard ${spec.shard}`);
      }
    }
    return undefined;
  }

  async #pushOne(
    operand: Operand,
    spec: ShardSpec,
    worker: KnownWorker,
    signal: AbortSignal | undefined,
  ): Promise<PushFailure | undefined> {
    const { transport, subjects, directory } = this.#parts;
    const target = { transport, subjects, worker: worker.worker };
    const end = await pushShard(target, spec, contentsOf(operand, spec), signal);
    if (end.ok) {
      directory.noteHeld(worker, spec, end.sequence);
      return undefined;
    }
    if (end.kind === 'unreachable' && end.reason === 'nobody') directory.forget(worker.worker);
    return end;
  }

  #asFailure(failure: PushFailure): Failure {
    const { failures } = this.#parts;
    if (failure.kind === 'aborted') return failures.aborted();
    const { requestedBytes, freeBytes } = { requestedBytes: undefined, freeBytes: undefined, ...failure };
    if (requestedBytes === undefined) return failures.of(failure.kind, failure.message);
    return failures.of(failure.kind, failure.message, { requestedBytes, freeBytes });
  }
}

function mixed(profile: string, other: string, holder: string, otherHolder: string): string {
  return `${holder} computes with ${profile} and ${otherHolder} with ${other}: their scores differ in the last bits`;
}

/** Random, because coordinators do not know of each other. */
function newGeneration(): number {
  return Number(randomBytes(8).readBigUInt64LE() >> 11n);
}
