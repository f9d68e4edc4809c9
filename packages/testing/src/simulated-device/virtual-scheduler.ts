import { EventQueue, type VirtualTimer } from './event-queue.js';

export type { VirtualTimer } from './event-queue.js';

/**
 * Time that passes only when nothing is left to do at the present moment: what takes an hour in it takes microseconds,
 * and happens in the same order in every run. One thread, one {@link VirtualScheduler.run} at a time.
 */
export interface VirtualScheduler {
  /** Milliseconds since it was made, from 0. */
  nowMs(): number;
  /** @param delayMs at least 0; Infinity for never. Actions of the same time happen in the order they were asked for. */
  after(delayMs: number, action: () => void): VirtualTimer;
  cancel(timer: VirtualTimer): void;
  sleep(durationMs: number): Promise<void>;
  /**
   * Lets time pass until the task settles. Between two events every microtask is drained, so that whatever awaits an
   * event has reacted before the next; the event loop is not entered, so that no real timer and no real input or output
   * can interfere.
   *
   * @returns what the task resolves to, or rejects with. Rejects by itself when the task is still waiting while nothing
   * is left that could happen: what it waits for is outside virtual time, or will never be.
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
  /** Whether anything happened. */
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
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
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
 * Calls back once every microtask has run: Node turns to its tick queue only then. A turn of the event loop would do as
 * well and costs ten times as much.
 */
function onceQuiet(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback));
}
