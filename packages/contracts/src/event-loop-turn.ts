// Not the globals, which fake timers of tests replace: a request must not wait for a test to move its clock.
import { setImmediate } from 'node:timers';

const LONGEST_MS = 2;

// The event loop belongs to the thread, so all executors and runs of the thread share what is known about it.
let markedAtMs = -Infinity;
let isMarked = false;

/**
 * Whether the event loop has not turned for a few milliseconds. Requests that run at once settle without a turn, so a program
 * that awaits one after the other would keep timers, signals and connections waiting for ever.
 *
 * A callback that runs with the next turn shows whether there was one. It is set at most every 2 ms, so that a request alone
 * costs a reading of the clock.
 */
export function isTurnDue(): boolean {
  const nowMs = performance.now();
  if (nowMs - markedAtMs < LONGEST_MS) return false;
  if (isMarked) return true;
  isMarked = true;
  markedAtMs = nowMs;
  setImmediate(unmark);
  return false;
}

/** Lets timers, signals and connections have their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function unmark(): void {
  isMarked = false;
}
