import type { Clock } from '../clock.js';
import type { DropOrder, LoadAnswer } from '../messages/load-order.js';
import { contentBytes, shardBytes, type ShardSpec } from '../messages/shard-spec.js';
import type { PushPiece } from '../wire/push-piece.js';
import type { HeldOperand } from './held-shard.js';
import { operandOf } from './pushed-contents.js';
import type { ShardStore } from './shard-store.js';

/** A load that gets no piece for so long is given up. */
const PATIENCE_MS = 30_000;
const LEAST_PIECE_BYTES = 256;

interface Intake {
  readonly spec: ShardSpec;
  readonly contents: SharedArrayBuffer;
  readonly pieceBytes: number;
  readonly hasPiece: Uint8Array;
  missing: number;
  stopTimer: () => void;
}

export type PieceAnswer =
  { readonly load: number; readonly spec: ShardSpec; readonly operand: HeldOperand } | LoadAnswer;

/** Puts pushed pieces together. They may come in any order, and twice. */
export class PushIntake {
  readonly #store: ShardStore;
  readonly #clock: Clock;
  readonly #intakes = new Map<number, Intake>();

  constructor(store: ShardStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Loads under way. */
  get count(): number {
    return this.#intakes.size;
  }

  has(load: number): boolean {
    return this.#intakes.has(load);
  }

  /** Begins a load, for which the store has promised the memory. It takes the promise back at the end, unless this refuses. */
  begin(spec: ShardSpec, load: number, pieceBytes: number): Extract<LoadAnswer, { ok: false }> | undefined {
    const bytes = contentBytes(spec);
    if (pieceBytes < LEAST_PIECE_BYTES && pieceBytes < bytes) {
      return { ok: false, kind: 'invalid-input', message: `source.pieceBytes: expected at least ${LEAST_PIECE_BYTES}` };
    }
    let contents: SharedArrayBuffer;
    try {
      contents = new SharedArrayBuffer(bytes);
    } catch {
      return {
        ok: false,
        kind: 'out-of-memory',
        message: `there is no memory for ${bytes} bytes`,
        requestedBytes: bytes,
      };
    }
    const pieces = Math.ceil(bytes / pieceBytes);
    const hasPiece = new Uint8Array(pieces);
    const intake = { spec, contents, pieceBytes, hasPiece, missing: pieces, stopTimer: () => {} };
    this.#intakes.set(load, intake);
    this.#wait(load, intake);
    return undefined;
  }

  /** @returns the operand when it is complete */
  add({ load, index, contents }: PushPiece): PieceAnswer {
    const intake = this.#intakes.get(load);
    if (intake === undefined) return { ok: false, kind: 'stale', message: `load ${load} is not under way` };
    const at = index * intake.pieceBytes;
    const expectedBytes = Math.min(intake.pieceBytes, intake.contents.byteLength - at);
    if (index >= intake.hasPiece.length || contents.byteLength !== expectedBytes) {
      const message = `piece ${index} has ${contents.byteLength} bytes where ${Math.max(0, expectedBytes)} belong`;
      return { ok: false, kind: 'invalid-input', message };
    }
    if (intake.hasPiece[index] === 0) {
      new Uint8Array(intake.contents, at, expectedBytes).set(contents);
      intake.hasPiece[index] = 1;
      intake.missing -= 1;
    }
    if (intake.missing > 0) {
      this.#wait(load, intake);
      return { ok: true, isHeld: false, sequence: 0 };
    }
    this.#forget(load, intake);
    try {
      return { load, spec: intake.spec, operand: operandOf(intake.spec, intake.contents) };
    } catch (error) {
      return { ok: false, kind: 'invalid-input', message: String((error as Partial<Error>).message) };
    }
  }

  /** Gives up the loads of a generation, or of every generation of a key. */
  drop({ key, generation, shard }: DropOrder): void {
    for (const [load, intake] of this.#intakes) {
      const { spec } = intake;
      const isNamed = spec.key === key && spec.generation === (generation ?? spec.generation);
      if (isNamed && spec.shard === (shard ?? spec.shard)) this.#forget(load, intake);
    }
  }

  /** Gives up what is not complete. */
  close(): void {
    for (const [load, intake] of this.#intakes) this.#forget(load, intake);
  }

  #wait(load: number, intake: Intake): void {
    intake.stopTimer();
    intake.stopTimer = this.#clock.startTimer(PATIENCE_MS, () => this.#forget(load, intake));
  }

  #forget(load: number, intake: Intake): void {
    intake.stopTimer();
    this.#intakes.delete(load);
    this.#store.unpromise(shardBytes(intake.spec));
  }
}
