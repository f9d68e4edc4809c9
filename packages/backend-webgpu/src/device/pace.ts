/** How long one submit should take: long enough to hide what it costs, short enough for aborts and for the desktop of the GPU. */
const TARGET_MS = 20;
const FIRST_WORK = 2 ** 25;
const LEAST_WORK = 2 ** 20;
const MOST_WORK = 2 ** 36;

/** How much work a submit may contain, in multiplications, learned from those before. No driver ends a submit that takes too long. */
export class Pace {
  #workPerSubmit = FIRST_WORK;

  get workPerSubmit(): number {
    return this.#workPerSubmit;
  }

  /** A submit with so much work took so long. Small ones say little about large ones, and uploads nothing. */
  record(work: number, durationMs: number): void {
    const isUpload = work === 0;
    if (isUpload || (work < this.#workPerSubmit / 4 && durationMs < TARGET_MS)) return;
    const factor = Math.min(2, Math.max(0.25, TARGET_MS / Math.max(durationMs, 0.1)));
    const wanted = Math.max(work, LEAST_WORK) * factor;
    this.#workPerSubmit = Math.min(MOST_WORK, Math.max(LEAST_WORK, wanted));
  }
}
