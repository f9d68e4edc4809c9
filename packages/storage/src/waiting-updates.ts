import { setTimeout } from 'node:timers/promises';
import { isUndoLogFull } from './room.js';

/** After so long the update fails: a request, or a thread that is stuck in one, holds an old version for ever. */
const MOST_WAIT_MS = 10_000;
const FIRST_PAUSE_MS = 1;
const MOST_PAUSE_MS = 32;

/**
 * Updates of one thread. While requests of an earlier version are under way, what later changes replace is kept in a log. When that
 * is full, an update waits until some of them have ended, and those after it wait behind it.
 */
export class WaitingUpdates {
  readonly #mostWaitMs: number;
  #last: Promise<void> | undefined;

  constructor(mostWaitMs = MOST_WAIT_MS) {
    this.#mostWaitMs = mostWaitMs;
  }

  /**
   * Makes an update at once, if it can.
   *
   * @param rows copied if it has to wait
   * @returns when it is made; undefined if it was at once
   * @throws RangeError when it has waited for ten seconds; whatever `update` throws, also in the promise
   */
  run(update: (rows: Uint8Array) => void, rows: Uint8Array): Promise<void> | undefined {
    if (this.#last === undefined && succeeds(update, rows)) return undefined;
    const own = rows.slice();
    const before = this.#last ?? Promise.resolve();
    const waiting = before.then(() => waitFor(update, own, this.#mostWaitMs));
    const last = waiting
      .catch(() => undefined)
      .then(() => {
        if (this.#last === last) this.#last = undefined;
      });
    this.#last = last;
    return waiting;
  }
}

function succeeds(update: (rows: Uint8Array) => void, rows: Uint8Array): boolean {
  try {
    update(rows);
    return true;
  } catch (error) {
    if (isUndoLogFull(error)) return false;
    throw error;
  }
}

async function waitFor(update: (rows: Uint8Array) => void, rows: Uint8Array, mostWaitMs: number): Promise<void> {
  const deadlineMs = performance.now() + mostWaitMs;
  let pauseMs = FIRST_PAUSE_MS;
  while (performance.now() < deadlineMs) {
    if (succeeds(update, rows)) return;
    await setTimeout(pauseMs);
    pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS);
  }
  update(rows);
}
