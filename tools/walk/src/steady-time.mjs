const STEP_MS = 0.001;

/**
 * Replaces `performance.now()` in this process by a clock that advances by the same step at every reading, so that policies learn the same
 * in every run and on every machine.
 *
 * @returns {{ pass: (ms: number) => void, restore: () => void }}
 */
export function startSteadyTime() {
  let nowMs = performance.now();
  performance.now = () => (nowMs += STEP_MS);
  return {
    pass(ms) {
      nowMs += ms;
    },
    restore() {
      delete performance.now;
    },
  };
}
