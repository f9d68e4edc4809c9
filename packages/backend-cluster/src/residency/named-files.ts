import type { WorkerDirectory } from '../placement/worker-directory.js';
import type { CopySource, KeptGeneration } from './copy-plan.js';
import { order, orderFiles } from './push-shard.js';
import type { Placer } from './placer.js';

/** A generation that workers have loaded, with the files that they loaded it from as soon as they are known. */
interface NamedFile extends Pick<KeptGeneration, 'key' | 'generation' | 'profile' | 'shards'> {
  files: readonly string[] | undefined;
  /** Under way, or answered. */
  isAsked: boolean;
}

/**
 * The newest generation of each matrix that workers load by themselves, also of those that other coordinators have placed: a worker that
 * holds a shard knows the file.
 */
export class NamedFiles implements CopySource {
  readonly #placer: Placer;
  readonly #directory: WorkerDirectory;
  readonly #files = new Map<string, NamedFile>();

  constructor(placer: Placer, directory: WorkerDirectory) {
    this.#placer = placer;
    this.#directory = directory;
  }

  *kept(): Generator<KeptGeneration> {
    // Keys of operands from the memory of a process have no dash.
    for (const key of this.#directory.keys) if (key.includes('-')) this.#follow(key);
    for (const file of [...this.#files.values()]) {
      const { key, generation, profile, shards, files } = file;
      if (this.#isDropped(file)) {
        this.#files.delete(key);
        continue;
      }
      if (files === undefined) void this.#askFiles(file);
      yield {
        key,
        generation,
        profile,
        shards,
        isWanted: () => this.#files.get(key) === file && !this.#isDropped(file),
        bring: files === undefined ? undefined : (spec, target, signal) => orderFiles(target, spec, files, signal),
      };
    }
  }

  #follow(key: string): void {
    const known = this.#files.get(key);
    const newest = this.#directory.completeGenerations(key).at(0);
    if (newest === undefined || newest.generation <= (known?.generation ?? -1)) return;
    const { generation, shards } = newest;
    const [holder] = this.#directory.holders(shards[0]);
    if (holder === undefined) return;
    this.#files.set(key, { key, generation, profile: holder.profile, shards, files: undefined, isAsked: false });
  }

  /** Now, because there may be no holder any more when it is needed. */
  async #askFiles(file: NamedFile): Promise<void> {
    if (file.isAsked) return;
    file.isAsked = true;
    for (const spec of file.shards) {
      const holder = this.#directory.holders(spec).at(0);
      if (holder === undefined) continue;
      const answer = await order(this.#placer.targetOf(holder), spec, { kind: 'held' }, undefined);
      if (answer.ok) {
        file.files = answer.files;
        return;
      }
      if (answer.kind === 'stale') this.#directory.noteMissing(holder, spec);
    }
    file.isAsked = false;
  }

  #isDropped({ shards }: NamedFile): boolean {
    return shards.some((shard) => this.#directory.isDropped(shard));
  }
}
