import type { OperationName } from '@gearshift/contracts';

/** The requests of one operation. */
export interface RequestCounts {
  /** Under way now. */
  readonly pending: number;
  /** Refused because too many were under way: see `maxPending`. */
  readonly refused: number;
  /** Answered by a pass over the operand that also answered others. */
  readonly merged: number;
}

type Counts = { -readonly [Name in keyof RequestCounts]: RequestCounts[Name] };

/** Counts requests by operation, and those under way over all operations. */
export class RequestCounter {
  /** Requests of all operations that are under way. */
  pending = 0;
  readonly #byOperation = new Map<OperationName, Counts>();
  /** The counts used last. Most programs repeat one operation, and comparing is faster than a lookup. */
  #last: Counts | undefined;
  #lastOperation: OperationName | undefined;

  begin(operation: OperationName): void {
    this.pending += 1;
    this.#countsOf(operation).pending += 1;
  }

  end(operation: OperationName): void {
    this.pending -= 1;
    this.#countsOf(operation).pending -= 1;
  }

  refuse(operation: OperationName): void {
    this.#countsOf(operation).refused += 1;
  }

  merge(operation: OperationName): void {
    this.#countsOf(operation).merged += 1;
  }

  /** A copy that later requests do not change. */
  of(operation: OperationName): RequestCounts {
    return Object.freeze({ ...this.#countsOf(operation) });
  }

  #countsOf(operation: OperationName): Counts {
    if (this.#last !== undefined && operation === this.#lastOperation) return this.#last;
    let counts = this.#byOperation.get(operation);
    if (counts === undefined) this.#byOperation.set(operation, (counts = { pending: 0, refused: 0, merged: 0 }));
    this.#last = counts;
    this.#lastOperation = operation;
    return counts;
  }
}
