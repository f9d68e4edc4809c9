import type { Clock } from '../clock.js';
import {
  decodeDropOrder,
  decodeLoadOrder,
  type DropOrder,
  type LoadAnswer,
  type LoadOrder,
} from '../messages/load-order.js';
import { sameShard, shardBytes, shardName, type ShardSpec } from '../messages/shard-spec.js';
import { decodePiece } from '../wire/push-piece.js';
import type { HeldOperand, HeldShard } from './held-shard.js';
import { loadFiles } from './load-files.js';
import { PushIntake } from './push-intake.js';
import type { ShardStore } from './shard-store.js';

export interface LoadDeskParts {
  readonly store: ShardStore;
  readonly clock: Clock;
  readonly dataRoot: string | undefined;
  /** Begins to answer for a shard. Returns what ends it. */
  readonly open: (spec: ShardSpec) => () => void;
  /** Frees what the backend keeps of an operand. */
  readonly release: (operand: HeldOperand) => void;
  /** Returns the number of the announcement. */
  readonly announce: () => number;
}

type Refusal = Extract<LoadAnswer, { ok: false }>;

/** A shard that is being read from files. */
interface Reading {
  readonly spec: ShardSpec;
  end: Promise<LoadAnswer>;
  /** It will not be held. */
  isDropped: boolean;
}

/** Takes shards in, and drops them. */
export class LoadDesk {
  readonly #parts: LoadDeskParts;
  readonly #intake: PushIntake;
  /** Shards that are being read from files, by name. */
  readonly #reading = new Map<string, Reading>();
  /** Timers of shards that are dropped later. */
  readonly #retiring = new Map<HeldShard, () => void>();
  #isDraining = false;

  constructor(parts: LoadDeskParts) {
    this.#parts = parts;
    this.#intake = new PushIntake(parts.store, parts.clock);
  }

  /** Loads under way. */
  get loading(): number {
    return this.#reading.size + this.#intake.count;
  }

  async load(bytes: Uint8Array): Promise<LoadAnswer> {
    const order = decodeLoadOrder(bytes);
    if (typeof order === 'string') return refuse('invalid-input', order);
    const { spec, source } = order;
    if (this.#isDraining && source.kind !== 'held') return LEAVING;
    const held = this.#parts.store.find(spec);
    if (held !== undefined) {
      // Another shard under the same name would be mistaken for this one.
      if (!sameShard(held.spec, spec)) return refuse('invalid-input', 'another shard has this name');
      if (source.kind === 'held') return { ...this.#isHeld(), files: held.files };
      this.#stopRetiring(held);
      return this.#isHeld();
    }
    if (source.kind === 'held') return refuse('stale', 'the shard is not held');
    if (source.kind === 'files') return this.#loadFilesOnce(spec, source.files);
    return this.#beginPush(order, source.load, source.pieceBytes);
  }

  push(bytes: Uint8Array): LoadAnswer {
    const piece = decodePiece(bytes);
    if (typeof piece === 'string') return refuse('invalid-input', piece);
    // The answer to the last piece may have been lost.
    for (const { load } of this.#parts.store.shards) if (load === piece.load) return this.#isHeld();
    if (this.#isDraining) return LEAVING;
    const added = this.#intake.add(piece);
    if ('ok' in added) return added;
    return this.#hold(added.spec, added.operand, { load: added.load, files: undefined }, () => {});
  }

  drop(bytes: Uint8Array): LoadAnswer {
    const order = decodeDropOrder(bytes);
    if (typeof order === 'string') return refuse('invalid-input', order);
    for (const shard of [...this.#parts.store.shards]) {
      if (!names(order, shard.spec)) continue;
      if (order.afterMs === undefined || order.afterMs === 0) this.#drop(shard);
      else this.#dropLater(shard, order.afterMs);
    }
    for (const reading of this.#reading.values()) if (names(order, reading.spec)) reading.isDropped = true;
    this.#intake.drop(order);
    return this.#isHeld();
  }

  /** From now on, no shard is taken in. */
  drain(): void {
    this.#isDraining = true;
    this.#intake.close();
  }

  /** Drops everything. */
  close(): void {
    this.drain();
    for (const shard of [...this.#parts.store.shards]) this.#drop(shard);
    for (const stop of this.#retiring.values()) stop();
    this.#retiring.clear();
  }

  /** A second order does not put off the first. */
  #dropLater(shard: HeldShard, afterMs: number): void {
    if (this.#retiring.has(shard)) return;
    shard.isRetired = true;
    const stop = this.#parts.clock.startTimer(afterMs, () => {
      this.#drop(shard);
      this.#parts.announce();
    });
    this.#retiring.set(shard, stop);
  }

  /** Does nothing where its memory was wanted before. */
  #drop(shard: HeldShard): void {
    this.#stopRetiring(shard);
    this.#parts.store.drop(shard);
  }

  #stopRetiring(shard: HeldShard): void {
    shard.isRetired = false;
    this.#retiring.get(shard)?.();
    this.#retiring.delete(shard);
  }

  #beginPush(order: LoadOrder, load: number, pieceBytes: number): LoadAnswer {
    if (this.#intake.has(load)) return { ok: true, isHeld: false, sequence: 0 };
    const bytes = shardBytes(order.spec);
    if (!this.#parts.store.promise(bytes, this.#parts.clock.nowMs())) return this.#lackOfMemory(bytes);
    const refusal = this.#intake.begin(order.spec, load, pieceBytes);
    if (refusal === undefined) return { ok: true, isHeld: false, sequence: 0 };
    this.#parts.store.unpromise(bytes);
    return refusal;
  }

  /** An order that is repeated while the first one is carried out ends with it. */
  #loadFilesOnce(spec: ShardSpec, files: readonly string[]): Promise<LoadAnswer> {
    const name = shardName(spec);
    const underWay = this.#reading.get(name);
    if (underWay !== undefined && sameShard(underWay.spec, spec)) return underWay.end;
    if (underWay !== undefined) return Promise.resolve(refuse('invalid-input', 'another shard has this name'));
    const reading: Reading = { spec, isDropped: false, end: Promise.resolve(refuse('fault', 'not begun')) };
    this.#reading.set(name, reading);
    reading.end = this.#loadFiles(reading, files).finally(() => this.#reading.delete(name));
    return reading.end;
  }

  async #loadFiles(reading: Reading, files: readonly string[]): Promise<LoadAnswer> {
    const { spec } = reading;
    const bytes = shardBytes(spec);
    if (!this.#parts.store.promise(bytes, this.#parts.clock.nowMs())) return this.#lackOfMemory(bytes);
    try {
      const loaded = await loadFiles(this.#parts.dataRoot, files, spec);
      if (!loaded.ok) return loaded;
      if (this.#isDraining || reading.isDropped) {
        loaded.dispose();
        if (reading.isDropped) return refuse('stale', 'the shard was dropped while it was loaded');
        return LEAVING;
      }
      return this.#hold(spec, loaded.operand, { load: undefined, files }, loaded.dispose);
    } catch (error) {
      return refuse('fault', String((error as Partial<Error> | null)?.message ?? error));
    } finally {
      this.#parts.store.unpromise(bytes);
    }
  }

  #hold(
    spec: ShardSpec,
    operand: HeldOperand,
    origin: Pick<HeldShard, 'load' | 'files'>,
    dispose: () => void,
  ): LoadAnswer {
    const { store, clock, open, release } = this.#parts;
    // Two coordinators, or a request and a repair, may have brought it at the same time.
    if (store.find(spec) !== undefined) {
      dispose();
      return this.#isHeld();
    }
    const shard: HeldShard = {
      spec,
      operand,
      bytes: shardBytes(spec),
      load: origin.load,
      files: origin.files,
      close: open(spec),
      dispose() {
        release(operand);
        dispose();
      },
      lastUsedMs: clock.nowMs(),
      isRetired: false,
      uses: 0,
    };
    store.hold(shard);
    return this.#isHeld();
  }

  #isHeld(): Extract<LoadAnswer, { ok: true }> {
    return { ok: true, isHeld: true, sequence: this.#parts.announce() };
  }

  #lackOfMemory(requestedBytes: number): Refusal {
    const { freeBytes, maxBytes } = this.#parts.store;
    const message =
      requestedBytes <= freeBytes
        ? 'the worker holds as many shards as fit in an announcement'
        : `${requestedBytes} bytes do not fit in the ${freeBytes} that are free, of ${maxBytes}`;
    return { ok: false, kind: 'out-of-memory', message, requestedBytes, freeBytes };
  }
}

/** Whether an order to drop is for a shard. */
function names(order: DropOrder, { key, generation, shard }: ShardSpec): boolean {
  const isGeneration = key === order.key && generation === (order.generation ?? generation);
  return isGeneration && shard === (order.shard ?? shard);
}

const LEAVING = refuse('leaving', 'this worker is about to leave');

function refuse(kind: Refusal['kind'], message: string): Refusal {
  return { ok: false, kind, message };
}
