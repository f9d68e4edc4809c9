import type { Clock } from '../clock.js';
import { decodeDropOrder, decodeLoadOrder, type LoadAnswer, type LoadOrder } from '../messages/load-order.js';
import { sameShard, shardBytes, shardName, type ShardSpec } from '../messages/shard-spec.js';
import { decodePiece } from '../wire/push-piece.js';
import type { HeldOperand, HeldShard } from './held-shard.js';
import { loadFile } from './load-file.js';
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

/** Takes shards in, and drops them. */
export class LoadDesk {
  readonly #parts: LoadDeskParts;
  readonly #intake: PushIntake;
  /** Names of shards that are being read from files. */
  readonly #reading = new Set<string>();
  /** Their ends: an order that is repeated meanwhile has the same one. */
  readonly #fileLoads = new Map<string, Promise<LoadAnswer>>();
  #isDraining = false;

  constructor(parts: LoadDeskParts) {
    this.#parts = parts;
    this.#intake = new PushIntake(parts.store, parts.clock);
  }

  async load(bytes: Uint8Array): Promise<LoadAnswer> {
    const order = decodeLoadOrder(bytes);
    if (typeof order === 'string') return refuse('invalid-input', order);
    if (this.#isDraining) return refuse('unsupported', 'this worker is about to leave');
    const { spec, source } = order;
    const held = this.#parts.store.find(spec);
    if (held !== undefined) {
      // Another shard under the same name would be mistaken for this one.
      return sameShard(held.spec, spec) ? this.#isHeld() : refuse('invalid-input', 'another shard has this name');
    }
    if (source.kind === 'file') return this.#loadFileOnce(spec, source.path);
    return this.#beginPush(order, source.load, source.pieceBytes);
  }

  push(bytes: Uint8Array): LoadAnswer {
    const piece = decodePiece(bytes);
    if (typeof piece === 'string') return refuse('invalid-input', piece);
    // The answer to the last piece may have been lost.
    for (const { load } of this.#parts.store.shards) if (load === piece.load) return this.#isHeld();
    const added = this.#intake.add(piece);
    if ('ok' in added) return added;
    return this.#hold(added.spec, added.operand, added.load, () => {});
  }

  drop(bytes: Uint8Array): LoadAnswer {
    const order = decodeDropOrder(bytes);
    if (typeof order === 'string') return refuse('invalid-input', order);
    for (const shard of [...this.#parts.store.shards]) {
      const { key, generation } = shard.spec;
      const isNamed = key === order.key && generation === (order.generation ?? generation);
      if (isNamed) this.#parts.store.drop(shard);
    }
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
    for (const shard of [...this.#parts.store.shards]) this.#parts.store.drop(shard);
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

  #loadFileOnce(spec: ShardSpec, path: string): Promise<LoadAnswer> {
    const name = shardName(spec);
    const underWay = this.#fileLoads.get(name);
    if (underWay !== undefined) return underWay;
    const loading = this.#loadFile(spec, path).finally(() => this.#fileLoads.delete(name));
    this.#fileLoads.set(name, loading);
    return loading;
  }

  async #loadFile(spec: ShardSpec, path: string): Promise<LoadAnswer> {
    const name = shardName(spec);
    if (this.#reading.has(name)) return refuse('fault', 'the shard is being loaded already');
    const bytes = shardBytes(spec);
    if (!this.#parts.store.promise(bytes, this.#parts.clock.nowMs())) return this.#lackOfMemory(bytes);
    this.#reading.add(name);
    try {
      const loaded = await loadFile(this.#parts.dataRoot, path, spec);
      if (!loaded.ok) return loaded;
      if (this.#isDraining) {
        loaded.dispose();
        return refuse('unsupported', 'this worker is about to leave');
      }
      return this.#hold(spec, loaded.operand, undefined, loaded.dispose);
    } catch (error) {
      return refuse('fault', String((error as Partial<Error> | null)?.message ?? error));
    } finally {
      this.#reading.delete(name);
      this.#parts.store.unpromise(bytes);
    }
  }

  #hold(spec: ShardSpec, operand: HeldOperand, load: number | undefined, dispose: () => void): LoadAnswer {
    const { store, clock, open, release } = this.#parts;
    const shard: HeldShard = {
      spec,
      operand,
      bytes: shardBytes(spec),
      load,
      close: open(spec),
      dispose() {
        release(operand);
        dispose();
      },
      lastUsedMs: clock.nowMs(),
      uses: 0,
    };
    store.hold(shard);
    return this.#isHeld();
  }

  #isHeld(): LoadAnswer {
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

function refuse(kind: Refusal['kind'], message: string): Refusal {
  return { ok: false, kind, message };
}
