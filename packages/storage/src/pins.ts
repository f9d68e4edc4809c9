import { randomInt } from 'node:crypto';
import type { NativeRows } from '@gearshift/contracts';
import { CONTROL, FIRST_PIN, PINS, readHeader, sequenceOf, type Header } from './control.js';

/** A version that requests of this thread read. */
export interface Pin {
  readonly sequence: number;
  readonly header: Header;
  readers: number;
}

/**
 * The versions that this thread reads. The oldest one is announced to writers, which keep what its readers need. Reading a
 * version costs a few atomic operations and no call of native code.
 */
export class Pins {
  readonly #name: string;
  readonly #control: Int32Array;
  readonly #native: NativeRows | undefined;
  /** Index of this thread's pin in the control block; 0 before the first use. */
  #place = 0;
  #guard: number | undefined;
  #isClosing = false;
  /** Oldest first. */
  readonly #pinned: Pin[] = [];

  /** @param name of the operand, for messages */
  constructor(name: string, control: Int32Array, native: NativeRows | undefined) {
    this.#name = name;
    this.#control = control;
    this.#native = native;
  }

  get isEmpty(): boolean {
    return this.#pinned.length === 0;
  }

  /** Pins the newest version. Its header is `known` if that is still the newest one. */
  pin(known: Header | undefined): Readonly<Pin> {
    const control = this.#control;
    if (this.#place === 0) this.#claimPlace();
    for (;;) {
      const sequence = Atomics.load(control, CONTROL.current);
      // An older pin protects newer versions too.
      if (this.#pinned.length === 0) Atomics.store(control, this.#place + 1, sequence + 1);
      const isKnown = known !== undefined && sequenceOf(known.version) === sequence;
      const header = isKnown ? known : readHeader(control, sequence);
      if (Atomics.load(control, CONTROL.current) !== sequence) continue;
      let pin = this.#pinned.at(-1);
      if (pin?.sequence === sequence) {
        pin.readers += 1;
      } else {
        pin = { sequence, header, readers: 1 };
        this.#pinned.push(pin);
      }
      return pin;
    }
  }

  unpin(sequence: number): void {
    const pinned = this.#pinned;
    // Mostly the newest one.
    let index = pinned.length - 1;
    while (pinned[index].sequence !== sequence) index -= 1;
    const entry = pinned[index];
    if (entry.readers > 1) {
      entry.readers -= 1;
      return;
    }
    if (index === pinned.length - 1) pinned.pop();
    else pinned.splice(index, 1);
    if (index === 0) Atomics.store(this.#control, this.#place + 1, pinned.length === 0 ? 0 : pinned[0].sequence + 1);
    if (this.#isClosing) this.close();
  }

  /** Gives the thread's place to others, as soon as nothing is pinned. */
  close(): void {
    this.#isClosing = true;
    if (this.#place === 0 || this.#pinned.length > 0) return;
    if (this.#guard !== undefined) this.#native?.forgetPin(this.#guard);
    Atomics.store(this.#control, this.#place + 1, 0);
    Atomics.store(this.#control, this.#place, 0);
    this.#place = 0;
  }

  #claimPlace(): void {
    const control = this.#control;
    const tag = randomInt(1, 2 ** 31);
    const first = randomInt(PINS);
    for (let i = 0; i < PINS; i++) {
      const place = FIRST_PIN + 2 * ((first + i) % PINS);
      if (Atomics.compareExchange(control, place, 0, tag) !== 0) continue;
      this.#place = place;
      this.#isClosing = false;
      this.#guard = this.#native?.guardPin(control, place);
      return;
    }
    throw new RangeError(`${this.#name}: expected at most ${PINS} threads that read it at a time`);
  }
}
