import type { Announcement } from '../messages/announcement.js';
import { shardName, type ShardSpec } from '../messages/shard-spec.js';
import type { Clock } from '../clock.js';
import { ListeningTime } from './listening-time.js';

/** Workers announce themselves each second; one that missed three announcements is not asked. */
export const STALE_AFTER_MS = 3500;
/** A worker that kept a query waiting is asked last for so long. */
const SUSPECT_MS = 2000;

/** A worker as the coordinator knows it. */
export interface KnownWorker {
  readonly worker: string;
  readonly instance: number;
  sequence: number;
  profile: string;
  freeBytes: number;
  maxBytes: number;
  isDraining: boolean;
  underWay: number;
  /** In the time of the directory. */
  heardAtMs: number;
  suspectUntilMs: number;
  /** When it was last asked whether it is still there. */
  probedAtMs: number;
  /** The answer to that. */
  probing: Promise<void>;
  /** By name. */
  readonly shards: Map<string, ShardSpec>;
}

type ShardKey = Pick<ShardSpec, 'key' | 'generation' | 'shard'>;
const NO_HOLDERS: readonly KnownWorker[] = [];

/** The workers of a cluster, from their announcements. */
export class WorkerDirectory {
  readonly #clock: Clock;
  /** From the first worker on: without one there is no timer. */
  #time: ListeningTime | undefined;
  readonly #workers = new Map<string, KnownWorker>();
  readonly #byInstance = new Map<number, KnownWorker>();
  /** Names of shards, which every query needs and which take long to make. */
  readonly #names = new WeakMap<ShardKey, string>();
  /** Workers by the name of a shard that they hold. */
  readonly #holders = new Map<string, readonly KnownWorker[]>();
  /** Shards that any worker holds, by key and generation. */
  readonly #generations = new Map<string, Map<number, Map<number, ShardSpec>>>();
  /** Names of shards that live workers have dropped, down to the last one: they are not wanted any more. */
  readonly #dropped = new Set<string>();
  /** Names of shards that a worker had which was started anew since. */
  readonly #restarted = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The time that {@link isLive} and {@link isSuspect} take: it stands still while this process does. */
  nowMs(): number {
    return this.#time?.nowMs() ?? 0;
  }

  /** Workers that announced themselves lately. */
  get live(): KnownWorker[] {
    return [...this.#workers.values()].filter((worker) => this.isLive(worker));
  }

  hear(said: Announcement): void {
    const { worker, instance, sequence } = said;
    let known = this.#workers.get(worker);
    if (known !== undefined && known.instance !== instance) {
      for (const name of known.shards.keys()) this.#restarted.add(name);
      this.forget(worker);
      known = undefined;
    }
    this.#time ??= new ListeningTime(this.#clock);
    const nowMs = this.nowMs();
    if (known === undefined) {
      const { profile, freeBytes, maxBytes, isDraining, underWay } = said;
      const state = {
        profile,
        freeBytes,
        maxBytes,
        isDraining,
        underWay,
        heardAtMs: nowMs,
        suspectUntilMs: 0,
        probedAtMs: -Infinity,
        probing: Promise.resolve(),
      };
      known = { worker, instance, sequence, ...state, shards: new Map() };
      this.#workers.set(worker, known);
      this.#byInstance.set(instance, known);
    }
    known.heardAtMs = nowMs;
    // An announcement from before a shard was loaded says nothing of it.
    if (sequence < known.sequence) return;
    known.sequence = sequence;
    known.freeBytes = said.freeBytes;
    known.isDraining = said.isDraining;
    known.underWay = said.underWay;
    const names = new Map(said.shards.map((spec) => [shardName(spec), spec]));
    for (const [name, spec] of known.shards) if (!names.has(name)) this.noteMissing(known, spec);
    for (const [name, spec] of names) this.#add(known, name, spec);
  }

  /** A worker has said that it holds a shard now. */
  noteHeld({ worker, instance }: KnownWorker, spec: ShardSpec, sequence: number): void {
    const known = this.#workers.get(worker);
    if (known?.instance !== instance) return;
    known.sequence = Math.max(known.sequence, sequence);
    this.#add(known, shardName(spec), spec);
  }

  /** A worker has said that it does not hold a shard. */
  noteMissing(worker: KnownWorker, shard: ShardKey): void {
    const name = shardName(shard);
    const isHolder = worker.shards.has(name);
    this.#remove(worker, name);
    if (isHolder && this.holders(shard).length === 0) this.#dropped.add(name);
  }

  /** Whether the last live holder of a shard has dropped it, and not been lost. */
  isDropped(shard: ShardKey): boolean {
    return this.#dropped.has(shardName(shard));
  }

  /** Whether a holder of a shard was started anew, and there is nothing to wait for any more. */
  hasRestarted(shard: ShardKey): boolean {
    return this.#restarted.has(shardName(shard));
  }

  /** Forgets what {@link isDropped} and {@link hasRestarted} know of other shards than these. */
  keepMarks(wanted: ReadonlySet<string>, lacking: ReadonlySet<string>): void {
    for (const name of this.#dropped) if (!wanted.has(name)) this.#dropped.delete(name);
    for (const name of this.#restarted) if (!lacking.has(name)) this.#restarted.delete(name);
  }

  /** Keys of which any worker holds a shard. */
  get keys(): Iterable<string> {
    return this.#generations.keys();
  }

  /** Live workers that hold a shard. */
  holders(shard: ShardKey): KnownWorker[] {
    const nowMs = this.nowMs();
    return this.everyHolder(shard).filter((worker) => this.isLive(worker, nowMs));
  }

  /** Whether live workers hold all shards. */
  areHeld(shards: readonly ShardKey[]): boolean {
    const nowMs = this.nowMs();
    return shards.every((shard) => {
      for (const worker of this.everyHolder(shard)) if (this.isLive(worker, nowMs)) return true;
      return false;
    });
  }

  /**
   * Live workers that hold a shard, and those that held it when they were last heard of, which is long ago: they may still be in its queue
   * group. The list that is returned never changes.
   */
  everyHolder(shard: ShardKey): readonly KnownWorker[] {
    let name = this.#names.get(shard);
    if (name === undefined) this.#names.set(shard, (name = shardName(shard)));
    return this.#holders.get(name) ?? NO_HOLDERS;
  }

  /** Generations of a key of which workers hold a shard. */
  generations(key: string): number[] {
    return [...(this.#generations.get(key)?.keys() ?? [])];
  }

  /** Those of which workers hold every shard, newest first. */
  completeGenerations(key: string): { readonly generation: number; readonly shards: readonly ShardSpec[] }[] {
    const generations = [...(this.#generations.get(key) ?? [])].sort(([a], [b]) => b - a);
    return generations.flatMap(([generation, byShard]) => {
      const shards = [...byShard.values()].sort((a, b) => a.shard - b.shard);
      return isWhole(shards) ? [{ generation, shards }] : [];
    });
  }

  /** Whether a worker is still the one that announced itself: not gone, and not started anew. */
  isKnown(worker: KnownWorker): boolean {
    return this.#workers.get(worker.worker) === worker;
  }

  byInstance(instance: number): KnownWorker | undefined {
    return this.#byInstance.get(instance);
  }

  isSuspect({ suspectUntilMs }: KnownWorker, nowMs = this.nowMs()): boolean {
    return suspectUntilMs > nowMs;
  }

  /** A worker kept a query waiting, or answered wrongly. */
  suspect(worker: KnownWorker): void {
    worker.suspectUntilMs = this.nowMs() + SUSPECT_MS;
  }

  /** A worker has answered. */
  trust(worker: KnownWorker, underWay: number): void {
    worker.suspectUntilMs = 0;
    worker.underWay = underWay;
  }

  /** The messaging system says that there is no such worker. */
  forget(name: string): void {
    const known = this.#workers.get(name);
    if (known === undefined) return;
    for (const shard of known.shards.keys()) this.#remove(known, shard);
    this.#workers.delete(name);
    this.#byInstance.delete(known.instance);
  }

  /** Whether the worker announced itself lately. */
  isLive({ heardAtMs }: KnownWorker, nowMs = this.nowMs()): boolean {
    return nowMs - heardAtMs < STALE_AFTER_MS;
  }

  /** Ends its timer. */
  close(): void {
    this.#time?.stop();
  }

  #add(worker: KnownWorker, name: string, spec: ShardSpec): void {
    if (worker.shards.has(name)) return;
    worker.shards.set(name, spec);
    this.#dropped.delete(name);
    const holders = this.#holders.get(name);
    if (holders !== undefined) {
      this.#holders.set(name, [...holders, worker]);
      return;
    }
    this.#holders.set(name, [worker]);
    const { key, generation, shard } = spec;
    const generations = this.#generations.get(key) ?? new Map<number, Map<number, ShardSpec>>();
    const shards = generations.get(generation) ?? new Map<number, ShardSpec>();
    this.#generations.set(key, generations.set(generation, shards.set(shard, spec)));
  }

  #remove(worker: KnownWorker, name: string): void {
    const spec = worker.shards.get(name);
    worker.shards.delete(name);
    const holders = this.#holders.get(name);
    if (spec === undefined || holders === undefined) return;
    const others = holders.filter((holder) => holder !== worker);
    if (others.length > 0) {
      this.#holders.set(name, others);
      return;
    }
    this.#holders.delete(name);
    const generations = this.#generations.get(spec.key);
    const shards = generations?.get(spec.generation);
    shards?.delete(spec.shard);
    if (shards?.size === 0) generations?.delete(spec.generation);
    if (generations?.size === 0) this.#generations.delete(spec.key);
  }
}

/** Whether shards, in order, are all of one matrix. */
function isWhole(shards: readonly ShardSpec[]): boolean {
  const [first] = shards;
  if (shards.length !== first?.shards || shards[shards.length - 1].end !== first.rows) return false;
  return shards.every((shard, i) => {
    const isNext = shard.shard === i && shard.start === (i === 0 ? 0 : shards[i - 1].end);
    const isAlike = shard.rows === first.rows && shard.shards === first.shards && shard.kind === first.kind;
    return isNext && isAlike && shard.dimensions === first.dimensions && shard.dtype === first.dtype;
  });
}
