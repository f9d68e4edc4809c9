import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';

/**
 * One signal may end many runs at once, such as that of a server that shuts down, and Node prints a warning from the
 * eleventh listener on. Every listener of a run is taken off again; a limit that somebody set is left alone.
 */
export function allowManyListeners(signal: AbortSignal): void {
  try {
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(Infinity, signal);
  } catch {
    // Node 20 throws where somebody has set the limit to 0, which means that there is none.
  }
}
