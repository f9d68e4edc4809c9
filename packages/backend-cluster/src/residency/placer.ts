import { randomBytes } from 'node:crypto';
import type { Operand } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { Clock } from '../clock.js';
import { encodeDropOrder, type DropOrder } from '../messages/load-order.js';
import { MOST_COPIES, type ShardSpec } from '../messages/shard-spec.js';
import { planRows, planShards, type RowShape } from '../placement/plan-shards.js';
import { Placement } from '../placement/placement.js';
import { chooseHolders, rankWorkers } from '../placement/rendezvous.js';
import type { KnownWorker, WorkerDirectory } from '../placement/worker-directory.js';
import { poolOf, refuseSize, type WorkerPool } from '../placement/worker-pool.js';
import type { QueryContext } from '../queries/query-context.js';
import type { Subjects } from '../subjects.js';
import type { BulkConnection } from '../transport/bulk-connection.js';
import type { ClusterTransport } from '../transport/transport.js';
import { Pace } from './pace.js';
import { orderFiles, pushShard, type PushEnd, type PushFailure, type PushTarget } from './push-shard.js';
import { contentsOf } from './shard-contents.js';
import { whileThere } from './while-there.js';

export interface PlacerParts {
  readonly transport: ClusterTransport;
  readonly subjects: Subjects;
  readonly directory: WorkerDirectory;
  readonly clock: Clock;
  readonly failures: BackendFailures;
  /** How pushed rows reach workers. */
  readonly bulk: { readonly connection: BulkConnection; readonly pace: Pace };
  readonly replicas: number;
  /** The most shards of an operand; undefined for one for each worker. */
  readonly mostShards: number | undefined;
}

/** @param mostShards undefined for one for each worker */
export function placerOf(context: QueryContext, mostShards: number | undefined, connection: BulkConnection): Placer {
  const { transport, subjects, directory, failures, replicas, clock, pushBytesPerSecond } = context;
  const bulk = { connection, pace: new Pace(clock, pushBytesPerSecond) };
  return new Placer({ transport, bulk, subjects, directory, clock, failures, replicas, mostShards });
}

/** Makes a worker hold a shard. */
export type Bring = (spec: ShardSpec, target: PushTarget, signal: AbortSignal) => Promise<PushEnd>;

/** Puts operands on workers. */
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

  /** Makes a new generation from the memory of this process. */
  async place(operand: Operand, key: string, signal: AbortSignal | undefined): Promise<Placement | Failure> {
    const pool = this.#pool();
    // Random, because coordinators do not know of each other.
    const generation = Number(randomBytes(8).readBigUInt64LE() >> 11n);
    const plan = (most: number) => planShards(operand, key, generation, most);
    const placed = await this.#place(key, generation, operand.version, plan, pushing(operand), signal);
    // Each time there is at least one worker less.
    const hasLeft = 'error' in placed && pool.ok && pool.workers.some(({ isDraining }) => isDraining);
    return hasLeft ? this.place(operand, key, signal) : placed;
  }

  /** Makes a new generation from files that all workers find under the same paths. */
  placeFiles(
    shape: RowShape,
    files: readonly string[],
    key: string,
    generation: number,
    signal: AbortSignal | undefined,
  ): Promise<Placement | Failure> {
    const plan = (most: number) => planRows(shape, key, generation, most);
    const bring: Bring = (spec, target, there) => orderFiles(target, spec, files, there);
    return this.#place(key, generation, generation, plan, bring, signal);
  }

  /** Whether workers that take shards now compute as those of a placement do. */
  mayRepair(placement: Placement): boolean {
    const pool = this.#pool();
    return pool.ok && pool.profile === placement.profile;
  }

  /** Brings shards that no live worker holds any more to others. */
  async repair(operand: Operand, placement: Placement, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const missing = placement.shards.filter((shard) => this.#parts.directory.holders(shard).length === 0);
    if (missing.length === 0) return undefined;
    const pool = this.#pool();
    if (!pool.ok) return pool;
    const chosen = (shard: number) => rankWorkers(placement.key, shard, pool.names).slice(0, this.#parts.replicas);
    return this.#bringAll(missing, pool, chosen, pushing(operand), signal);
  }

  /** Makes all workers forget a generation, or every generation of a key. */
  drop(key: string, generation?: number): void {
    const { directory } = this.#parts;
    for (const worker of directory.live) {
      for (const spec of [...worker.shards.values()]) {
        const isNamed = spec.key === key && spec.generation === (generation ?? spec.generation);
        if (isNamed) directory.noteMissing(worker, spec);
      }
      this.#sendDrop(worker, { key, generation });
    }
  }

  /** The same after a while, in which requests that follow this generation still find it. */
  dropLater(key: string, generation: number, afterMs: number): void {
    for (const worker of this.#parts.directory.live) this.#sendDrop(worker, { key, generation, afterMs });
  }

  /** Makes one worker forget one shard. */
  dropCopy(worker: KnownWorker, spec: ShardSpec): void {
    const { key, generation, shard } = spec;
    this.#parts.directory.noteMissing(worker, spec);
    this.#sendDrop(worker, { key, generation, shard });
  }

  #sendDrop({ worker }: KnownWorker, order: DropOrder): void {
    const { transport, subjects } = this.#parts;
    try {
      transport.send(subjects.worker(worker, 'drop'), encodeDropOrder(order));
    } catch {
      // Without a connection: a worker drops what is not used when it needs the memory.
    }
  }

  #pool(): WorkerPool | Failure {
    return poolOf(this.#parts.directory, this.#parts.failures);
  }

  /** Every shard is held by at least one worker, or nothing is left of the generation. */
  async #place(
    key: string,
    generation: number,
    version: number,
    plan: (mostShards: number) => readonly ShardSpec[],
    bring: Bring,
    signal: AbortSignal | undefined,
  ): Promise<Placement | Failure> {
    const pool = this.#pool();
    if (!pool.ok) return pool;
    const { replicas, failures, mostShards = pool.workers.length } = this.#parts;
    // A later coordinator, which may want another number of copies of its own operands, keeps these.
    const shards = plan(mostShards).map((spec) => ({ ...spec, copies: Math.min(replicas, MOST_COPIES) }));
    const refusal = refuseSize(pool, shards, replicas, failures);
    if (refusal !== undefined) return refusal;
    const chosen = chooseHolders(key, shards.length, pool.names, replicas);
    const failure = await this.#bringAll(shards, pool, (shard) => chosen[shard], bring, signal);
    if (failure === undefined) return new Placement({ key, generation, version, profile: pool.profile, shards });
    this.drop(key, generation);
    return failure;
  }

  /** Brings shards to all of their holders, and needs one of each. */
  async #bringAll(
    shards: readonly ShardSpec[],
    { workers }: WorkerPool,
    holdersOf: (shard: number) => readonly string[],
    bring: Bring,
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    const { directory, failures } = this.#parts;
    const ends = await Promise.all(
      workers.map(async (worker) => {
        for (const spec of shards) {
          if (!holdersOf(spec.shard).includes(worker.worker)) continue;
          const failure = await this.bringOne(spec, worker, bring, signal);
          // It would refuse the next shard as well.
          if (failure !== undefined) return failure;
        }
        return undefined;
      }),
    );
    const failed = ends.filter((failure) => failure !== undefined);
    // A worker that is gone or goes leaves its shards to the other holders; one that refuses would refuse the next generation too.
    const severe = failed.find(({ kind }) => kind !== 'unreachable' && kind !== 'leaving');
    if (severe !== undefined) return this.#asFailure(severe);
    const missing = shards.find((spec) => directory.holders(spec).length === 0);
    if (missing === undefined) return undefined;
    const [first] = failed;
    if (first !== undefined) return this.#asFailure(first);
    return failures.of('unreachable', `no worker could be reached for shard ${missing.shard}`);
  }

  /** How orders reach a worker. */
  targetOf({ worker }: KnownWorker): PushTarget {
    const { transport, bulk, subjects } = this.#parts;
    return { transport, bulk, subjects, worker };
  }

  /** Brings a shard to one worker, as long as it is there. */
  async bringOne(
    spec: ShardSpec,
    worker: KnownWorker,
    bring: Bring,
    signal: AbortSignal | undefined,
  ): Promise<PushFailure | undefined> {
    const { directory } = this.#parts;
    const end = await whileThere(this.#parts, worker, signal, (there) => bring(spec, this.targetOf(worker), there));
    if (end.ok) {
      directory.noteHeld(worker, spec, end.sequence);
      return undefined;
    }
    if (end.kind === 'unreachable' && end.reason === 'no-receiver') directory.forget(worker.worker);
    // Its announcement is on the way.
    if (end.kind === 'leaving') worker.isDraining = true;
    return end;
  }

  #asFailure(failure: PushFailure): Failure {
    const { failures } = this.#parts;
    if (failure.kind === 'aborted') return failures.aborted();
    if (failure.kind === 'leaving') return failures.of('unreachable', failure.message);
    if (!('requestedBytes' in failure) || failure.requestedBytes === undefined) {
      return failures.of(failure.kind, failure.message);
    }
    const { requestedBytes, freeBytes } = failure;
    return failures.of(failure.kind, failure.message, { requestedBytes, freeBytes });
  }
}

function pushing(operand: Operand): Bring {
  return (spec, target, signal) => pushShard(target, spec, contentsOf(operand, spec), signal);
}
