import { describe, expect, it } from 'vitest';
import { createMatrix, unwrap } from '@gearshift/contracts';
import { createSimulatedDevice, createVirtualScheduler } from '@gearshift/testing/simulated-device';
import { DeviceQueue } from '../src/devices/device-queue.js';
import { cpu, REQUEST as PLAIN, setUp } from './dispatch-setup.js';
import { inVirtualTime, scriptedPolicy, twoDevices } from './placement-setup.js';

describe('DeviceQueue', () => {
  it('expects no wait before the first run and after the last one, whatever was predicted', () => {
    const queue = new DeviceQueue();
    expect(queue.waitMs(5)).toBe(0);
    const runs = [queue.begin(0.1, 0), queue.begin(0.2, 0), queue.begin(NaN, 0)];
    expect(queue.length).toBe(3);
    for (const run of runs) queue.end(run, 1);
    expect([queue.length, queue.waitMs(1), queue.waitMs(100)]).toEqual([0, 0, 0]);
  });

  it('expects to wait for the rest of the first run and for all of the others', () => {
    const queue = new DeviceQueue();
    const first = queue.begin(10, 0);
    const second = queue.begin(5, 2);
    expect(queue.waitMs(2)).toBe(13);
    expect(queue.waitMs(9)).toBe(6);
    queue.end(first, 12);
    expect(queue.waitMs(12)).toBe(5);
    queue.end(second, 16);
    expect(queue.waitMs(16)).toBe(0);
  });

  it('expects a growing wait while the first run takes longer than predicted', () => {
    const queue = new DeviceQueue();
    queue.begin(10, 0);
    queue.begin(5, 0);
    expect(queue.waitMs(10)).toBeCloseTo(5 + 3);
    expect(queue.waitMs(100)).toBeCloseTo(5 + 30);
  });

  it('counts a run without a prediction as 0 ms', () => {
    const queue = new DeviceQueue();
    queue.begin(NaN, 0);
    queue.begin(-1, 0);
    expect(queue.waitMs(0)).toBe(0);
  });
});

describe('dispatcher with concurrent requests', () => {
  it('shows the policy the expected wait and marks the samples of requests that waited', async () => {
    const { scheduler, gpu, cpu } = twoDevices();
    const { policy, shown, samples } = scriptedPolicy((out, views) => {
      out.predictedMs = views[0].queueMs + 4;
    });
    const { dispatcher: make } = inVirtualTime([gpu, cpu], { policy });
    const dispatcher = make(scheduler);
    const matrix = createMatrix(new Float32Array(8).fill(1), { dimensions: 2 });
    const request = { operation: 'top-k', query: Float32Array.of(1, 1), matrix, k: 1 } as const;
    await scheduler.run(async () => {
      const runs = [dispatcher.run(request), dispatcher.run(request), dispatcher.run(request)];
      expect(dispatcher.snapshot('top-k').devices.map(({ queueLength }) => queueLength)).toEqual([3, 0]);
      for (const run of runs) unwrap(await run);
      unwrap(await dispatcher.run(request));
    });
    expect(shown.map(([{ queueMs }]) => queueMs)).toEqual([0, 4, 8, 0]);
    expect(samples.map(({ queued }) => queued)).toEqual([false, true, true, false]);
    expect(dispatcher.snapshot('top-k').devices.map(({ queueMs }) => queueMs)).toEqual([0, 0]);
  });

  it('counts a fallback attempt in the queue of the fallback device', async () => {
    const { scheduler, gpu, cpu } = twoDevices({ fault: () => ({ kind: 'transient', afterMs: 3 }) });
    const { policy, shown } = scriptedPolicy((out) => {
      out.predictedMs = 2;
      out.alternativeMs = 10;
    });
    const dispatcher = inVirtualTime([gpu, cpu], { policy }).dispatcher(scheduler);
    const matrix = createMatrix(new Float32Array(8).fill(1), { dimensions: 2 });
    const request = { operation: 'top-k', query: Float32Array.of(1, 1), matrix, k: 1 } as const;
    await scheduler.run(async () => {
      const first = dispatcher.run(request);
      await scheduler.sleep(5);
      unwrap(await dispatcher.run(request));
      unwrap(await first);
    });
    expect(shown[1].map(({ queueMs }) => queueMs)).toEqual([0, 8]);
  });
});

describe('a CPU alone', () => {
  const matrix = createMatrix(new Float32Array(8).fill(1), { dimensions: 2 });
  const REQUEST = { operation: 'top-k', query: Float32Array.of(1, 1), matrix, k: 1 } as const;

  it('reports the requests that wait for it, and those of the policy that predicts them', async () => {
    const scheduler = createVirtualScheduler();
    const host = createSimulatedDevice({ id: 'cpu', kind: 'cpu', scheduler, kernelMs: () => 10 });
    const { policy } = scriptedPolicy((out, views) => {
      out.predictedMs = views[0].queueMs + 10;
    });
    const { dispatcher: create, attempts } = inVirtualTime([host], { policy });
    const dispatcher = create(scheduler);
    const figures = () => {
      const [{ queueLength, waitingCount, queueMs }] = dispatcher.snapshot('top-k').devices;
      return { queueLength, waitingCount, queueMs };
    };
    await scheduler.run(async () => {
      const runs = Array.from({ length: 5 }, () => dispatcher.run(REQUEST));
      expect(figures()).toEqual({ queueLength: 5, waitingCount: 4, queueMs: 50 });
      const predicted = await Promise.all(runs).then((all) => all.map((run) => unwrap(run).decision?.predictedMs));
      expect(predicted).toEqual([10, 20, 30, 40, 50]);
    });
    expect(figures()).toEqual({ queueLength: 0, waitingCount: 0, queueMs: 0 });
    // The simulated device measures how long each of them waited.
    expect(attempts.map(({ latencyMs, waitMs }) => [latencyMs, waitMs])).toEqual([
      [10, 0],
      [20, 10],
      [30, 20],
      [40, 30],
      [50, 40],
    ]);
  });

  it('has an empty queue after a request that throws', async () => {
    const host = cpu(() => {
      throw new TypeError('the buffer was detached');
    });
    const { dispatcher } = setUp([host]);
    await expect(dispatcher.run(PLAIN)).rejects.toThrow('detached');
    expect(dispatcher.snapshot('cosine-similarity').devices[0]).toMatchObject({ queueLength: 0, queueMs: 0 });
  });
});

it('does not say how long an attempt waited when the backend cannot measure it', async () => {
  const { dispatcher, tracker } = setUp([cpu()]);
  await Promise.all([dispatcher.run(PLAIN), dispatcher.run(PLAIN)]);
  expect(tracker.attempts.map(({ waitMs }) => waitMs)).toEqual([0, undefined]);
});
