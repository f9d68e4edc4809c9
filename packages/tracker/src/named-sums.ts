import type { SharedSums } from '@gearshift/contracts';
import type { MemoryLayout } from './memory-layout.js';
import { hashOf, placeOf } from './protocol/directory.js';
import type { SharedMemory } from './protocol/shared-memory.js';
import { ThreadSums } from './thread-sums.js';

/** The sums of one thread, by name. */
export class NamedSums {
  readonly #maxNames: number;
  readonly #onChange: () => void;
  readonly #byName = new Map<string, ThreadSums>();
  /** Names with the same hash have one place in shared memory, and so the same sums from the start. */
  readonly #byHash = new Map<number, ThreadSums>();
  #shared: { readonly memory: SharedMemory; readonly layout: MemoryLayout } | undefined;
  #slot: number | undefined;

  constructor(maxNames: number, onChange: () => void) {
    this.#maxNames = maxNames;
    this.#onChange = onChange;
  }

  /** Returns undefined when all places are taken by other names. */
  get(name: string): SharedSums | undefined {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const hash = hashOf(name);
    const sums = this.#byHash.get(hash) ?? this.#create(hash);
    if (sums !== undefined) this.#byName.set(name, sums);
    return sums;
  }

  /** From now on the names are shared with other threads. */
  join(memory: SharedMemory, layout: MemoryLayout): void {
    this.#shared = { memory, layout };
    for (const [hash, sums] of this.#byHash) this.#joinAt(this.#placeFor(hash), sums);
  }

  enterSlot(slot: number): void {
    this.#slot = slot;
    for (const sums of this.#byHash.values()) sums.enterSlot(slot);
  }

  leaveSlot(): void {
    this.#slot = undefined;
    for (const sums of this.#byHash.values()) sums.leaveSlot();
  }

  publish(): void {
    for (const sums of this.#byHash.values()) sums.publish();
  }

  #create(hash: number): ThreadSums | undefined {
    const place = this.#placeFor(hash);
    if (place === undefined) return undefined;
    const sums = new ThreadSums(this.#onChange);
    this.#joinAt(place, sums);
    this.#byHash.set(hash, sums);
    return sums;
  }

  /** Before the tracker is shared names are numbered in the order of the calls, as the directory does it later. */
  #placeFor(hash: number): number | undefined {
    if (this.#shared !== undefined) return placeOf(this.#shared.memory, this.#shared.layout.directory, hash);
    return this.#byHash.size < this.#maxNames ? this.#byHash.size : undefined;
  }

  #joinAt(place: number | undefined, sums: ThreadSums): void {
    if (this.#shared === undefined || place === undefined) return;
    sums.join(this.#shared.memory, this.#shared.layout, place);
    if (this.#slot !== undefined) sums.enterSlot(this.#slot);
  }
}
