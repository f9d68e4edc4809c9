import { setTimeout } from 'node:timers/promises';

/** The clock of a fake device. */
export interface FakeClock {
  nowMs(): number;
  /** Resolves after the time, or as soon as the signal is aborted; the caller checks which. */
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
  /** Advances the clock, and resolves the sleeps that are over, earliest first. */
  advance(durationMs: number): void;
}

/** A clock that stands still until it is advanced, so that latency in a test takes no real time and has no noise. */
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
