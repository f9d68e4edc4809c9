import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { unwrap, type Backend, type TopKRequest } from '@gearshift/contracts';
import { adaptivePolicy } from '@gearshift/policies';
import type { VirtualScheduler } from '@gearshift/testing/simulated-device';
import { createTracker, type Tracker, type TrackerHandle } from '@gearshift/tracker';
import { createDispatcher } from '../src/index.js';

interface Machine {
  readonly scheduler: VirtualScheduler;
  readonly backends: readonly Backend[];
  requestOf(rows: number): TopKRequest;
}

/** Shared by all threads. It is JavaScript because the workers cannot load TypeScript. */
const { createMachine } = (await import(new URL('./fixtures/small-machine.mjs', import.meta.url).href)) as {
  createMachine(): Machine;
};

const SMALL = 10;
const LARGE = 10_000;

interface ReportedChoice {
  readonly rows: number;
  /** Calls of its GPU before the choice. */
  readonly callsBefore: number;
  readonly backend: string;
  readonly reason: string;
  readonly predictedMs: number;
  readonly latencyMs: number;
}

/** The choices of a worker thread, which runs the built packages. */
async function choicesInWorker(handle: TrackerHandle | undefined, sizes: readonly number[]): Promise<ReportedChoice[]> {
  const worker = new Worker(new URL('./fixtures/choosing-worker.mjs', import.meta.url), {
    workerData: { handle, sizes },
  });
  const exit = once(worker, 'exit');
  const [choices] = (await once(worker, 'message')) as [ReportedChoice[]];
  await exit;
  return choices;
}

/** Runs small and large requests until the policy has chosen correctly many times in a row. */
async function learn(tracker: Tracker): Promise<void> {
  const { scheduler, backends, requestOf } = createMachine();
  const policy = adaptivePolicy();
  const timers = { clock: scheduler.nowMs, timers: scheduler };
  const dispatcher = createDispatcher({ backends, policy, tracker, ...timers });
  let rightInARow = 0;
  for (let i = 0; rightInARow < 40; i++) {
    if (i >= 2000) throw new Error('it never learned what to choose');
    const rows = i % 2 === 0 ? SMALL : LARGE;
    const { decision } = unwrap(await scheduler.run(() => dispatcher.run(requestOf(rows))));
    const isRight = decision?.backend === (rows === SMALL ? 'cpu' : 'gpu:0') && decision.reason !== 'calibrating';
    rightInARow = isRight ? rightInARow + 1 : 0;
  }
  // A thread publishes its measurements at the end of the event loop turn.
  await setImmediate();
}

describe('measurements shared between threads', () => {
  it.each([
    ['a large request first', [LARGE, SMALL]],
    ['a small request first', [SMALL, LARGE]],
  ])('let a worker that has never used the GPU choose correctly at once: %s', async (_name, sizes) => {
    const tracker = createTracker();
    await learn(tracker);
    const choices = await choicesInWorker(tracker.share(), sizes);
    expect(choices.map(({ rows, backend }) => [rows, backend])).toEqual(
      sizes.map((rows) => [rows, rows === LARGE ? 'gpu:0' : 'cpu']),
    );
    expect(choices[0].callsBefore).toBe(0);
    for (const { reason, predictedMs, latencyMs } of choices) {
      expect(['resident', 'predicted-faster']).toContain(reason);
      expect(predictedMs / latencyMs).toBeCloseTo(1, 1);
    }
  });

  it('are unknown to a worker without the shared tracker', async () => {
    await learn(createTracker());
    const [{ reason, predictedMs }] = await choicesInWorker(undefined, [LARGE]);
    expect([reason, predictedMs]).toEqual(['calibrating', undefined]);
  });

  it('of workers are counted in the tracker of the main thread', async () => {
    const tracker = createTracker();
    await learn(tracker);
    const before = tracker.snapshot('top-k');
    await choicesInWorker(tracker.share(), [LARGE, SMALL, LARGE]);
    const after = tracker.snapshot('top-k');
    expect([after.gpuCount - before.gpuCount, after.cpuCount - before.cpuCount]).toEqual([2, 1]);
  });
});
