import { DECISION_REASONS, type DecisionReason, type OperationName } from '@gearshift/contracts';

/** How many decisions had which reason; every reason is there, most of them 0. */
export type DecisionCounts = Readonly<Record<DecisionReason, number>>;

/** Counts decisions by operation and reason. */
export class DecisionCounter {
  readonly #byOperation = new Map<OperationName, Record<DecisionReason, number>>();
  /** The one counted last: most programs ask for the same again, and comparing beats looking up. */
  #last: Record<DecisionReason, number> | undefined;
  #lastOperation: OperationName | undefined;

  count(operation: OperationName, reason: DecisionReason): void {
    if (this.#last === undefined || operation !== this.#lastOperation) {
      this.#last = this.#countsOf(operation);
      this.#lastOperation = operation;
    }
    this.#last[reason] += 1;
  }

  /** A copy that later decisions leave alone. */
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
