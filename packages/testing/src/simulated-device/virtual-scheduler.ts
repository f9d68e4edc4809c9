import { isError } from '@gearshift/contracts/internal';
import { EventQueue, type VirtualTimer } from './event-queue.js';

export type { VirtualTimer } from './event-queue.js';

/**
 * Virtual time, which passes only when nothing is left to do at the current time: a virtual hour takes microseconds, and
 * every run has the same order of events. One thread, one {@link VirtualScheduler.run} at a time.
 */
export interface VirtualScheduler {
  /** Virtual milliseconds since the creation of the scheduler. */
  nowMs(): number;
  /** @param delayMs at least 0; Infinity for never. Actions of the same time run in the order of their calls. */
  after(delayMs: number, action: () => void): VirtualTimer;
  cancel(timer: VirtualTimer): void;
  sleep(durationMs: number): Promise<void>;
  /**
   * Advances time until the task settles. Every microtask runs between two events, so that all code that awaits an event has
   * reacted before the next one. The event loop does not turn, so no real timer, input or output can interfere.
   *
   * @returns the promise of the task. It rejects when the task still waits but no event is left: the task waits for an event
   * outside of virtual time, or for one that never happens.
   */
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function createVirtualScheduler(): VirtualScheduler {
  const queue = new EventQueue();
  let nowMs = 0;
  let isRunning = false;

  const after = (delayMs: number, action: () => void) => {
    // `!(a >= b)` also refuses NaN.
    if (!(delayMs >= 0)) throw new RangeError(`delayMs: expected at least 0, got ${delayMs}`);
    return queue.add(nowMs + delayMs, action);
  };
  /** Whether an event has run. */
  const stepOn = () => {
    const event = queue.next();
    if (event === undefined || event.timeMs === Infinity) return false;
    nowMs = event.timeMs;
    event.action();
    return true;
  };

  const drive = async <T>(task: () => Promise<T>): Promise<T> => {
    let isSettled = false;
    const outcome = task();
    const settle = () => {
      isSettled = true;
    };
    outcome.then(settle, settle);
    await new Promise<void>((resolve, reject) => {
      const step = () => {
        try {
          if (isSettled) resolve();
          else if (stepOn()) onceQuiet(step);
          else reject(new Error(`nothing is left to happen at ${nowMs} ms of virtual time, and the task still waits`));
        } catch (thrown) {
          reject(isError(thrown, 'Error') ? thrown : new Error(String(thrown)));
        }
      };
      onceQuiet(step);
    });
    return outcome;
  };

  return {
    nowMs: () => nowMs,
    after,
    cancel: (timer) => queue.remove(timer),
    sleep: (durationMs) => new Promise((resolve) => void after(durationMs, resolve)),
    async run(task) {
      if (isRunning) throw new Error('run: expected no other task in this virtual time, got a second one');
      isRunning = true;
      try {
        return await drive(task);
      } finally {
        isRunning = false;
      }
    },
  };
}

/**
 * Calls back once every microtask has run, because Node then runs its tick queue. A turn of the event loop would work too but
 * costs ten times as much.
 */
function onceQuiet(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback));
}
