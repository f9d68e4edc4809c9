import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import {
  CHANNELS,
  createMatrix,
  graphFromEdges,
  unwrap,
  type ResidencyEvent,
  type VectorMatrix,
} from '@gearshift/contracts';
import type { SimulatedDeviceOptions } from '@gearshift/testing/simulated-device';
import type { DispatcherOptions } from '../src/index.js';
import { inVirtualTime, scriptedPolicy, told, twoDevices } from './placement-setup.js';

const ROW_BYTES = 8;
const matrixOf = (rows: number, expectedUses?: number) =>
  createMatrix(new Float32Array(rows * 2).fill(1), { dimensions: 2, expectedUses });
const best = (matrix: VectorMatrix) => ({ operation: 'top-k', query: Float32Array.of(1, 1), matrix, k: 1 }) as const;

/** A policy that wants everything kept on the first device that does not hold it. */
function keeper(gpuOptions: Partial<SimulatedDeviceOptions> = {}, options: Partial<DispatcherOptions> = {}) {
  const devices = twoDevices(gpuOptions);
  const scripted = scriptedPolicy((out, views) => {
    out.keep = views[0].bytesToKeep > 0 && views[0].bytesToKeep < Infinity;
    out.predictedMs = views[0].queueMs + 2;
    out.alternativeMs = 10;
  });
  const { attempts, dispatcher: make } = inVirtualTime([devices.gpu, devices.cpu], {
    policy: scripted.policy,
    ...options,
  });
  const dispatcher = make(devices.scheduler);
  const kept = () => dispatcher.snapshot('top-k').devices[0].residency;
  return { ...devices, ...scripted, attempts, dispatcher, kept };
}

/** Hears of copies that come and go while `action` runs. */
async function residencyEvents(action: () => Promise<unknown>): Promise<string[]> {
  const heard: string[] = [];
  const hear = (message: unknown) => {
    const { device, kind, operandId, bytes } = message as ResidencyEvent;
    heard.push(`${device} ${kind} ${operandId} ${bytes}`);
  };
  subscribe(CHANNELS.residency, hear);
  try {
    await action();
  } finally {
    unsubscribe(CHANNELS.residency, hear);
  }
  return heard;
}

describe('a policy that wants an operand kept', () => {
  it('has it sent first, once, and is told what that took', async () => {
    const { scheduler, gpu, dispatcher, uploads, samples, shown, kept } = keeper();
    const matrix = matrixOf(100);
    const heard = await residencyEvents(() =>
      scheduler.run(async () => {
        unwrap(await dispatcher.run(best(matrix)));
        unwrap(await dispatcher.run(best(matrix)));
      }),
    );
    expect(gpu.counts).toMatchObject({ calls: 3, uploadedBytes: 800 });
    expect(uploads).toEqual([{ deviceId: 'gpu:0', operandId: matrix.id, bytes: 800, latencyMs: 0.8, nowMs: 0.8 }]);
    // Its own request then has nothing but the query to send.
    expect(samples.map(({ uploadedBytes }) => uploadedBytes)).toEqual([8, 8]);
    expect(shown.map(([{ holdsOperand, bytesToKeep }]) => [holdsOperand, bytesToKeep])).toEqual([
      [false, 800],
      [true, 0],
    ]);
    expect(kept()).toEqual({ operands: 1, bytes: 800 });
    expect(heard).toEqual([`gpu:0 kept ${matrix.id} 800`]);
  });

  it('is told what the upload took, without the wait behind other work', async () => {
    const { scheduler, dispatcher, uploads } = keeper();
    const matrices = [matrixOf(100), matrixOf(100)];
    await scheduler.run(() => Promise.all(matrices.map(async (matrix) => unwrap(await dispatcher.run(best(matrix))))));
    expect(uploads).toMatchObject([{ latencyMs: 0.8 }, { latencyMs: 0.8 }]);
    const [first, second] = uploads;
    expect(second.nowMs).toBeGreaterThan(first.nowMs + 0.79);
  });

  it('has graphs sent too', async () => {
    const { scheduler, gpu, dispatcher } = keeper();
    const graph = graphFromEdges(2, [[0, 1, 0.5]]);
    const request = { operation: 'spread-activation', graph, activations: Float32Array.of(1, 0), decay: 1 } as const;
    const { output } = unwrap(await scheduler.run(() => dispatcher.run(request)));
    expect(output).toEqual(Float32Array.of(0, 0.5));
    expect(gpu.residency(graph).bytesToUpload).toBe(0);
  });

  it('shares one upload among all requests that want it at once, each with the answer to its own query', async () => {
    const { scheduler, gpu, dispatcher, uploads } = keeper();
    const values = Float32Array.from({ length: 100 }, (_, i) => Math.cos(i));
    const matrix = createMatrix(values, { dimensions: 2 });
    const queries = Array.from({ length: 20 }, (_, i) => Float32Array.of(Math.cos(i), Math.sin(i)));
    const requests = queries.map((query) => ({ operation: 'cosine-similarity', query, matrix }) as const);
    const outcomes = await scheduler.run(() => Promise.all(requests.map((request) => dispatcher.run(request))));
    expect(gpu.counts.uploadedBytes).toBe(400);
    expect(uploads).toHaveLength(1);
    for (const [i, outcome] of outcomes.entries()) {
      const { output } = unwrap(outcome);
      const [x, y] = [values[48], values[49]];
      const cosine = (queries[i][0] * x + queries[i][1] * y) / Math.hypot(x, y);
      expect(output[24]).toBeCloseTo(cosine, 5);
    }
  });

  it('does not get it where there is no room: the request goes without', async () => {
    const { scheduler, gpu, dispatcher, attempts, shown } = keeper({ memory: { totalBytes: 1000 } });
    unwrap(await scheduler.run(() => dispatcher.run(best(matrixOf(101)))));
    expect(shown[0][0]).toMatchObject({ bytesToKeep: Infinity, chunks: 2 });
    expect(gpu.simulatedMemory.ownBytes).toBe(0);
    expect(told(attempts)).toEqual(['gpu:0 success', 'gpu:0 success']);
  });

  it('has the request done all the same when the upload fails, and the breaker counts it', async () => {
    const fault = { kind: 'transient', afterMs: 1 } as const;
    const { scheduler, dispatcher, attempts, uploads } = keeper({
      fault: ({ kind }) => (kind === 'make-resident' ? fault : undefined),
    });
    unwrap(await scheduler.run(() => dispatcher.run(best(matrixOf(10)))));
    expect(told(attempts)).toEqual(['gpu:0 success']);
    expect(uploads).toEqual([]);
    expect(dispatcher.breaker('gpu:0')?.snapshot().windowFaults).toBe(1);
  });

  it('gives up an upload that never ends, and opens the breaker', async () => {
    const { scheduler, dispatcher, attempts } = keeper(
      { fault: ({ kind }) => (kind === 'make-resident' ? { kind: 'hang', forMs: Infinity } : undefined) },
      { hangLimits: { floorMs: 20, unpredictedMs: 50 } },
    );
    unwrap(await scheduler.run(() => dispatcher.run(best(matrixOf(10)))));
    expect(scheduler.nowMs()).toBeLessThan(200);
    expect(attempts.at(-1)).toMatchObject({ backend: 'cpu', outcome: 'success' });
    expect(dispatcher.breaker('gpu:0')?.state).toBe('open');
  });

  it('and is given up while it probes a GPU: the next one may probe it, without waiting for the lease to end', async () => {
    let isBroken = true;
    const { scheduler, dispatcher } = keeper({
      fault: () => (isBroken ? { kind: 'transient', afterMs: 1 } : undefined),
    });
    const breaker = dispatcher.breaker('gpu:0');
    const matrix = matrixOf(1000);
    const states: unknown[] = [];
    await scheduler.run(async () => {
      while (breaker?.state === 'closed') unwrap(await dispatcher.run(best(matrix)));
      isBroken = false;
      for (let i = 0; i < 50 && breaker?.snapshot().probes.started === 0; i++) {
        const controller = new AbortController();
        scheduler.after(1, () => controller.abort());
        const run = dispatcher.run(best(matrix), undefined, { signal: controller.signal });
        states.push(breaker?.state);
        expect(await run).toMatchObject({ ok: false, error: { kind: 'aborted' } });
      }
      expect([states.at(-1), breaker?.snapshot().probes.started]).toEqual(['half-open', 1]);
      expect(breaker?.snapshot()).toMatchObject({ state: 'open', cause: 'probe-undecided' });
    });
  });

  it('goes on with the upload while anybody waits, and aborts it when nobody does', async () => {
    const { scheduler, gpu, dispatcher, uploads } = keeper();
    const matrix = matrixOf(10_000);
    const [first, second] = [new AbortController(), new AbortController()];
    await scheduler.run(async () => {
      const runs = [first, second].map(({ signal }) => dispatcher.run(best(matrix), undefined, { signal }));
      await scheduler.sleep(10);
      first.abort();
      expect(await runs[0]).toMatchObject({ ok: false, error: { kind: 'aborted', attempts: [] } });
      expect(scheduler.nowMs()).toBe(10);
      expect((await runs[1]).ok).toBe(true);
    });
    expect(uploads).toHaveLength(1);

    const other = matrixOf(10_000);
    const third = new AbortController();
    await scheduler.run(async () => {
      const run = dispatcher.run(best(other), undefined, { signal: third.signal });
      await scheduler.sleep(10);
      third.abort();
      expect(await run).toMatchObject({ ok: false, error: { kind: 'aborted' } });
      expect(gpu.residency(other).residentBytes).toBe(0);
      // Had it gone on, it would have been told of at its end.
      await scheduler.sleep(1000);
    });
    expect(uploads).toHaveLength(1);
  });
});

describe('when memory is short', () => {
  /** Of what is free 80 % are usable, which is enough for four matrices of 100 rows and not for a fifth. */
  const memory = { totalBytes: 4100 };

  it('what was of least use goes: bytes times age, divided by what a use saved', async () => {
    const { scheduler, dispatcher, gpu, kept } = keeper({ memory });
    const [old, useful, large, fresh] = [matrixOf(100), matrixOf(100), matrixOf(200), matrixOf(100)];
    const heard = await residencyEvents(() =>
      scheduler.run(async () => {
        unwrap(await dispatcher.run(best(useful)));
        unwrap(await dispatcher.run(best(old)));
        await scheduler.sleep(1000);
        for (let i = 0; i < 5; i++) unwrap(await dispatcher.run(best(useful)));
        unwrap(await dispatcher.run(best(large)));
        unwrap(await dispatcher.run(best(fresh)));
      }),
    );
    expect(heard.filter((event) => event.includes('evicted'))).toEqual([`gpu:0 evicted ${old.id} 800`]);
    expect(kept()).toEqual({ operands: 3, bytes: 3200 });
    expect(gpu.simulatedMemory.ownBytes).toBe(3200);
    expect(gpu.residency(old).residentBytes).toBe(0);
  });

  it('a pinned one never does, and what then finds no room is not kept', async () => {
    const { scheduler, dispatcher, gpu, shown } = keeper({ memory });
    const pinned = Array.from({ length: 4 }, () => matrixOf(100, Infinity));
    await scheduler.run(async () => {
      for (const matrix of pinned) unwrap(await dispatcher.run(best(matrix)));
      await scheduler.sleep(10_000);
      unwrap(await dispatcher.run(best(matrixOf(100))));
    });
    expect(pinned.map((matrix) => gpu.residency(matrix).residentBytes)).toEqual([800, 800, 800, 800]);
    expect(shown.at(-1)?.[0].bytesToKeep).toBe(Infinity);
  });

  it('one that is in use stays until it is not', async () => {
    const { scheduler, dispatcher, gpu } = keeper({ memory, kernelMs: () => 100 });
    const [used, other] = [matrixOf(300), matrixOf(300)];
    await scheduler.run(async () => {
      unwrap(await dispatcher.run(best(used)));
      const running = dispatcher.run(best(used));
      unwrap(await dispatcher.run(best(other)));
      unwrap(await running);
    });
    expect(gpu.residency(used).residentBytes).toBe(300 * ROW_BYTES);
    expect(gpu.residency(other).residentBytes).toBe(0);
  });
});

describe('the end of an operand', () => {
  it('is told to the dispatcher, which drops every copy, pinned or not', async () => {
    const { scheduler, dispatcher, gpu, kept } = keeper();
    const matrix = matrixOf(10, Infinity);
    unwrap(await scheduler.run(() => dispatcher.run(best(matrix))));
    dispatcher.release(matrix);
    expect(gpu.residency(matrix).residentBytes).toBe(0);
    expect(kept()).toEqual({ operands: 0, bytes: 0 });
    expect(dispatcher.snapshot('top-k').devices[0].memory?.trackedBytes).toBe(0);
  });

  it('may come behind its back', async () => {
    const { scheduler, dispatcher, gpu, kept } = keeper();
    const matrix = matrixOf(10);
    unwrap(await scheduler.run(() => dispatcher.run(best(matrix))));
    gpu.release(matrix);
    expect(kept()).toEqual({ operands: 0, bytes: 0 });
  });

  it('is not that of another version: the new copy takes the place of the old one', async () => {
    const { scheduler, dispatcher, kept } = keeper();
    const matrix = matrixOf(10);
    await scheduler.run(async () => {
      unwrap(await dispatcher.run(best(matrix)));
      unwrap(await dispatcher.run(best({ ...matrix, version: 2 })));
    });
    expect(kept()).toEqual({ operands: 1, bytes: 80 });
    expect(dispatcher.snapshot('top-k').devices[0].memory?.trackedBytes).toBe(80);
  });
});
