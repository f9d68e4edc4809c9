import { shardBytes, type ShardSpec } from '../messages/shard-spec.js';
import { chooseHolders, rankWorkers } from '../placement/rendezvous.js';
import type { KnownWorker, WorkerDirectory } from '../placement/worker-directory.js';
import type { Bring } from './placer.js';

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
  readonly bring: Bring | undefined;
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

type Chosen = readonly (readonly string[])[];

/** Plans where copies go. It remembers which workers a new generation would choose, because that takes long for many shards and workers. */
export class CopyPlanner {
  readonly #directory: WorkerDirectory;
  readonly #replicas: number;
  readonly #chosen = new WeakMap<readonly ShardSpec[], { readonly workers: string; readonly chosen: Chosen }>();

  /** @param replicas copies of a shard that names no number */
  constructor(directory: WorkerDirectory, replicas: number) {
    this.#directory = directory;
    this.#replicas = replicas;
  }

  /**
   * The copies of every shard of a generation.
   *
   * @param staying live workers that do not leave
   */
  plan(staying: readonly KnownWorker[], kept: KeptGeneration): ShardCopies[] {
    const pool = staying.filter(({ profile }) => profile === kept.profile);
    const copies = kept.shards[0]?.copies ?? this.#replicas;
    const wanted = Math.min(copies, pool.length);
    return kept.shards.map((spec, i) => {
      const holders = this.#directory.holders(spec).filter(({ profile }) => profile === kept.profile);
      const remaining = holders.filter(({ isDraining }) => !isDraining);
      const held = remaining.length;
      const isLeaving = holders.length > held;
      const ranked = (workers: readonly KnownWorker[]) => inRank(spec, workers, this.#chosenFor(kept, pool, copies)[i]);
      const hasRoom = (worker: KnownWorker) => !remaining.includes(worker) && worker.freeBytes >= shardBytes(spec);
      const targets = held < wanted ? ranked(pool.filter(hasRoom)) : [];
      const surplus = held > wanted ? ranked(remaining).slice(wanted) : [];
      return { kept, spec, wanted, held, isLeaving, targets, surplus };
    });
  }

  /** As for a new generation, so that a worker that comes back gets what it had. */
  #chosenFor({ key, shards }: KeptGeneration, pool: readonly KnownWorker[], copies: number): Chosen {
    const names = pool.map(({ worker }) => worker).sort();
    const workers = names.join(' ');
    const known = this.#chosen.get(shards);
    if (known?.workers === workers) return known.chosen;
    const chosen = chooseHolders(key, shards.length, names, copies);
    this.#chosen.set(shards, { workers, chosen });
    return chosen;
  }
}

/** The workers that were chosen, then the others in the order in which the shard prefers them. */
function inRank({ key, shard }: ShardSpec, workers: readonly KnownWorker[], chosen: readonly string[]): KnownWorker[] {
  const byName = new Map(workers.map((worker) => [worker.worker, worker]));
  const ranked = rankWorkers(key, shard, [...byName.keys()]);
  const names = [...chosen, ...ranked.filter((name) => !chosen.includes(name))];
  return names.flatMap((name) => byName.get(name) ?? []);
}
