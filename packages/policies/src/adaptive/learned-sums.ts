import { SUMS_LENGTH, type SharedLearning, type SharedSums } from '@gearshift/contracts';

/** Sums of other threads are read no more often than this: adding them up costs a good part of a decision's time. */
const READ_INTERVAL_MS = 10;

/**
 * The sums of one part of the policy: those of this thread at first, and of all threads once they are shared. The sums of
 * this thread so far, imported ones included, are then shared too.
 */
export class LearnedSums {
  /** The counter of decisions at the last run, or when that of another thread was noticed. */
  lastRunAt = 0;
  /** This thread's share: change it in place, then call {@link changed}. */
  own: Float64Array = new Float64Array(SUMS_LENGTH);
  /** Of all threads as of the last reading, with the changes of this thread since. Read-only. */
  total: Float64Array = this.own;
  /** The total may have changed since the owner of the sums computed anything from it; the owner clears this. */
  isNew = false;
  readonly #name: string;
  readonly #runsAt: number;
  #runsSeen = 0;
  #shared: SharedSums | undefined;
  /** Those of all other threads, as of the last reading; empty as long as nothing is shared. */
  #others = new Float64Array(0);
  #readAtMs = NaN;

  /** @param runsAt index of the number that counts the runs. */
  constructor(name: string, runsAt: number) {
    this.#name = name;
    this.#runsAt = runsAt;
  }

  /** Adds to one number of this thread's share. */
  add(at: number, amount: number): void {
    this.own[at] += amount;
    this.changed(at, at + 1);
  }

  /** @param from index of the first number that was changed, and `to` of the one after the last. */
  changed(from: number, to: number): void {
    if (this.#shared === undefined) return;
    for (let i = from; i < to; i++) this.total[i] = this.#others[i] + this.own[i];
    this.#shared.changed(from, to);
  }

  /** Reads the sums of other threads, if they are due, and notices runs. */
  refresh(nowMs: number, decisions: number): void {
    if (this.#shared !== undefined) {
      const sinceMs = nowMs - this.#readAtMs;
      // The first reading is due at once, and so is one after the clock went back.
      if (!(sinceMs >= 0 && sinceMs < READ_INTERVAL_MS)) {
        this.#readAtMs = nowMs;
        if (this.#shared.hasNews()) this.#takeOver(this.#shared.total());
      }
    }
    if (this.total[this.#runsAt] === this.#runsSeen) return;
    this.#runsSeen = this.total[this.#runsAt];
    this.lastRunAt = decisions;
  }

  share(learning: SharedLearning): void {
    if (this.#shared !== undefined) return;
    const shared = learning.sums(this.#name);
    if (shared === undefined) return;
    const mine = this.own;
    for (let i = 0; i < SUMS_LENGTH; i++) shared.own[i] += mine[i];
    this.#shared = shared;
    this.own = shared.own;
    this.#others = new Float64Array(SUMS_LENGTH);
    this.total = new Float64Array(SUMS_LENGTH);
    const last = mine.findLastIndex((number) => number !== 0);
    if (last >= 0) shared.changed(0, last + 1);
    this.#takeOver(shared.total());
  }

  #takeOver(seen: Float64Array): void {
    this.isNew = true;
    for (let i = 0; i < SUMS_LENGTH; i++) {
      this.total[i] = seen[i];
      this.#others[i] = seen[i] - this.own[i];
    }
  }
}
