import { setImmediate } from 'node:timers/promises';
import type { Failure } from '@gearshift/native-kit';
import { failures, failWithStatus } from './backend-errors.js';

/**
 * A request cut into native calls of bounded length: between them a worker can be terminated, the event loop can turn and
 * a signal can be checked.
 */
export interface SlicedWork {
  /** Runs the next slice. Positive when all is done, 0 when there is more to do, else a status of the addon. */
  step(): number;
}

export const STEP_DONE = 1;
export const STEP_MORE = 0;

/** The longest time of one synchronous call, because `worker.terminate()` waits for its end. */
export const SYNC_SLICE_MS = 40;
/** The longest time that a slice of asynchronous work may block the event loop. */
export const YIELDING_SLICE_MS = 8;

/** Runs every slice on this thread, one after the other. */
export function runToEnd(work: SlicedWork): Failure | undefined {
  let status = work.step();
  while (status === STEP_MORE) status = work.step();
  return status < 0 ? failWithStatus(status) : undefined;
}

/** Runs the slices on this thread with turns of the event loop between them. */
export async function runYielding(work: SlicedWork, isAborted: () => boolean): Promise<Failure | undefined> {
  for (;;) {
    if (isAborted()) return failures.aborted();
    const status = work.step();
    if (status < 0) return failWithStatus(status);
    if (status !== STEP_MORE) return undefined;
    await setImmediate();
  }
}
