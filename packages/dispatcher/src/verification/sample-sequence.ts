/**
 * Sample positions without randomness: multiples of the golden ratio. Consecutive ones are spread evenly, and together they
 * leave no gap (Knuth, "The Art of Computer Programming", volume 3, section 6.4).
 */
export class SampleSequence {
  #count = 0;

  /** An integer from 0 to `count - 1`. */
  next(count: number): number {
    this.#count = (this.#count + 1) >>> 0;
    const share = (Math.imul(this.#count, 0x9e3779b1) >>> 0) / 2 ** 32;
    return Math.floor(share * count);
  }
}
