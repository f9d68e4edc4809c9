import type { SharedLearning, SharedSums } from '../dispatch-policy.js';

/** Numbers under one name; as many as a tracker keeps. */
export const SUMS_LENGTH = 256;

/**
 * Where one part of the policy keeps its sums: alone at first, and together with all other threads as soon as there is a
 * place for that. What was learned alone until then, or imported, moves along.
 */
export class LearnedSums {
  readonly name: string;
  #sums: SharedSums = privateSums();
  #isShared = false;

  constructor(name: string) {
    this.name = name;
  }

  get isShared(): boolean {
    return this.#isShared;
  }

  /** This thread's share: change it in place, then call {@link changed}. */
  get own(): Float64Array {
    return this.#sums.own;
  }

  changed(): void {
    this.#sums.changed();
  }

  /** Everybody's. Valid until the next call. */
  total(): Float64Array {
    return this.#sums.total();
  }

  share(learning: SharedLearning): void {
    if (this.#isShared) return;
    const shared = learning.sums(this.name);
    if (shared === undefined) return;
    const { own } = this.#sums;
    for (let i = 0; i < own.length; i++) shared.own[i] += own[i];
    this.#sums = shared;
    this.#isShared = true;
    shared.changed();
  }
}

function privateSums(): SharedSums {
  const own = new Float64Array(SUMS_LENGTH);
  return { own, changed() {}, total: () => own };
}
