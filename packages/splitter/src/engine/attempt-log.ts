import type { ChunkAttempt } from '@gearshift/contracts';

const MOST_ENTRIES = 1000;

/** The calls of a run, at most 1,000 of them. Successes are dropped first, because failures say more. */
export class AttemptLog {
  readonly #entries: ChunkAttempt[];
  #count: number;

  constructor(entries: readonly ChunkAttempt[] = [], count = entries.length) {
    this.#entries = entries.slice(0, MOST_ENTRIES);
    this.#count = count;
  }

  get count(): number {
    return this.#count;
  }

  add(attempt: ChunkAttempt): void {
    this.#count += 1;
    if (this.#entries.length >= MOST_ENTRIES) {
      if (attempt.outcome === 'success') return;
      const success = this.#entries.findLastIndex(({ outcome }) => outcome === 'success');
      if (success === -1) return;
      this.#entries.splice(success, 1);
    }
    this.#entries.push(attempt);
  }

  toArray(): ChunkAttempt[] {
    return [...this.#entries];
  }
}
