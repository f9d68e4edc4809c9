import type { NativeRows } from '@gearshift/contracts';
import { discountMemory } from './count-memory.js';
import { CONTROL, FLAGS, isPinned, type Header } from './control.js';
import { Pins, type Pin } from './pins.js';

/** Time after which the memory is looked at again while a request of another thread holds it. Doubles each time. */
const FIRST_LOOK_MS = 100;
/** The last one is after about two minutes. */
const MOST_LOOKS = 10;
const GONE = FLAGS.disposed | FLAGS.moved;

/** Parts of the memory that belongs to an operand, besides the control block. */
export interface HeldMemoryOptions {
  /** Of the argument, for messages. */
  readonly name: 'matrix' | 'graph';
  readonly control: Int32Array;
  readonly buffers: readonly SharedArrayBuffer[];
  readonly native: NativeRows | undefined;
  /**
   * Called when the operand was disposed, as far as this thread knows, or when this thread has closed it. Called again after
   * the requests that were under way then, because devices may have kept copies for them since.
   */
  readonly onDispose: () => void;
}

/**
 * Memory that all threads share, as one of them sees it. Requests hold it; once it is retired, the last request of all threads
 * gives its pages back.
 */
export class HeldMemory {
  readonly #name: HeldMemoryOptions['name'];
  readonly #control: Int32Array;
  readonly #buffers: readonly SharedArrayBuffer[];
  readonly #native: NativeRows | undefined;
  readonly #pins: Pins;
  readonly #onDispose: () => void;
  #isClosed = false;
  /** Nothing of this thread uses the memory any more. */
  #hasEnded = false;

  constructor({ name, control, buffers, native, onDispose }: HeldMemoryOptions) {
    this.#name = name;
    this.#control = control;
    this.#buffers = buffers;
    this.#native = native;
    this.#onDispose = onDispose;
    this.#pins = new Pins(name, control, native);
  }

  /**
   * Holds the newest version until {@link release}. Its header is `known` if that is still the newest one.
   *
   * @throws TypeError when the operand was disposed or has moved
   */
  hold(known: Header | undefined): Readonly<Pin> {
    const held = this.#pins.pin(known);
    const state = this.#gone();
    if (state !== 0) {
      this.#pins.close();
      this.release(held.sequence);
      throw goneError(this.#name, state);
    }
    return held;
  }

  release(sequence: number): void {
    this.#pins.unpin(sequence);
    if (this.#isClosed || this.#gone() !== 0) this.#afterRequest();
  }

  /** @throws TypeError when the operand was disposed or has moved */
  requireLive(): void {
    const state = this.#gone();
    if (state !== 0) throw goneError(this.#name, state);
  }

  /** It cannot be held from now on. Pages are given back when the last request has ended, in whichever thread. */
  retire(flag: number): void {
    Atomics.or(this.#control, CONTROL.flags, flag);
    this.#pins.close();
    this.#dropIfUnused();
    if (flag === FLAGS.disposed) this.#end();
    if (this.#native !== undefined && isPinned(this.#control)) this.#lookAgain(0);
  }

  /** For a thread that has no more use for it, once its requests have ended. */
  close(): void {
    this.#isClosed = true;
    this.#pins.close();
    this.#end();
  }

  #gone(): number {
    return Atomics.load(this.#control, CONTROL.flags) & GONE;
  }

  #afterRequest(): void {
    const state = this.#gone();
    if (state !== 0) this.#dropIfUnused();
    const isLast = this.#pins.isEmpty && !this.#hasEnded;
    if (isLast && (this.#isClosed || (state & FLAGS.disposed) !== 0)) this.#end();
  }

  #end(): void {
    this.#hasEnded = this.#pins.isEmpty;
    this.#onDispose();
  }

  #dropIfUnused(): boolean {
    if (isPinned(this.#control)) return false;
    if (this.#native !== undefined) dropPages(this.#buffers, this.#native);
    return true;
  }

  /** A thread that is terminated during a request holds the memory no longer, but gives no pages back. */
  #lookAgain(looks: number): void {
    const look = () => {
      // A compaction that failed has left the rows where they were.
      if (this.#gone() === 0) return;
      if (!this.#dropIfUnused() && looks + 1 < MOST_LOOKS) this.#lookAgain(looks + 1);
    };
    setTimeout(look, FIRST_LOOK_MS * 2 ** looks).unref();
  }
}

export function dropPages(buffers: readonly SharedArrayBuffer[], native: NativeRows): void {
  for (const buffer of buffers) {
    if (buffer.byteLength > 0) native.dropPages(new Uint8Array(buffer));
    discountMemory(buffer);
  }
}

export function goneError(name: HeldMemoryOptions['name'], flags: number): TypeError {
  return (flags & FLAGS.disposed) !== 0
    ? new TypeError(`${name} is disposed`)
    : new TypeError(`${name}: another thread has compacted it; ask that thread for the ${name} again`);
}
