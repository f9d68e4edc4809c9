import { describe, expect, it } from 'vitest';
import {
  createMatrix,
  ok,
  unwrap,
  type Backend,
  type BackendError,
  type PhaseTimes,
  type Result,
} from '@gearshift/contracts';
import { inVirtualTime, outcomesOf, scriptedPolicy, twoDevices } from './placement-setup.js';

type Sent = Result<PhaseTimes, BackendError>;
const matrix = createMatrix(new Float32Array(200).fill(1), { dimensions: 2 });
const REQUEST = { operation: 'top-k', query: Float32Array.of(1, 1), matrix, k: 1 } as const;
const LIMIT_MS = 100;

/** A GPU with uploads that `makeResident` replaces, and a policy that keeps every operand. */
function setUp(makeResident: (call: number, upload: () => Promise<Sent>, signal?: AbortSignal) => Promise<Sent>) {
  const { scheduler, gpu, cpu } = twoDevices({ memory: { totalBytes: 1e6 } });
  let uploads = 0;
  const device: Backend = Object.assign(Object.create(gpu) as Backend, {
    makeResident: (operand: typeof matrix, signal?: AbortSignal) =>
      makeResident(uploads++, () => gpu.makeResident(operand, signal), signal),
  });
  const { policy } = scriptedPolicy((out, views) => {
    out.keep = views[0].bytesToKeep > 0 && views[0].bytesToKeep < Infinity;
    out.predictedMs = views[0].queueMs + 2;
    out.alternativeMs = 10;
  });
  const { attempts, dispatcher: create } = inVirtualTime([device, cpu], {
    policy,
    hangLimits: { unpredictedMs: LIMIT_MS },
  });
  const dispatcher = create(scheduler);
  return { scheduler, gpu, dispatcher, attempts, uploads: () => uploads };
}

const never = () => new Promise<never>(() => {});

describe('an upload that never settles', () => {
  it('is given up like any attempt that hangs, and tried again', async () => {
    const { scheduler, dispatcher, gpu, uploads } = setUp((call, upload) => (call === 0 ? never() : upload()));
    await scheduler.run(async () => {
      for (let i = 0; i < 400; i++) unwrap(await dispatcher.run(REQUEST));
    });
    expect(uploads()).toBe(2);
    expect(gpu.residency(matrix).bytesToUpload).toBe(0);
    expect(dispatcher.breaker('gpu:0')?.snapshot()).toMatchObject({ state: 'closed', opens: { hang: 1 } });
    expect(scheduler.nowMs()).toBeLessThan(10 * LIMIT_MS);
  });

  it('counts once for all requests that wait for it', async () => {
    const { scheduler, dispatcher, uploads } = setUp((call, upload) => (call === 0 ? never() : upload()));
    await scheduler.run(async () => {
      const runs = Array.from({ length: 20 }, () => dispatcher.run(REQUEST));
      for (const run of runs) unwrap(await run);
    });
    expect(uploads()).toBe(1);
    expect(dispatcher.breaker('gpu:0')?.snapshot().opens.hang).toBe(1);
  });

  it('is tried less and less often while it keeps hanging', async () => {
    const { scheduler, dispatcher, uploads } = setUp(never);
    await scheduler.run(async () => {
      for (let i = 0; i < 4000; i++) unwrap(await dispatcher.run(REQUEST));
    });
    expect(uploads()).toBeLessThan(8);
    expect(dispatcher.breaker('gpu:0')?.snapshot().opens.hang).toBeLessThanOrEqual(uploads());
  });

  it('keeps its memory reserved at first, and gives it back when the call ends', async () => {
    let end: ((sent: Sent) => void) | undefined;
    const { scheduler, dispatcher, gpu } = setUp(
      () =>
        new Promise((resolve) => {
          end ??= resolve;
        }),
    );
    const memory = () => dispatcher.snapshot('top-k').devices[0].memory;
    await scheduler.run(async () => {
      unwrap(await dispatcher.run(REQUEST));
      expect(memory()).toMatchObject({ reservedBytes: 800, trackedBytes: 0 });
      // The device holds a copy after all, which is dropped because it is not counted.
      unwrap(await gpu.makeResident(matrix));
      end?.(ok({ queueMs: 0, uploadMs: 1, kernelMs: 0, downloadMs: 0, totalMs: 1, fused: false }));
      await scheduler.sleep(1);
    });
    expect(memory()).toMatchObject({ reservedBytes: 0, trackedBytes: 0 });
    expect(gpu.residency(matrix).residentBytes).toBe(0);
  });

  it('does not delay the next request when it ignores the abort of its last request', async () => {
    const { scheduler, dispatcher, attempts } = setUp((call, upload) => (call === 0 ? never() : upload()));
    await scheduler.run(async () => {
      const controller = new AbortController();
      const aborted = dispatcher.run(REQUEST, undefined, { signal: controller.signal });
      await scheduler.sleep(5);
      controller.abort();
      expect(await aborted).toMatchObject({ ok: false, error: { kind: 'aborted' } });
      unwrap(await dispatcher.run(REQUEST));
      expect(scheduler.nowMs()).toBeLessThan(400);
      unwrap(await dispatcher.run(REQUEST));
    });
    expect(outcomesOf(attempts)).toEqual(['gpu:0 success', 'gpu:0 success']);
    expect(dispatcher.breaker('gpu:0')?.snapshot().state).toBe('closed');
  });
});

it('passes on what the policy throws when it gets the sample of an upload, without blaming the device', async () => {
  const devices = twoDevices();
  const { policy } = scriptedPolicy((out, views) => {
    out.keep = views[0].bytesToKeep > 0;
  });
  const throwing = {
    ...policy,
    observeUpload: () => {
      throw new Error('policy');
    },
  };
  const dispatcher = inVirtualTime([devices.gpu, devices.cpu], { policy: throwing }).dispatcher(devices.scheduler);
  await expect(devices.scheduler.run(() => dispatcher.run(REQUEST))).rejects.toThrow('policy');
  expect(dispatcher.breaker('gpu:0')?.snapshot().consecutiveFaults).toBe(0);
});
