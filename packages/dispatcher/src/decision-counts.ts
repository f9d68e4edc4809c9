import { DECISION_REASONS, type DecisionReason, type OperationName } from '@gearshift/contracts';

/** How many decisions had which reason; every reason is there, most of them 0. */
export type DecisionCounts = Readonly<Record<DecisionReason, number>>;

/** Counts decisions by operation and reason. */
export class DecisionCounter {
  readonly #byOperation = new Map<OperationName, Record<DecisionReason, number>>();

  count(operation: OperationName, reason: DecisionReason): void {
    let counts = this.#byOperation.get(operation);
    if (counts === undefined) {
      counts = noDecisions();
      this.#byOperation.set(operation, counts);
    }
    counts[reason] += 1;
  }

  /** A copy that later decisions leave alone. */
  of(operation: OperationName): DecisionCounts {
    return Object.freeze({ ...(this.#byOperation.get(operation) ?? noDecisions()) });
  }
}

function noDecisions(): Record<DecisionReason, number> {
  return Object.fromEntries(DECISION_REASONS.map((reason) => [reason, 0])) as Record<DecisionReason, number>;
}
