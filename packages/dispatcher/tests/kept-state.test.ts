import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, it } from 'vitest';
import {
  CHANNELS,
  createMatrix,
  graphFromEdges,
  unwrap,
  type DispatchPolicy,
  type VectorMatrix,
} from '@gearshift/contracts';
import { cpu, fail, gpu, REQUEST, setUp } from './dispatch-setup.js';
import { inVirtualTime, scriptedPolicy, twoDevices } from './placement-setup.js';

const matrixOf = (rows: number) => createMatrix(new Float32Array(rows * 2).fill(1), { dimensions: 2 });
const best = (matrix: VectorMatrix) => ({ operation: 'top-k', query: Float32Array.of(1, 1), matrix, k: 1 }) as const;

it('evicts the copy that saves less time per use, even if it was used more recently', async () => {
  const [valuable, recent, another] = [matrixOf(100), matrixOf(100), matrixOf(100)];
  const { policy } = scriptedPolicy((out, views) => {
    out.keep = views[0].bytesToKeep > 0 && views[0].bytesToKeep < Infinity;
  });
  const withSavings: DispatchPolicy = {
    ...policy,
    decide(work, views, context, out) {
      policy.decide(work, views, context, out);
      out.predictedMs = views[0].queueMs + 2;
      out.alternativeMs = work.operandId === valuable.id ? 1000 : 10;
    },
  };
  // 80 % of what is free is usable: enough for two copies of 800 bytes.
  const { scheduler, gpu: device, cpu: host } = twoDevices({ memory: { totalBytes: 2300 } });
  const dispatcher = inVirtualTime([device, host], { policy: withSavings }).dispatcher(scheduler);
  await scheduler.run(async () => {
    for (const matrix of [valuable, recent]) {
      for (let i = 0; i < 3; i++) unwrap(await dispatcher.run(best(matrix)));
    }
    await scheduler.sleep(100);
    unwrap(await dispatcher.run(best(another)));
  });
  const bytes = [valuable, recent, another].map((matrix) => device.residency(matrix).residentBytes);
  expect(bytes).toEqual([800, 0, 800]);
});

it('opens the breaker of a GPU that has no memory for even the smallest chunk four times in a row', async () => {
  const one = { ...REQUEST, matrix: createMatrix(new Float32Array([1, 0]), { dimensions: 2 }) };
  const { dispatcher } = setUp([gpu(fail('out-of-memory')), cpu()]);
  const faults: (number | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    unwrap(await dispatcher.run(one));
    faults.push(dispatcher.breaker('cuda:0')?.snapshot().consecutiveFaults);
  }
  expect(faults).toEqual([1, 2, 3, 4]);
  expect(dispatcher.breaker('cuda:0')?.snapshot()).toMatchObject({ state: 'open', cause: 'consecutive-faults' });
});

it('does not count out-of-memory as a fault while smaller chunks succeed', async () => {
  const device = gpu((call, compute) => (call === 0 ? fail('out-of-memory')() : compute()));
  const { dispatcher } = setUp([device, cpu()]);
  unwrap(await dispatcher.run({ ...REQUEST, matrix: matrixOf(8) }));
  expect(device.calls.length).toBeGreaterThan(1);
  expect(dispatcher.breaker('cuda:0')?.snapshot()).toMatchObject({ consecutiveFaults: 0, state: 'closed' });
});

it('keeps the sampling of verification, the breaker and the counts when options change', async () => {
  const verified: unknown[] = [];
  const listen = (event: unknown) => void verified.push(event);
  subscribe(CHANNELS.verify, listen);
  try {
    let fails = false;
    const device = gpu((_call, compute) => (fails ? fail('fault')() : compute()));
    const { dispatcher } = setUp([device, cpu()], { verifyEveryNth: 3 });
    const counts: number[] = [];
    for (let i = 0; i < 7; i++) {
      unwrap(await dispatcher.run(REQUEST));
      counts.push(verified.length);
      dispatcher.updateOptions({ hangLimits: { floorMs: 300 + i } });
    }
    expect(counts).toEqual([1, 1, 1, 2, 2, 2, 3]);
    fails = true;
    for (let i = 0; i < 3; i++) {
      unwrap(await dispatcher.run(REQUEST));
      dispatcher.updateOptions({ hangLimits: { floorMs: 250 } });
    }
    expect(dispatcher.breaker('cuda:0')?.snapshot().consecutiveFaults).toBe(3);
    expect(Object.values(dispatcher.decisions('cosine-similarity')).reduce((sum, count) => sum + count)).toBe(10);
  } finally {
    unsubscribe(CHANNELS.verify, listen);
  }
});

it('tells the policy that an attempt waited behind one that began before its options changed', async () => {
  const { policy, samples } = scriptedPolicy();
  const { scheduler, gpu: device, cpu: host } = twoDevices();
  const dispatcher = inVirtualTime([device, host], { policy }).dispatcher(scheduler);
  const matrix = matrixOf(10);
  await scheduler.run(async () => {
    const first = dispatcher.run(best(matrix));
    await scheduler.sleep(0.1);
    dispatcher.updateOptions({ hangLimits: { floorMs: 300 } });
    const second = dispatcher.run(best(matrix));
    unwrap(await first);
    unwrap(await second);
  });
  expect(samples.map(({ queued }) => queued)).toEqual([false, true]);
});

it('does not try a GPU again that failed with all hops at once, even if its memory has become scarce', async () => {
  let nowMs = 0;
  let freeBytes = 1e9;
  const device = {
    ...gpu(() => {
      freeBytes = 64;
      nowMs += 60_000;
      return fail('fault')();
    }),
    memory: () => ({ freeBytes, totalBytes: 1e9, readAtMs: nowMs }),
  };
  const { dispatcher } = setUp([device, cpu()], { clock: () => (nowMs += 1e-3) });
  const edges = Array.from({ length: 63 }, (_, node) => [node, node + 1, 1] as const);
  const request = {
    operation: 'spread-activation',
    graph: graphFromEdges(64, edges),
    activations: new Float32Array(64).fill(1),
    hops: 2,
  } as const;
  const { attempts } = unwrap(await dispatcher.run(request));
  expect(attempts.map(({ backend, outcome }) => `${backend} ${outcome}`)).toEqual(['cuda:0 fault', 'cpu success']);
});
