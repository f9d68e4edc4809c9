/** Bytes of a budget that one call may use until it releases them. */
export interface Reservation {
  readonly bytes: number;
  /** Returns the bytes to the budget. The second call does nothing. */
  release(): void;
  /**
   * For abandoned work that may still be running: the bytes stay reserved until `settled` settles, or until the budget's
   * `abandonedHoldMs` have passed, because work that never ends must not block the budget for ever.
   */
  releaseAfter(settled: PromiseLike<unknown>): void;
  [Symbol.dispose](): void;
}

/** Why bytes could not be reserved. */
export interface ReservationRefusal {
  readonly kind: 'overloaded';
  readonly message: string;
  readonly requestedBytes: number;
  readonly availableBytes: number;
}
