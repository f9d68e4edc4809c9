import { compareRanked, type Metric, type RankedList } from '@gearshift/contracts';

/**
 * The best rows so far, in place in a part of the output arrays, as a binary heap with the worst row on top. A better row
 * replaces it.
 */
export class RankedHeap {
  readonly #metric: Metric;
  readonly #indices: Uint32Array;
  readonly #scores: Float32Array;

  constructor(metric: Metric, output: RankedList) {
    this.#metric = metric;
    this.#indices = output.indices;
    this.#scores = output.scores;
  }

  /** Adds an entry to the heap of `size` entries that begins at `first`, which must have space for one more. */
  add(first: number, size: number, index: number, score: number): void {
    let place = size;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isWorse(index, score, first + parent)) break;
      this.#move(first + parent, first + place);
      place = parent;
    }
    this.#put(first + place, index, score);
  }

  /** Replaces the worst entry if the new one is better. */
  offer(first: number, size: number, index: number, score: number): void {
    if (!this.#isWorse(index, score, first)) this.#sink(first, size, index, score);
  }

  /** Moves the worst of `size` entries behind the others. Called for every size down to 2, it sorts the entries best first. */
  retireWorst(first: number, size: number): void {
    const last = first + size - 1;
    const index = this.#indices[last];
    const score = this.#scores[last];
    this.#move(first, last);
    this.#sink(first, size - 1, index, score);
  }

  /** Puts an entry in place of the top, with worse entries above it. */
  #sink(first: number, size: number, index: number, score: number): void {
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (
        child + 1 < size &&
        this.#isWorse(this.#indices[first + child + 1], this.#scores[first + child + 1], first + child)
      ) {
        child += 1;
      }
      if (this.#isWorse(index, score, first + child)) break;
      this.#move(first + child, first + place);
      place = child;
    }
    this.#put(first + place, index, score);
  }

  #isWorse(index: number, score: number, place: number): boolean {
    return compareRanked(this.#metric, score, index, this.#scores[place], this.#indices[place]) > 0;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#indices[from], this.#scores[from]);
  }

  #put(place: number, index: number, score: number): void {
    this.#indices[place] = index;
    this.#scores[place] = score;
  }
}
