/** What an instrumentation took hold of. */
export interface Instrumentation extends Disposable {
  /** Takes the metrics out of where they were put, and ends every subscription. Calling it again does nothing. */
  dispose(): void;
}

/** Runs each step once, all of them at the first call. */
export function instrumentationOf(steps: readonly (() => void)[]): Instrumentation {
  let left = steps;
  const dispose = () => {
    const now = left;
    left = [];
    for (const step of now) step();
  };
  return { dispose, [Symbol.dispose]: dispose };
}
