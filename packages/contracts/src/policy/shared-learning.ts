/** Sums that every thread adds to and every thread reads; a tracker of `@gearshift/tracker` keeps them. */
export interface SharedLearning {
  /** The sums of this name, the same in every thread; undefined when there is no space for another name. */
  sums(name: string): SharedSums | undefined;
}

/** The number of sums under one name. */
export const SUMS_LENGTH = 256;

/**
 * Numbers that every thread adds to and every thread reads as one sum: the sufficient statistics of code that learns from the
 * measurements of all threads. A thread sees its own share at once, and those of others as of their last publication.
 * Published numbers survive the thread.
 *
 * The first 16 numbers are published every time; of the others only the range from the first to the last that was ever named
 * as changed. So put the numbers that change most often in front. Numbers are not checked: a published NaN stays in the total
 * of every thread.
 */
export interface SharedSums {
  /**
   * This thread's share, `SUMS_LENGTH` numbers, zeros at first: change it in place, then call {@link changed}. When a shared
   * tracker is closed it is zeros again, and what it held still counts in the total.
   */
  readonly own: Float64Array;
  /**
   * Call it after a change of `own`: the numbers are published at the end of the turn, or with an earlier publication.
   *
   * @param from index of the first of them, and `to` of the one after the last. Default: all.
   * @throws TypeError or RangeError that names an index that is not a whole number from 0 (`to`: from `from`) to the length.
   */
  changed(from?: number, to?: number): void;
  /** Whether others have published anything since the last call of this or of {@link total}. */
  hasNews(): boolean;
  /**
   * The sum of all shares, including what this thread has not published yet. Do not change it; it is valid until the next
   * call. A thread that publishes constantly while it is read counts with an earlier state, until a later call can read it.
   */
  total(): Float64Array;
}
