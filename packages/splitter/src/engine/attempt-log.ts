import type { ChunkAttempt } from '@gearshift/contracts';

const MOST_ENTRIES = 1000;

/** The calls of a run, bounded however many there are: failures tell more than successes, so these give way first. */
export class AttemptLog {
  readonly #entries: ChunkAttempt[];
  #count: number;
  #last: ChunkAttempt | undefined;

  constructor(entries: readonly ChunkAttempt[] = [], count = entries.length) {
    this.#entries = entries.slice(0, MOST_ENTRIES);
    this.#count = count;
  }

  get count(): number {
    return this.#count;
  }

  /** The newest call. */
  get last(): ChunkAttempt | undefined {
    return this.#last;
  }

  add(attempt: ChunkAttempt): void {
    this.#count += 1;
    this.#last = attempt;
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
