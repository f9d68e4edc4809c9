import { shardName, type ShardSpec } from '../messages/shard-spec.js';
import type { HeldShard } from './held-shard.js';

/** A pushed shard that was not used for so long makes room for others: the process that pushed it may be gone. */
const IDLE_MS = 60_000;

/** The shards of a worker, and the memory that they take. */
export class ShardStore {
  readonly maxBytes: number;
  readonly #mostShards: number;
  readonly #shards = new Map<string, HeldShard>();
  #heldBytes = 0;
  /** Of loads under way, and of activations. */
  #promisedBytes = 0;
  #promisedShards = 0;

  constructor(maxBytes: number, mostShards: number) {
    this.maxBytes = maxBytes;
    this.#mostShards = mostShards;
  }

  /** What a load could get, also by dropping what has retired. */
  get freeBytes(): number {
    const retired = [...this.#shards.values()].filter(({ isRetired, uses }) => isRetired && uses === 0);
    return this.#unusedBytes + retired.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get #unusedBytes(): number {
    return Math.max(0, this.maxBytes - this.#heldBytes - this.#promisedBytes);
  }

  get count(): number {
    return this.#shards.size;
  }

  get shards(): Iterable<HeldShard> {
    return this.#shards.values();
  }

  find(shard: Pick<ShardSpec, 'key' | 'generation' | 'shard'>): HeldShard | undefined {
    return this.#shards.get(shardName(shard));
  }

  /**
   * Promises memory; false when there is too little, also without what has retired and the pushed shards that are idle.
   *
   * @param shards that the memory is for, as an announcement has room for so many; 0 for anything else
   */
  promise(bytes: number, nowMs: number, shards: 0 | 1 = 1): boolean {
    const isIdle = ({ load, lastUsedMs }: HeldShard) => load !== undefined && nowMs - lastUsedMs > IDLE_MS;
    const idle = [...this.#shards.values()]
      .filter((shard) => shard.uses === 0 && (shard.isRetired || isIdle(shard)))
      .sort((a, b) => Number(b.isRetired) - Number(a.isRetired) || a.lastUsedMs - b.lastUsedMs);
    const isFull = () => shards > 0 && this.#shards.size + this.#promisedShards >= this.#mostShards;
    while (bytes > this.#unusedBytes || isFull()) {
      const longest = idle.shift();
      if (longest === undefined) return false;
      this.drop(longest);
    }
    this.#promisedBytes += bytes;
    this.#promisedShards += shards;
    return true;
  }

  /** Takes a promise back, or before the shard is held. */
  unpromise(bytes: number, shards: 0 | 1 = 1): void {
    this.#promisedBytes -= bytes;
    this.#promisedShards -= shards;
  }

  hold(shard: HeldShard): void {
    this.#shards.set(shardName(shard.spec), shard);
    this.#heldBytes += shard.bytes;
  }

  /** A shard that was dropped keeps its memory as long as queries read it. */
  drop(shard: HeldShard): void {
    if (!this.#shards.delete(shardName(shard.spec))) return;
    shard.close();
    if (shard.uses === 0) this.#free(shard);
  }

  /** Keeps the memory of a shard until the returned function is called. */
  use(shard: HeldShard, nowMs: number): () => void {
    shard.uses += 1;
    shard.lastUsedMs = nowMs;
    return () => {
      shard.uses -= 1;
      if (shard.uses === 0 && this.#shards.get(shardName(shard.spec)) !== shard) this.#free(shard);
    };
  }

  #free(shard: HeldShard): void {
    this.#heldBytes -= shard.bytes;
    shard.dispose();
  }
}
