import { register } from 'node:module';
import { RECORDER } from './recorder-name.mjs';

let counts = null;
let isRegistered = false;

/**
 * Makes every function of our packages report its calls; packages that were imported before this do not.
 *
 * @returns {{ start: () => void, stop: () => Map<string, number> }} `stop` returns the calls since `start` by the key of the function, in
 *   the order of the first call
 */
export function recordCalls() {
  globalThis[RECORDER] = (key) => {
    if (counts !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  };
  if (!isRegistered) register('./load-hooks.mjs', import.meta.url);
  isRegistered = true;
  return {
    start() {
      counts = new Map();
    },
    stop() {
      const recorded = counts;
      counts = null;
      return recorded;
    },
  };
}
