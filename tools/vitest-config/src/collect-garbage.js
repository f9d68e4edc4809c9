import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects garbage once, now. */
export function collectOnce() {
  setFlagsFromString('--expose-gc');
  /** @type {() => void} */ (runInNewContext('gc'))();
}

/**
 * Collects what earlier tests and the start of the process left behind, which V8 would otherwise take off its sums at any moment. It
 * takes buffers off on another thread, so that a second collection waits for the first.
 */
export async function collectGarbage() {
  collectOnce();
  await setTimeout(100);
  collectOnce();
}
