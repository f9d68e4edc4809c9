import { setImmediate } from 'node:timers/promises';

/** Signals wait at most this long. */
const MS_BETWEEN_TURNS = 20;

/**
 * For long loops: the returned function gives the event loop a turn when the last one is too long ago. Without turns, Ctrl-C has no
 * effect, because `main.ts` handles signals in JavaScript.
 */
export function createEventLoopTurns(): () => Promise<void> {
  let lastTurnMs = performance.now();
  return async () => {
    if (performance.now() - lastTurnMs < MS_BETWEEN_TURNS) return;
    await setImmediate();
    lastTurnMs = performance.now();
  };
}
