export type Verdict = 'usual' | 'spike' | 'shift';

/**
 * Tells chance from change. A lone run that is far slower than expected is a spike and says nothing; two in a row mean
 * that the device has changed. A run that is far *faster* is believed at once: other programs make a run slow by chance,
 * but nothing makes it fast by chance.
 */
export class SpikeRule {
  #lastWasSlow = false;

  /**
   * @param error log(measured / predicted).
   * @param limit how far from 0 it may be.
   */
  judge(error: number, limit: number): Verdict {
    if (error < -limit) {
      this.#lastWasSlow = false;
      return 'shift';
    }
    const isSlow = error > limit;
    const verdict = !isSlow ? 'usual' : this.#lastWasSlow ? 'shift' : 'spike';
    this.#lastWasSlow = isSlow;
    return verdict;
  }
}
