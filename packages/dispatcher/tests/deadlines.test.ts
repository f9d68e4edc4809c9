import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMatrix, unwrap, type Backend } from '@gearshift/contracts';
import type { SimulatedDeviceOptions } from '@gearshift/testing/simulated-device';
import { createFakeGpuBackend, createOracleBackend, randomValues } from '@gearshift/testing';
import { NO_METRICS } from '@gearshift/tracker';
import { createDispatcher, type Dispatcher, type DispatcherOptions, type RunOptions } from '../src/index.js';
import { inVirtualTime, scriptedPolicy, outcomesOf, twoDevices } from './placement-setup.js';

const ROWS = 40;
const matrix = createMatrix(randomValues(ROWS * 2, 1), { dimensions: 2 });
const REQUEST = { operation: 'cosine-similarity', query: Float32Array.of(1, 1), matrix } as const;
/** Eight rows with their scores fit at once, so that a request has five pieces. */
const FOR_EIGHT_ROWS = { totalBytes: (8 + 8 * 12) / 0.8 };

const warnings: string[] = [];
const noteWarning = ({ name, message }: Error) => void warnings.push(`${name}: ${message}`);
beforeEach(() => void process.on('warning', noteWarning));
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', noteWarning);
  expect(warnings.splice(0)).toEqual([]);
});

function setUp(
  gpuOptions: Partial<SimulatedDeviceOptions> = {},
  options: Partial<DispatcherOptions> = {},
  keep = false,
) {
  const devices = twoDevices(gpuOptions);
  const scripted = scriptedPolicy((out, views) => {
    out.keep = keep && views[0].bytesToKeep > 0 && views[0].bytesToKeep < Infinity;
  });
  const { attempts, dispatcher } = inVirtualTime([devices.gpu, devices.cpu], { policy: scripted.policy, ...options });
  return { ...devices, ...scripted, attempts, dispatcher: dispatcher(devices.scheduler) };
}

type Ready = ReturnType<typeof setUp>;

/** Once the device has finished its started work, it holds no memory, no reservation and no queue. */
async function expectNothingLeft({ scheduler, dispatcher, gpu }: Ready): Promise<void> {
  await scheduler.run(() => scheduler.sleep(60_000));
  dispatcher.release(matrix);
  expect(gpu.simulatedMemory.ownBytes).toBe(0);
  const [device] = dispatcher.snapshot('cosine-similarity').devices;
  expect(device).toMatchObject({ queueLength: 0, queueMs: 0, residency: { operands: 0, bytes: 0 } });
  expect(device.memory).toMatchObject({ reservedBytes: 0, trackedBytes: 0 });
}

/** What ends a run so many milliseconds after its start, and the kind that the run then has. */
const ENDINGS: readonly [string, (ready: Ready, ms: number) => RunOptions, string][] = [
  ['a deadline', (_ready, ms) => ({ deadlineMs: ms }), 'deadline-exceeded'],
  [
    'an abort',
    ({ scheduler }, ms) => {
      const controller = new AbortController();
      scheduler.after(ms, () => controller.abort());
      return { signal: controller.signal };
    },
    'aborted',
  ],
  [
    'an abort before the deadline',
    ({ scheduler }, ms) => {
      const controller = new AbortController();
      scheduler.after(ms, () => controller.abort());
      return { signal: controller.signal, deadlineMs: 2 * ms };
    },
    'aborted',
  ],
  [
    'a deadline before the abort',
    ({ scheduler }, ms) => {
      const controller = new AbortController();
      scheduler.after(2 * ms, () => controller.abort());
      return { signal: controller.signal, deadlineMs: ms };
    },
    'deadline-exceeded',
  ],
];

describe.each(ENDINGS)('dispatcher with %s', (_name, ending, kind) => {
  it('ends the run in time while the request waits in the queue of the device', async () => {
    const ready = setUp({ kernelMs: () => 10 });
    const { scheduler, dispatcher, gpu } = ready;
    await scheduler.run(async () => {
      const first = dispatcher.run(REQUEST);
      const second = await dispatcher.run(REQUEST, undefined, ending(ready, 5));
      expect(second).toMatchObject({ ok: false, error: { kind, partial: null, latencyMs: 5 } });
      expect(scheduler.nowMs()).toBe(5);
      expect((await first).ok).toBe(true);
    });
    expect(gpu.counts.calls).toBe(1);
    await expectNothingLeft(ready);
  });

  it('ends the run in time while the operand is being uploaded', async () => {
    const ready = setUp({}, {}, true);
    const { scheduler, dispatcher, attempts } = ready;
    const result = await scheduler.run(() => dispatcher.run(REQUEST, undefined, ending(ready, 0.1)));
    expect(result).toMatchObject({ ok: false, error: { kind, attempts: [], partial: null, latencyMs: 0.1 } });
    expect(attempts).toEqual([]);
    await expectNothingLeft(ready);
  });

  it('ends the run in time while the device computes, without a fallback', async () => {
    const ready = setUp({ kernelMs: () => 100 });
    const { scheduler, dispatcher, attempts } = ready;
    const result = await scheduler.run(() => dispatcher.run(REQUEST, undefined, ending(ready, 50)));
    expect(result).toMatchObject({ ok: false, error: { kind, partial: null, latencyMs: 50 } });
    expect(outcomesOf(attempts)).toEqual(['gpu:0 aborted']);
    expect(dispatcher.breaker('gpu:0')?.snapshot().windowFaults).toBe(0);
    await expectNothingLeft(ready);
  });

  it('ends the run in time while the CPU does the fallback attempt', async () => {
    const ready = setUp({ fault: () => ({ kind: 'transient', afterMs: 1 }) });
    const { scheduler, dispatcher, attempts } = ready;
    const result = await scheduler.run(() => dispatcher.run(REQUEST, undefined, ending(ready, 5)));
    expect(result).toMatchObject({ ok: false, error: { kind, latencyMs: 5 } });
    expect(outcomesOf(attempts)).toEqual(['gpu:0 fault', '+cpu aborted']);
    await expectNothingLeft(ready);
  });

  it('ends the run between two pieces and returns the finished ones, so that the run can be resumed', async () => {
    const ready = setUp({ memory: FOR_EIGHT_ROWS, uploadMs: () => 1 });
    const { scheduler, dispatcher, gpu, attempts } = ready;
    const result = await scheduler.run(() => dispatcher.run(REQUEST, undefined, ending(ready, 4.5)));
    if (result.ok) throw new Error('expected it to be too late');
    expect(result.error).toMatchObject({ kind, latencyMs: 4.5 });
    const { partial } = result.error;
    expect([partial?.done, partial?.remaining]).toEqual([[{ start: 0, end: 16 }], [{ start: 16, end: ROWS }]]);
    // The returned error does not change when the device continues its work.
    const before = structuredClone(result.error);
    await expectNothingLeft(ready);
    expect(result.error).toEqual(before);
    expect(outcomesOf(attempts)).toEqual(['gpu:0 success', 'gpu:0 success', 'gpu:0 aborted']);

    if (partial === null) return;
    const calls = gpu.counts.calls;
    const resumed = unwrap(await scheduler.run(() => dispatcher.resume(REQUEST, partial)));
    expect(gpu.counts.calls - calls).toBe(3);
    const whole = setUp();
    expect(resumed.output).toEqual(unwrap(await whole.scheduler.run(() => whole.dispatcher.run(REQUEST))).output);
    await expectNothingLeft(ready);
  });

  it('ends the run at once while a device that ignores the signal does a piece, and ignores its late answer', async () => {
    const ready = setUp({ memory: FOR_EIGHT_ROWS, uploadMs: () => 1 });
    const { scheduler, gpu, cpu, policy } = ready;
    const ignoring: Backend = { ...gpu, cosineSimilarity: (request, output) => gpu.cosineSimilarity(request, output) };
    const { attempts, dispatcher: make } = inVirtualTime([ignoring, cpu], { policy });
    const dispatcher = make(scheduler);
    const result = await scheduler.run(() => dispatcher.run(REQUEST, undefined, ending(ready, 4.5)));
    if (result.ok) throw new Error('expected it to be too late');
    expect(result.error).toMatchObject({ kind, latencyMs: 4.5, partial: { done: [{ start: 0, end: 16 }] } });
    const before = structuredClone(result.error);
    await expectNothingLeft({ ...ready, dispatcher });
    expect(result.error).toEqual(before);
    // It is on record all the same, in the tracker.
    expect(outcomesOf(attempts)).toHaveLength(3);
  });

  it('ends the run in time while the next piece waits for memory that other requests hold', async () => {
    const ready = setUp({ memory: FOR_EIGHT_ROWS, kernelMs: () => 100 });
    const { scheduler, dispatcher, gpu } = ready;
    await scheduler.run(async () => {
      const first = dispatcher.run({ ...REQUEST, end: 8 });
      const second = await dispatcher.run({ ...REQUEST, end: 7 }, undefined, ending(ready, 5));
      expect(second).toMatchObject({ ok: false, error: { kind, attempts: [], partial: null, latencyMs: 5 } });
      expect((await first).ok).toBe(true);
    });
    expect(gpu.counts.calls).toBe(1);
    await expectNothingLeft(ready);
  });

  it('changes nothing when it ends after the answer', async () => {
    const ready = setUp();
    const { scheduler, dispatcher } = ready;
    const result = await scheduler.run(() => dispatcher.run(REQUEST, undefined, ending(ready, 50)));
    await expectNothingLeft(ready);
    expect(result.ok).toBe(true);
  });
});

describe('deadlineMs', () => {
  it('of 0 fails with deadline-exceeded before any device is used', async () => {
    const { scheduler, dispatcher, gpu, shown } = setUp();
    const result = await scheduler.run(() => dispatcher.run(REQUEST, undefined, { deadlineMs: 0 }));
    expect(result).toMatchObject({
      ok: false,
      error: { kind: 'deadline-exceeded', decision: null, attempts: [], message: /before it began/ },
    });
    expect([gpu.counts.calls, shown.length]).toEqual([0, 0]);
  });

  it('is given to the policy as remainingMs, which is Infinity without a deadline', async () => {
    const { scheduler, dispatcher, remaining } = setUp();
    await scheduler.run(async () => {
      unwrap(await dispatcher.run(REQUEST, undefined, { deadlineMs: 5000 }));
      unwrap(await dispatcher.run(REQUEST));
    });
    expect(remaining).toEqual([5000, Infinity]);
  });

  it('leaves no timer behind when the answer comes in time', async () => {
    const { scheduler, gpu, cpu } = twoDevices();
    const left = new Map<unknown, number>();
    const timers = {
      after(delayMs: number, action: () => void) {
        const timer = scheduler.after(delayMs, () => {
          left.delete(timer);
          action();
        });
        left.set(timer, delayMs);
        return timer;
      },
      cancel(timer: unknown) {
        left.delete(timer);
        scheduler.cancel(timer as ReturnType<typeof scheduler.after>);
      },
    };
    const dispatcher = inVirtualTime([gpu, cpu], { timers }).dispatcher(scheduler);
    unwrap(await scheduler.run(() => dispatcher.run(REQUEST, undefined, { deadlineMs: 123_456 })));
    expect([...left.values()]).not.toContain(123_456);
  });

  it.each<[unknown, typeof TypeError | typeof RangeError]>([
    ['1', TypeError],
    [null, TypeError],
    [-1, RangeError],
    [NaN, RangeError],
  ])('of %o is refused with an error that names the option', async (deadlineMs, type) => {
    const { dispatcher, gpu } = setUp();
    const run = dispatcher.run(REQUEST, undefined, { deadlineMs: deadlineMs as number });
    await expect(run).rejects.toThrow(type);
    await expect(run).rejects.toThrow('deadlineMs');
    expect(gpu.counts.calls).toBe(0);
  });

  it('longer than the maximum delay of a Node.js timer does not expire at once', async () => {
    const gpu = createFakeGpuBackend({ latencyMs: 20 });
    const dispatcher: Dispatcher = createDispatcher({
      backends: [gpu, createOracleBackend('cpu')],
      policy: scriptedPolicy().policy,
      tracker: { snapshot: () => NO_METRICS, record: () => {} },
    });
    for (const deadlineMs of [2 ** 31, 1e12, Number.MAX_VALUE]) {
      expect(unwrap(await dispatcher.run(REQUEST, undefined, { deadlineMs })).attempts).toMatchObject([
        { backend: 'fake:0', outcome: 'success' },
      ]);
    }
  });
});

describe('an AbortSignal that many requests share', () => {
  it.each([undefined, 1000])(
    'ends all of them without a warning and without a remaining listener (deadline %s)',
    async (deadlineMs) => {
      const ready = setUp({ memory: { totalBytes: 4000 } }, {}, true);
      const { scheduler, dispatcher } = ready;
      const controller = new AbortController();
      const { signal } = controller;
      let listeners = 0;
      const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners += 1;
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners -= 1;
        remove(...args);
      };
      await scheduler.run(async () => {
        const many = () => Array.from({ length: 30 }, () => dispatcher.run(REQUEST, undefined, { signal, deadlineMs }));
        for (const result of await Promise.all(many())) unwrap(result);
        expect(listeners).toBe(0);
        const runs = many();
        await scheduler.sleep(0.5);
        controller.abort();
        for (const run of runs) expect(await run).toMatchObject({ ok: false, error: { kind: 'aborted' } });
      });
      await expectNothingLeft(ready);
    },
  );
});
