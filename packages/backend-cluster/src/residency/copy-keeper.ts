import { performance } from 'node:perf_hooks';
import { describeThrown } from '@gearshift/contracts/internal';
import { copiesChannel, repairChannel, type RepairEvent } from '../channels.js';
import { shardBytes, shardName } from '../messages/shard-spec.js';
import type { KnownWorker } from '../placement/worker-directory.js';
import type { QueryContext } from '../queries/query-context.js';
import { CopyPlanner, type CopySource, type ShardCopies } from './copy-plan.js';
import type { Bring, Placer } from './placer.js';
import type { PushFailure } from './push-shard.js';

/** Announcements come each second from each worker; looking at every one of them would be waste. */
const LOOK_EVERY_MS = 200;
/** A worker that did not take a copy is not asked for it again before. */
const REST_MS = 30_000;

/** Copies of shards, all together. */
export interface ShardTotals {
  /** As many as were ordered, or as there are workers. */
  readonly wanted: number;
  readonly held: number;
  /** Workers that announced themselves lately. */
  readonly live: number;
}

type CopyKeeperParts = Pick<QueryContext, 'backend' | 'directory' | 'clock' | 'replicas' | 'repairAfterMs'>;

/**
 * Keeps as many copies of each shard as were ordered: those of workers that were lost or leave are brought to others, one after the
 * other, so that requests are not disturbed. Coordinators do not speak with each other; they choose alike, and a second order for a shard
 * that is held changes nothing.
 */
export class CopyKeeper {
  readonly #parts: CopyKeeperParts;
  readonly #placer: Placer;
  readonly #planner: CopyPlanner;
  readonly #sources: readonly CopySource[];
  readonly #closed = new AbortController();
  /** Since when shards have had too few or too many copies, by name. */
  #since = new Map<string, number>();
  /** Until when a worker is not asked for a shard, by the names of both. */
  readonly #resting = new Map<string, number>();
  /** Whether a copy is on its way. */
  #isBringing = false;
  #lookedAtMs = -Infinity;
  #totals = '';

  constructor(parts: CopyKeeperParts, placer: Placer, sources: readonly CopySource[]) {
    this.#parts = parts;
    this.#placer = placer;
    this.#planner = new CopyPlanner(parts.directory, parts.replicas);
    this.#sources = sources;
  }

  /** Call it whenever something was heard of a worker. */
  look(): void {
    const { clock, repairAfterMs } = this.#parts;
    const nowMs = clock.nowMs();
    if (repairAfterMs === Infinity || this.#closed.signal.aborted || nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#lookedAtMs = nowMs;
    const copies = this.#survey();
    this.#dropSurplus(copies, nowMs);
    void this.#work();
  }

  /** Whether a worker that is about to leave has shards that can be brought to others before it goes. */
  owes(worker: string): boolean {
    if (this.#parts.repairAfterMs === Infinity || this.#closed.signal.aborted) return false;
    const known = this.#parts.directory.live.find((one) => one.worker === worker);
    return this.#plans().some(({ spec, targets, kept }) => {
      return known?.shards.has(shardName(spec)) === true && this.#targetOf({ spec, targets, kept }) !== undefined;
    });
  }

  close(): void {
    this.#closed.abort();
  }

  #plans(): ShardCopies[] {
    const { directory } = this.#parts;
    const staying = directory.live.filter(({ isDraining }) => !isDraining);
    const kept = this.#sources.flatMap((source) => [...source.kept()]);
    return kept.flatMap((generation) => this.#planner.plan(staying, generation));
  }

  #survey(): ShardCopies[] {
    const { clock, directory } = this.#parts;
    const nowMs = clock.nowMs();
    const plans = this.#plans();
    const since = new Map<string, number>();
    const [names, lacking] = [new Set<string>(), new Set<string>()];
    for (const { spec, held, wanted } of plans) {
      const name = shardName(spec);
      names.add(name);
      if (held < wanted) lacking.add(name);
      if (held !== wanted) since.set(name, this.#since.get(name) ?? nowMs);
    }
    this.#since = since;
    for (const [name, untilMs] of this.#resting) if (untilMs <= nowMs) this.#resting.delete(name);
    directory.keepMarks(names, lacking);
    this.#publishTotals(plans);
    return plans;
  }

  async #work(): Promise<void> {
    if (this.#isBringing) return;
    for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#bring(next);
  }

  /** The shard with the fewest copies of those that are due, and where it goes. */
  #next(): (ShardCopies & { readonly target: KnownWorker }) | undefined {
    if (this.#closed.signal.aborted) return undefined;
    const due = this.#survey().flatMap((copies) => {
      const target = this.#isDue(copies) ? this.#targetOf(copies) : undefined;
      return target === undefined ? [] : [{ ...copies, target }];
    });
    return due.sort((a, b) => a.held - b.held).at(0);
  }

  #isDue({ spec, isLeaving }: ShardCopies): boolean {
    const { clock, directory, repairAfterMs } = this.#parts;
    if (isLeaving || directory.hasRestarted(spec)) return true;
    return clock.nowMs() - (this.#since.get(shardName(spec)) ?? Infinity) >= repairAfterMs;
  }

  #targetOf({ spec, targets, kept }: Pick<ShardCopies, 'spec' | 'targets' | 'kept'>): KnownWorker | undefined {
    if (kept.bring === undefined) return undefined;
    return targets.find(({ worker }) => !this.#resting.has(`${worker} ${shardName(spec)}`));
  }

  async #bring({ kept, spec, target, isLeaving }: ShardCopies & { readonly target: KnownWorker }): Promise<void> {
    const { clock, backend } = this.#parts;
    const { bring } = kept;
    if (bring === undefined) return;
    this.#isBringing = true;
    const startedAtMs = performance.now();
    let isWanted = true;
    const bringAndLook: Bring = async (of, at, signal) => {
      const end = await bring(of, at, signal);
      isWanted = kept.isWanted();
      return end;
    };
    const asFailure = (error: unknown): PushFailure => ({ ok: false, kind: 'fault', message: describeThrown(error) });
    // The memory of an operand may be in any state by now.
    const failure = await this.#placer.bringOne(spec, target, bringAndLook, this.#closed.signal).catch(asFailure);
    this.#isBringing = false;
    if (failure !== undefined) this.#resting.set(`${target.worker} ${shardName(spec)}`, clock.nowMs() + REST_MS);
    // The order to drop it has come before it.
    else if (!isWanted) this.#placer.dropCopy(target, spec);
    if (!repairChannel.hasSubscribers) return;
    const event: RepairEvent = {
      backend,
      kind: spec.kind,
      cause: isLeaving ? 'leaving' : 'lost',
      outcome: failure === undefined ? 'success' : failure.kind === 'leaving' ? 'unreachable' : failure.kind,
      bytes: shardBytes(spec),
      latencyMs: performance.now() - startedAtMs,
    };
    repairChannel.publish(event);
  }

  /** A worker that was cut off for long comes back with what it held. The memory is wanted for other operands. */
  #dropSurplus(plans: readonly ShardCopies[], nowMs: number): void {
    const { repairAfterMs } = this.#parts;
    for (const { spec, surplus, isLeaving } of plans) {
      const sinceMs = this.#since.get(shardName(spec)) ?? Infinity;
      // While a worker leaves, the copies are on their way from one to another.
      if (isLeaving || nowMs - sinceMs < repairAfterMs) continue;
      for (const worker of surplus) this.#placer.dropCopy(worker, spec);
    }
  }

  totals(plans: readonly ShardCopies[] = this.#plans()): ShardTotals {
    const wanted = plans.reduce((sum, plan) => sum + plan.wanted, 0);
    const held = plans.reduce((sum, plan) => sum + Math.min(plan.held, plan.wanted), 0);
    return { wanted, held, live: this.#parts.directory.live.length };
  }

  #publishTotals(plans: readonly ShardCopies[]): void {
    if (!copiesChannel.hasSubscribers) return;
    const { wanted, held } = this.totals(plans);
    if (this.#totals === `${held} of ${wanted}`) return;
    this.#totals = `${held} of ${wanted}`;
    copiesChannel.publish({ backend: this.#parts.backend, wanted, held });
  }
}
