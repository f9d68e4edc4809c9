import { setTimeout } from 'node:timers';

const PAUSE_MS = 1;
const NATIVE = /\{\s*\[native code\]\s*\}$/;

/**
 * From here on Dawn asks the driver once in a millisecond whether its work has ended. By itself it asks on each turn of the event loop, which
 * keeps a core busy for as long as it waits: the core that a GPU in software needs for that work. For tests, which measure no times.
 */
export function paceDawn(): void {
  const { setImmediate } = globalThis;
  // Dawn looks this function up for each question and hands it a native function. What JavaScript schedules stays as it is.
  const paced = (callback: (...values: unknown[]) => void, ...values: unknown[]) =>
    NATIVE.test(Function.prototype.toString.call(callback))
      ? setTimeout(callback, PAUSE_MS, ...values)
      : setImmediate(callback, ...values);
  globalThis.setImmediate = Object.assign(paced, setImmediate);
}
