/** A memory access of a thread. Integer cells and number cells are numbered separately. */
export type Step =
  | { readonly kind: 'load'; readonly cell: number }
  | { readonly kind: 'add'; readonly cell: number; readonly amount: number }
  | { readonly kind: 'compareExchange'; readonly cell: number; readonly expected: number; readonly replacement: number }
  | { readonly kind: 'awaitEnd'; readonly thread: number };

/** An access that was issued and has not happened yet. `entry` is the index of a read's value in the log. */
export type Pending =
  | { readonly kind: 'store'; readonly cell: number; readonly value: number }
  | { readonly kind: 'write'; readonly cell: number; readonly value: number }
  | { readonly kind: 'read'; readonly cell: number; readonly entry: number };

/** A value per access so far: undefined for a plain read that has not happened yet. */
export type Log = (number | undefined)[];

/** Thrown to leave a thread's code at a step that the explorer has to schedule; only the explorer catches it. */
export class Paused extends Error {
  readonly step: Step;

  constructor(step: Step) {
    super('the thread waits to be scheduled; code under exploration must not catch this');
    this.step = step;
  }
}

/**
 * The memory of code under exploration. To resume a thread its code runs again from the start: earlier accesses are answered
 * from the log, and the first new one pauses the thread. So ordinary synchronous code can be explored, if it is deterministic
 * and keeps no state outside of its run.
 *
 * Plain accesses never pause: issuing one does not affect other threads, and the explorer decides when it happens.
 */
export class ThreadMemory {
  readonly #log: Log;
  readonly #issue: (access: Pending) => void;
  #position = 0;

  constructor(log: Log, issue: (access: Pending) => void) {
    this.#log = log;
    this.#issue = issue;
  }

  /** Every access of the log has been repeated. */
  get isAtEnd(): boolean {
    return this.#position === this.#log.length;
  }

  load(integerCell: number): number {
    return this.#schedule({ kind: 'load', cell: integerCell });
  }

  add(integerCell: number, amount: number): number {
    return this.#schedule({ kind: 'add', cell: integerCell, amount });
  }

  compareExchange(integerCell: number, expected: number, replacement: number): number {
    return this.#schedule({ kind: 'compareExchange', cell: integerCell, expected, replacement });
  }

  /** Atomic, but later plain accesses may be seen before it. */
  store(integerCell: number, value: number): void {
    if (this.#isNew()) this.#issue({ kind: 'store', cell: integerCell, value });
  }

  copyIn(numberCell: number, source: Float64Array, start: number, count: number): void {
    for (let i = 0; i < count; i++) {
      if (this.#isNew()) this.#issue({ kind: 'write', cell: numberCell + i, value: source[start + i] });
    }
  }

  copyOut(numberCell: number, target: Float64Array, start: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const entry = this.#position;
      if (this.#isNew(undefined)) this.#issue({ kind: 'read', cell: numberCell + i, entry });
      target[start + i] = this.#log[entry] ?? NaN;
    }
  }

  /** Waits until a thread has returned or was killed, and all of its accesses have happened. */
  awaitEnd(thread: number): void {
    this.#schedule({ kind: 'awaitEnd', thread });
  }

  /** Advances by one access that needs no schedule; true when it is new. */
  #isNew(entry: number | undefined = 0): boolean {
    const isNew = this.#position === this.#log.length;
    if (isNew) this.#log.push(entry);
    this.#position++;
    return isNew;
  }

  #schedule(step: Step): number {
    if (this.#position === this.#log.length) throw new Paused(step);
    return this.#log[this.#position++] ?? NaN;
  }
}
