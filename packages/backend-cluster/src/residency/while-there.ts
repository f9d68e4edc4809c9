import { setMaxListeners } from 'node:events';
import type { Clock } from '../clock.js';
import type { KnownWorker, WorkerDirectory } from '../placement/worker-directory.js';
import type { PushEnd } from './push-shard.js';

const LOOK_EVERY_MS = 500;

interface Surroundings {
  readonly directory: WorkerDirectory;
  readonly clock: Clock;
}

/**
 * Gives a worker something, and ends when the worker is lost: nothing else would end the wait for one that was killed or stopped on the
 * way, as reading a file may take minutes, and a piece may be repeated.
 *
 * @param give gets a signal that is aborted by the given one, or when the worker is lost
 */
export async function whileThere(
  { directory, clock }: Surroundings,
  { worker, instance }: KnownWorker,
  given: AbortSignal | undefined,
  give: (signal: AbortSignal) => Promise<PushEnd>,
): Promise<PushEnd> {
  const controller = new AbortController();
  // One for each piece on its way.
  setMaxListeners(0, controller.signal);
  const abort = () => controller.abort();
  given?.addEventListener('abort', abort);
  if (given?.aborted === true) abort();

  let isLost = false;
  const look = () => {
    const known = directory.byInstance(instance);
    isLost = known === undefined || !directory.isLive(known);
    if (isLost) abort();
    else stopTimer = clock.startTimer(LOOK_EVERY_MS, look);
  };
  let stopTimer = clock.startTimer(LOOK_EVERY_MS, look);
  try {
    const end = await give(controller.signal);
    if (end.ok || !isLost || given?.aborted === true) return end;
    const message = `worker ${worker} cannot be reached: it was lost while it got a shard`;
    return { ok: false, kind: 'unreachable', reason: 'timeout', message };
  } finally {
    stopTimer();
    given?.removeEventListener('abort', abort);
  }
}
