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
import { inVirtualTime, scriptedPolicy, outcomesOf, twoDevices } from './placement-setup.js';

const ROW_BYTES = 8;
const matrixOf = (rows: number, expectedUses?: number) =>
  createMatrix(new Float32Array(rows * 2).fill(1), { dimensions: 2, expectedUses });
const best = (matrix: VectorMatrix) => ({ operation: 'top-k', query: Float32Array.of(1, 1), matrix, k: 1 }) as const;

/** Two devices and a policy that keeps every operand on the first device. */
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

/** Collects the residency events while `action` runs. */
async function residencyEvents(action: () => Promise<unknown>): Promise<string[]> {
  const events: string[] = [];
  const listen = (message: unknown) => {
    const { device, kind, operandId, bytes } = message as ResidencyEvent;
    events.push(`${device} ${kind} ${operandId} ${bytes}`);
  };
  subscribe(CHANNELS.residency, listen);
  try {
    await action();
  } finally {
    unsubscribe(CHANNELS.residency, listen);
  }
  return events;
}

describe('dispatcher with a policy that keeps operands', () => {
  it('uploads the operand once before the first request and reports the upload to the policy', async () => {
    const { scheduler, gpu, dispatcher, uploads, samples, shown, kept } = keeper();
    const matrix = matrixOf(100);
    const events = await residencyEvents(() =>
      scheduler.run(async () => {
        unwrap(await dispatcher.run(best(matrix)));
        unwrap(await dispatcher.run(best(matrix)));
      }),
    );
    expect(gpu.counts).toMatchObject({ calls: 3, uploadedBytes: 800 });
    expect(uploads).toEqual([{ deviceId: 'gpu:0', operandId: matrix.id, bytes: 800, latencyMs: 0.8, nowMs: 0.8 }]);
    // After the upload the requests send only the query.
    expect(samples.map(({ uploadedBytes }) => uploadedBytes)).toEqual([8, 8]);
    expect(shown.map(([{ holdsOperand, bytesToKeep }]) => [holdsOperand, bytesToKeep])).toEqual([
      [false, 800],
      [true, 0],
    ]);
    expect(kept()).toEqual({ operands: 1, bytes: 800 });
    expect(events).toEqual([`gpu:0 kept ${matrix.id} 800`]);
  });

  it('reports the latency of an upload to the policy without the time it waited behind other work', async () => {
    const { scheduler, dispatcher, uploads } = keeper();
    const matrices = [matrixOf(100), matrixOf(100)];
    await scheduler.run(() => Promise.all(matrices.map(async (matrix) => unwrap(await dispatcher.run(best(matrix))))));
    expect(uploads).toMatchObject([{ latencyMs: 0.8 }, { latencyMs: 0.8 }]);
    const [first, second] = uploads;
    expect(second.nowMs).toBeGreaterThan(first.nowMs + 0.79);
  });

  it('uploads graphs too', async () => {
    const { scheduler, gpu, dispatcher } = keeper();
    const graph = graphFromEdges(2, [[0, 1, 0.5]]);
    const request = { operation: 'spread-activation', graph, activations: Float32Array.of(1, 0), decay: 1 } as const;
    const { output } = unwrap(await scheduler.run(() => dispatcher.run(request)));
    expect(output).toEqual(Float32Array.of(0, 0.5));
    expect(gpu.residency(graph).bytesToUpload).toBe(0);
  });

  it('shares one upload among concurrent requests and answers each with its own query', async () => {
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

  it('runs the request in pieces without keeping an operand that does not fit in memory', async () => {
    const { scheduler, gpu, dispatcher, attempts, shown } = keeper({ memory: { totalBytes: 1000 } });
    unwrap(await scheduler.run(() => dispatcher.run(best(matrixOf(101)))));
    expect(shown[0][0]).toMatchObject({ bytesToKeep: Infinity, chunks: 2 });
    expect(gpu.simulatedMemory.ownBytes).toBe(0);
    expect(outcomesOf(attempts)).toEqual(['gpu:0 success', 'gpu:0 success']);
  });

  it('runs the request when the upload fails, and counts the fault in the breaker', async () => {
    const fault = { kind: 'transient', afterMs: 1 } as const;
    const { scheduler, dispatcher, attempts, uploads } = keeper({
      fault: ({ kind }) => (kind === 'make-resident' ? fault : undefined),
    });
    unwrap(await scheduler.run(() => dispatcher.run(best(matrixOf(10)))));
    expect(outcomesOf(attempts)).toEqual(['gpu:0 success']);
    expect(uploads).toEqual([]);
    expect(dispatcher.breaker('gpu:0')?.snapshot().windowFaults).toBe(1);
  });

  it('gives up an upload that hangs, opens the breaker and answers on the CPU', async () => {
    const { scheduler, dispatcher, attempts } = keeper(
      { fault: ({ kind }) => (kind === 'make-resident' ? { kind: 'hang', forMs: Infinity } : undefined) },
      { hangLimits: { floorMs: 20, unpredictedMs: 50 } },
    );
    unwrap(await scheduler.run(() => dispatcher.run(best(matrixOf(10)))));
    expect(scheduler.nowMs()).toBeLessThan(200);
    expect(attempts.at(-1)).toMatchObject({ backend: 'cpu', outcome: 'success' });
    expect(dispatcher.breaker('gpu:0')?.state).toBe('open');
  });

  it('frees the lease of a probe that is aborted during its upload, so that the next request may probe', async () => {
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

  it('continues an upload while at least one request waits for it, and aborts it with the last one', async () => {
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
      // An upload that continued would be reported at its end.
      await scheduler.sleep(1000);
    });
    expect(uploads).toHaveLength(1);
  });
});

describe('dispatcher when GPU memory is short', () => {
  /** 80 % of the free memory is usable: enough for four matrices of 100 rows and not for a fifth. */
  const memory = { totalBytes: 4100 };

  it('evicts the operand with the largest product of bytes and age per saved time', async () => {
    const { scheduler, dispatcher, gpu, kept } = keeper({ memory });
    const [old, useful, large, fresh] = [matrixOf(100), matrixOf(100), matrixOf(200), matrixOf(100)];
    const events = await residencyEvents(() =>
      scheduler.run(async () => {
        unwrap(await dispatcher.run(best(useful)));
        unwrap(await dispatcher.run(best(old)));
        await scheduler.sleep(1000);
        for (let i = 0; i < 5; i++) unwrap(await dispatcher.run(best(useful)));
        unwrap(await dispatcher.run(best(large)));
        unwrap(await dispatcher.run(best(fresh)));
      }),
    );
    expect(events.filter((event) => event.includes('evicted'))).toEqual([`gpu:0 evicted ${old.id} 800`]);
    expect(kept()).toEqual({ operands: 3, bytes: 3200 });
    expect(gpu.simulatedMemory.ownBytes).toBe(3200);
    expect(gpu.residency(old).residentBytes).toBe(0);
  });

  it('never evicts a pinned operand, and does not keep another one that does not fit', async () => {
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

  it('does not evict an operand that a running request uses', async () => {
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

describe('dispatcher when an operand ends', () => {
  it('removes every copy of an operand after release(), even a pinned one', async () => {
    const { scheduler, dispatcher, gpu, kept } = keeper();
    const matrix = matrixOf(10, Infinity);
    unwrap(await scheduler.run(() => dispatcher.run(best(matrix))));
    dispatcher.release(matrix);
    expect(gpu.residency(matrix).residentBytes).toBe(0);
    expect(kept()).toEqual({ operands: 0, bytes: 0 });
    expect(dispatcher.snapshot('top-k').devices[0].memory?.trackedBytes).toBe(0);
  });

  it('forgets a copy that was released on the device directly', async () => {
    const { scheduler, dispatcher, gpu, kept } = keeper();
    const matrix = matrixOf(10);
    unwrap(await scheduler.run(() => dispatcher.run(best(matrix))));
    gpu.release(matrix);
    expect(kept()).toEqual({ operands: 0, bytes: 0 });
  });

  it('replaces the copy of an operand when its version changes', async () => {
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
