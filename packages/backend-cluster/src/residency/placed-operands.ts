import type { Operand, PhaseTimes } from '@gearshift/contracts';
import { formatOf, isMatrix, type BackendFailures, type Failure } from '@gearshift/native-kit';
import type { Clock } from '../clock.js';
import { shardBytes } from '../messages/shard-spec.js';
import type { Placement } from '../placement/placement.js';
import type { WorkerDirectory } from '../placement/worker-directory.js';
import type { CopySource, KeptGeneration } from './copy-plan.js';
import type { Bring, Placer } from './placer.js';
import { BACKGROUND_WINDOW, pushShard } from './push-shard.js';
import { contentsOf } from './shard-contents.js';

type Placed = Placement | Failure;

/** The operands of this process that are on the cluster, each in one version. */
export class PlacedOperands implements CopySource {
  readonly #placer: Placer;
  readonly #directory: WorkerDirectory;
  readonly #clock: Clock;
  readonly #failures: BackendFailures;
  readonly #placements = new Map<number, Placement>();
  /** To bring copies again; without keeping values in memory that no program uses any more. */
  readonly #operands = new Map<number, WeakRef<Operand>>();
  /** Under way, by operand. Requests for the same version wait for the same work. */
  readonly #work = new Map<number, { readonly version: number; readonly end: Promise<Placed> }>();
  /** Drops shards when the memory of their operand has been collected, because no code can use them any more. */
  readonly #collected = new FinalizationRegistry<{ readonly id: number; readonly placement: Placement }>(
    ({ id, placement }) => {
      if (this.#placements.get(id) === placement) this.release({ id });
    },
  );

  constructor(placer: Placer, directory: WorkerDirectory, clock: Clock, failures: BackendFailures) {
    this.#placer = placer;
    this.#directory = directory;
    this.#clock = clock;
    this.#failures = failures;
  }

  /** The placement of exactly this version, of which each shard has a live holder. */
  find(operand: Operand): Placement | undefined {
    const placement = this.#placementOf(operand);
    return placement === undefined || this.#lacksShard(placement) ? undefined : placement;
  }

  residentBytes(operand: Operand): number {
    return this.find(operand)?.shards.reduce((sum, shard) => sum + shardBytes(shard), 0) ?? 0;
  }

  /**
   * The placement of exactly this version, which is made if there is none.
   *
   * @param upload gets the time that it took
   */
  async ensure(operand: Operand, signal: AbortSignal | undefined, upload: Upload): Promise<Placed> {
    const startedAtMs = this.#clock.nowMs();
    try {
      for (let found = this.find(operand); ; found = this.find(operand)) {
        if (found !== undefined) return found;
        const other = this.#work.get(operand.id);
        if (other === undefined) return await this.#startWork(operand, signal);
        const end = await untilAborted(other.end, signal);
        if (end === undefined) return this.#failures.aborted();
        // One that another request had aborted is begun again.
        if (other.version === operand.version && 'error' in end && end.error.kind !== 'aborted') return end;
      }
    } finally {
      upload.uploadMs = this.#clock.nowMs() - startedAtMs;
    }
  }

  /** Those of which the memory is still there, unchanged. */
  *kept(): Generator<KeptGeneration> {
    for (const [id, placement] of this.#placements) {
      const operand = this.#operands.get(id)?.deref();
      if (operand?.version !== placement.version) continue;
      const { key, generation, profile, shards } = placement;
      const isWanted = () => this.#placements.get(id) === placement;
      const bring: Bring = (spec, target, signal) => {
        const read = contentsOf(operand, spec);
        // Changed rows belong to another generation, and no request asks for this one once the version is another.
        const isUnchanged = () => isWanted() && operand.version === placement.version;
        const readUnchanged = (at: number, byteLength: number) => (isUnchanged() ? read(at, byteLength) : undefined);
        return pushShard(target, spec, readUnchanged, signal, BACKGROUND_WINDOW);
      };
      yield { key, generation, profile, shards, isWanted, bring };
    }
  }

  release({ id }: Pick<Operand, 'id'>): void {
    const placement = this.#placements.get(id);
    if (placement === undefined) return;
    this.#placements.delete(id);
    this.#operands.delete(id);
    this.#retire(placement);
  }

  /** Drops everything, for the end of the process that can use it. */
  close(): void {
    for (const id of [...this.#placements.keys()]) this.release({ id });
  }

  async #startWork(operand: Operand, signal: AbortSignal | undefined): Promise<Placed> {
    const end = this.#begin(operand, signal);
    this.#work.set(operand.id, { version: operand.version, end });
    try {
      return await end;
    } finally {
      this.#work.delete(operand.id);
    }
  }

  async #begin(operand: Operand, signal: AbortSignal | undefined): Promise<Placed> {
    const before = this.#placementOf(operand);
    // After an upgrade of all workers, those that are left must not be mixed with new ones.
    if (before !== undefined && this.#placer.mayRepair(before)) {
      return (await this.#placer.repair(operand, before, signal)) ?? before;
    }
    const placed = await this.#placer.place(operand, keyOf(operand), signal);
    if ('error' in placed) return placed;
    // Now that all shards are there, queries follow the new generation. Those under way keep the old one.
    const old = this.#placements.get(operand.id);
    this.#placements.set(operand.id, placed);
    this.#remember(operand);
    if (old !== undefined) this.#retire(old);
    const { id } = operand;
    // The buffer: the views of a stored matrix are made anew.
    const { buffer } = isMatrix(operand) ? operand.values : operand.rowPointers;
    this.#collected.register(buffer, { id, placement: placed }, placed);
    return placed;
  }

  #placementOf(operand: Operand): Placement | undefined {
    const placement = this.#placements.get(operand.id);
    if (placement?.version !== operand.version || !fits(placement, operand)) return undefined;
    this.#remember(operand);
    return placement;
  }

  #remember(operand: Operand): void {
    // The same memory may come as another object.
    if (this.#operands.get(operand.id)?.deref() !== operand) this.#operands.set(operand.id, new WeakRef(operand));
  }

  #lacksShard({ shards }: Placement): boolean {
    return !this.#directory.areHeld(shards);
  }

  #retire(placement: Placement): void {
    this.#collected.unregister(placement);
    placement.retire(() => this.#placer.drop(placement.key, placement.generation));
  }
}

/** Where the time for an upload is noted. */
export type Upload = { -readonly [K in keyof Pick<PhaseTimes, 'uploadMs'>]: number };

/** The value of the promise; undefined when the signal is aborted before. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return promise;
  let onAbort = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** An id is random, so that no other operand of any process has the key. */
function keyOf(operand: Operand): string {
  return `${isMatrix(operand) ? 'm' : 'g'}${operand.id.toString(36)}`;
}

/** Whether the shards can be of the operand: an operand that was written by hand may have the id of another one. */
function fits({ shards }: Placement, operand: Operand): boolean {
  if (shards.length === 0) return (isMatrix(operand) ? operand.rows : operand.nodes) === 0;
  const [{ kind, rows, dimensions, dtype, scale }] = shards;
  if (!isMatrix(operand)) {
    return (
      kind === 'graph' &&
      rows === operand.nodes &&
      shards.reduce((sum, { edges }) => sum + edges, 0) === operand.columns.length
    );
  }
  const isSameFormat = dtype === formatOf(operand).dtype && scale === operand.scale;
  return kind === 'matrix' && rows === operand.rows && dimensions === operand.dimensions && isSameFormat;
}
