import { describe, expect, it } from 'vitest';
import { createMatrix, unwrap } from '@gearshift/contracts';
import { DeviceQueue } from '../src/devices/device-queue.js';
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
