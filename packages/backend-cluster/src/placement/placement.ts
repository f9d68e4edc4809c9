import type { ShardSpec } from '../messages/shard-spec.js';
import { LatencyWindow } from './latency-window.js';

/** One generation of an operand on the cluster: the manifest that queries follow. */
export class Placement {
  readonly key: string;
  readonly generation: number;
  /** Of the operand. */
  readonly version: number;
  /** Of the workers that hold it. */
  readonly profile: string;
  /** In the order of their rows, without gaps. */
  readonly shards: readonly ShardSpec[];
  /** By shard, then by kind. */
  readonly #latencies: Map<number, LatencyWindow>[] = [];
  #uses = 0;
  #onUnused: (() => void) | undefined;

  constructor(fields: Pick<Placement, 'key' | 'generation' | 'version' | 'profile' | 'shards'>) {
    this.key = fields.key;
    this.generation = fields.generation;
    this.version = fields.version;
    this.profile = fields.profile;
    this.shards = fields.shards;
  }

  /** The latencies of one kind of query at a shard. */
  latenciesOf(shard: number, kind: number): LatencyWindow {
    const windows = (this.#latencies[shard] ??= new Map<number, LatencyWindow>());
    let window = windows.get(kind);
    if (window === undefined) windows.set(kind, (window = new LatencyWindow()));
    return window;
  }

  /** Shards that have some of the rows `[start, end)`. */
  shardsIn(start: number, end: number): readonly ShardSpec[] {
    return this.shards.filter((shard) => shard.start < end && shard.end > start);
  }

  /** Keeps its shards until the returned function is called. */
  use(): () => void {
    this.#uses += 1;
    let isDone = false;
    return () => {
      if (isDone) return;
      isDone = true;
      this.#uses -= 1;
      if (this.#uses === 0) this.#callBack();
    };
  }

  /** Calls back as soon as no query uses it, which may be now. */
  retire(onUnused: () => void): void {
    this.#onUnused = onUnused;
    if (this.#uses === 0) this.#callBack();
  }

  /** Once: a later query of a matrix that was found before must not retire it anew. */
  #callBack(): void {
    const onUnused = this.#onUnused;
    this.#onUnused = undefined;
    onUnused?.();
  }
}
