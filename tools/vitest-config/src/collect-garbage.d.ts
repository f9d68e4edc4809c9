/** Collects garbage once, now. */
export function collectOnce(): void;

/** Collects what earlier tests and the start of the process left behind, which V8 would otherwise take off its sums at any moment. */
export function collectGarbage(): Promise<void>;
