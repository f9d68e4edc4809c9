import { SUMS_LENGTH, type SharedLearning, type SharedSums } from '@gearshift/contracts';

/** What others publish is looked at no more often than this: adding it up costs a good part of a decision's time. */
const LOOK_INTERVAL_MS = 10;

/**
 * The sums of one part of the policy: this thread's alone at first, and everybody's as soon as there is a place for that.
 * What was learned alone until then, or imported, moves along.
 */
export class LearnedSums {
  readonly name: string;
  #sums: SharedSums | undefined;
  #own: Float64Array = new Float64Array(SUMS_LENGTH);
  /** Of all others, as of the last look. */
  #others: Float64Array | undefined;
  #total: Float64Array = this.#own;
  #lookedAtMs = NaN;

  constructor(name: string) {
    this.name = name;
  }

  /** This thread's share: change it in place, then call {@link changed}. */
  get own(): Float64Array {
    return this.#own;
  }

  /** Everybody's, as of the last look, what this thread has changed since included. Not to be changed. */
  get total(): Float64Array {
    return this.#total;
  }

  /** @param from index of the first number that was changed, and `to` of the one after the last. */
  changed(from: number, to: number): void {
    if (this.#others !== undefined) {
      for (let i = from; i < to; i++) this.#total[i] = this.#others[i] + this.#own[i];
    }
    this.#sums?.changed(from, to);
  }

  /** @returns whether there may be news from others. */
  look(nowMs: number): boolean {
    if (this.#sums === undefined || this.#others === undefined) return false;
    const sinceMs = nowMs - this.#lookedAtMs;
    // The first look is due at once, and a clock that went back is no reason to wait for it.
    if (sinceMs >= 0 && sinceMs < LOOK_INTERVAL_MS) return false;
    this.#lookedAtMs = nowMs;
    if (!this.#sums.hasNews()) return false;
    this.#takeOver(this.#sums.total());
    return true;
  }

  share(learning: SharedLearning): void {
    if (this.#sums !== undefined) return;
    const shared = learning.sums(this.name);
    if (shared === undefined) return;
    const mine = this.#own;
    for (let i = 0; i < SUMS_LENGTH; i++) shared.own[i] += mine[i];
    this.#sums = shared;
    this.#own = shared.own;
    this.#others = new Float64Array(SUMS_LENGTH);
    this.#total = new Float64Array(SUMS_LENGTH);
    const last = mine.findLastIndex((number) => number !== 0);
    if (last >= 0) shared.changed(0, last + 1);
    this.#takeOver(shared.total());
  }

  #takeOver(seen: Float64Array): void {
    const others = this.#others;
    if (others === undefined) return;
    for (let i = 0; i < SUMS_LENGTH; i++) {
      this.#total[i] = seen[i];
      others[i] = seen[i] - this.#own[i];
    }
  }
}
