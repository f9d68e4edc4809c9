/** Bytes of a budget, promised to one piece of work until it gives them back. */
export interface Reservation {
  readonly bytes: number;
  /** Gives the bytes back. The second call does nothing. */
  release(): void;
  /**
   * For work that was given up but may still be running: the bytes stay promised until `settled` settles, or until the
   * budget's `abandonedHoldMs` have passed, as work that never ends must not block the budget for ever.
   */
  releaseAfter(settled: PromiseLike<unknown>): void;
  [Symbol.dispose](): void;
}

/** Why bytes were not promised. */
export interface ReservationRefusal {
  readonly kind: 'overloaded';
  readonly message: string;
  readonly requestedBytes: number;
  readonly availableBytes: number;
}
