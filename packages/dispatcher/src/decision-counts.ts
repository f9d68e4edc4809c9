import { DECISION_REASONS, type DecisionReason, type OperationName } from '@gearshift/contracts';

/** The number of decisions per reason. Every reason is present, most of them with 0. */
export type DecisionCounts = Readonly<Record<DecisionReason, number>>;

/** Counts decisions by operation and reason. */
export class DecisionCounter {
  readonly #byOperation = new Map<OperationName, Record<DecisionReason, number>>();
  /** The counts used last. Most programs repeat one operation, and comparing is faster than a lookup. */
  #last: Record<DecisionReason, number> | undefined;
  #lastOperation: OperationName | undefined;

  count(operation: OperationName, reason: DecisionReason): void {
    if (this.#last === undefined || operation !== this.#lastOperation) {
      this.#last = this.#countsOf(operation);
      this.#lastOperation = operation;
    }
    this.#last[reason] += 1;
  }

  /** A copy that later decisions do not change. */
  of(operation: OperationName): DecisionCounts {
    return Object.freeze({ ...(this.#byOperation.get(operation) ?? noDecisions()) });
  }

  #countsOf(operation: OperationName): Record<DecisionReason, number> {
    let counts = this.#byOperation.get(operation);
    if (counts === undefined) this.#byOperation.set(operation, (counts = noDecisions()));
    return counts;
  }
}

function noDecisions(): Record<DecisionReason, number> {
  return Object.fromEntries(DECISION_REASONS.map((reason) => [reason, 0])) as Record<DecisionReason, number>;
}
