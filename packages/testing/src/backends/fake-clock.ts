import { setTimeout } from 'node:timers/promises';

/** Time as a fake device knows it. */
export interface FakeClock {
  nowMs(): number;
  /** Resolves after the time, or as soon as the signal is aborted: the sleeper looks which. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export const REAL_CLOCK: FakeClock = {
  nowMs: () => performance.now(),
  async sleep(durationMs, signal) {
    try {
      await setTimeout(durationMs, undefined, signal === undefined ? {} : { signal });
    } catch {
      // Aborted.
    }
  },
};

export interface ManualClock extends FakeClock {
  /** Lets time pass, and wakes those whose time has come, earliest first. */
  advance(durationMs: number): void;
}

/** A clock that stands still until it is told to go on, so that latency in a test takes no time and has no noise. */
export function createManualClock(): ManualClock {
  let nowMs = 0;
  const sleepers = new Set<{ readonly wakeAtMs: number; wake(): void }>();
  return {
    nowMs: () => nowMs,
    async sleep(durationMs, signal) {
      if (durationMs <= 0 || signal?.aborted === true) return;
      await new Promise<void>((resolve) => {
        const sleeper = {
          wakeAtMs: nowMs + durationMs,
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake);
      });
    },
    advance(durationMs) {
      nowMs += durationMs;
      const due = [...sleepers].filter(({ wakeAtMs }) => wakeAtMs <= nowMs);
      for (const { wake } of due.sort((a, b) => a.wakeAtMs - b.wakeAtMs)) wake();
    },
  };
}
