import { shardBytes, type ShardSpec } from '../messages/shard-spec.js';
import { chooseHolders, rankWorkers } from '../placement/rendezvous.js';
import type { KnownWorker, WorkerDirectory } from '../placement/worker-directory.js';
import type { PushEnd, PushTarget } from './push-shard.js';

/** A generation that is to keep its copies. */
export interface KeptGeneration {
  readonly key: string;
  readonly generation: number;
  /** Of the workers that hold it: those with another one would compute other bits. */
  readonly profile: string;
  readonly shards: readonly ShardSpec[];
  /** Whether copies of it are still of use. */
  isWanted(): boolean;
  /** Makes a worker hold a shard; undefined as long as nothing is known that could. */
  readonly bring: ((spec: ShardSpec, target: PushTarget, signal: AbortSignal) => Promise<PushEnd>) | undefined;
}

/** Where the generations come from that a process can bring to workers. */
export interface CopySource {
  kept(): Iterable<KeptGeneration>;
}

/** The copies of one shard. */
export interface ShardCopies {
  readonly kept: KeptGeneration;
  readonly spec: ShardSpec;
  /** As many as were ordered, or as there are workers. */
  readonly wanted: number;
  /** On workers that do not leave. */
  readonly held: number;
  /** A worker that holds it is about to leave. */
  readonly isLeaving: boolean;
  /** Where a missing copy could go, in the order that all coordinators choose. Empty if none is missing. */
  readonly targets: readonly KnownWorker[];
  /** Holders above the wanted number, which all coordinators choose alike. */
  readonly surplus: readonly KnownWorker[];
}

/**
 * The copies of every shard of a generation.
 *
 * @param staying live workers that do not leave
 * @param replicas copies of a shard that names no number
 */
export function planCopies(
  directory: WorkerDirectory,
  staying: readonly KnownWorker[],
  kept: KeptGeneration,
  replicas: number,
): ShardCopies[] {
  const pool = staying.filter(({ profile }) => profile === kept.profile);
  const names = pool.map(({ worker }) => worker);
  const copies = kept.shards[0]?.copies ?? replicas;
  // As for a new generation, so that a worker that comes back gets what it had.
  const chosen = names.length === 0 ? [] : chooseHolders(kept.key, kept.shards.length, names, copies);
  return kept.shards.map((spec, i) => {
    const holders = directory.holders(spec).filter(({ profile }) => profile === kept.profile);
    const remaining = holders.filter(({ isDraining }) => !isDraining);
    const wanted = Math.min(copies, pool.length);
    const held = remaining.length;
    const isLeaving = holders.length > held;
    const ranked = (workers: readonly KnownWorker[]) => inRank(spec, workers, chosen[i] ?? []);
    const hasRoom = (worker: KnownWorker) => !remaining.includes(worker) && worker.freeBytes >= shardBytes(spec);
    const targets = held < wanted ? ranked(pool.filter(hasRoom)) : [];
    const surplus = held > wanted ? ranked(remaining).slice(wanted) : [];
    return { kept, spec, wanted, held, isLeaving, targets, surplus };
  });
}

function inRank({ key, shard }: ShardSpec, workers: readonly KnownWorker[], first: readonly string[]): KnownWorker[] {
  const byName = new Map(workers.map((worker) => [worker.worker, worker]));
  const ranked = rankWorkers(key, shard, [...byName.keys()]);
  const names = [...first, ...ranked.filter((name) => !first.includes(name))];
  return names.flatMap((name) => byName.get(name) ?? []);
}
