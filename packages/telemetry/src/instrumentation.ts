/** Handle for removing an instrumentation. */
export interface Instrumentation extends Disposable {
  /** Removes the metrics from the registry or meter, and ends every subscription. Further calls do nothing. */
  dispose(): void;
}

/** Runs all steps at the first `dispose()`, and none at later ones. */
export function instrumentationOf(steps: readonly (() => void)[]): Instrumentation {
  let left = steps;
  const dispose = () => {
    const now = left;
    left = [];
    for (const step of now) step();
  };
  return { dispose, [Symbol.dispose]: dispose };
}
