import { setImmediate } from 'node:timers/promises';
import type { Backend } from '@gearshift/contracts';
import { ManualClock } from '@gearshift/backend-cluster';

/** Calls of backends that {@link counted} made, and that have not ended. */
let computing = 0;

/** The same backend; a {@link SettledClock} stands still while it computes. */
export function counted<T extends Backend>(backend: T): T {
  return new Proxy(backend, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...values: unknown[]) => {
        const result: unknown = Reflect.apply(value, target, values);
        if (!(result instanceof Promise)) return result;
        computing += 1;
        return result.finally(() => (computing -= 1));
      };
    },
  });
}

/** Files that are read and written now. */
const isReading = () => process.getActiveResourcesInfo().some((name) => /^(FSReq|CloseReq)/.test(name));

/** Waits until work that takes real time has ended, and what follows from it has begun. */
async function settle(): Promise<void> {
  for (let idle = 0; idle < 2; idle++) {
    while (computing > 0 || isReading()) {
      idle = 0;
      await setImmediate();
    }
    await setImmediate();
  }
}

/**
 * A clock that stands still while a file is read and while the shared CPU computes. Otherwise seconds of it would pass meanwhile, the more
 * the busier the machine is.
 */
export class SettledClock extends ManualClock {
  readonly #dueMs = new Set<{ readonly atMs: number }>();

  override startTimer(delayMs: number, callback: () => void): () => void {
    const due = { atMs: this.nowMs() + Math.max(0, delayMs) };
    this.#dueMs.add(due);
    const stop = super.startTimer(delayMs, () => {
      this.#dueMs.delete(due);
      callback();
    });
    return () => {
      this.#dueMs.delete(due);
      stop();
    };
  }

  override async advance(durationMs: number): Promise<void> {
    const endMs = this.nowMs() + durationMs;
    await settle();
    for (let nextMs = this.#earliestMs(); nextMs <= endMs; nextMs = this.#earliestMs()) {
      await super.advance(Math.max(0, nextMs - this.nowMs()));
      await settle();
    }
    await super.advance(Math.max(0, endMs - this.nowMs()));
  }

  #earliestMs(): number {
    let nextMs = Infinity;
    for (const { atMs } of this.#dueMs) nextMs = Math.min(nextMs, atMs);
    return nextMs;
  }
}
