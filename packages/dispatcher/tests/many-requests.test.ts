import { describe, expect, it } from 'vitest';
import { createMatrix, unwrap, type OperationRequest, type VectorMatrix } from '@gearshift/contracts';
import { adaptivePolicy } from '@gearshift/policies';
import { createOracleBackend, createRandom, randomValues } from '@gearshift/testing';
import type { SimulatedDeviceOptions } from '@gearshift/testing/simulated-device';
import type { DispatcherOptions } from '../src/index.js';
import { inVirtualTime, scriptedPolicy, outcomesOf, twoDevices } from './placement-setup.js';

const ROWS = 60;
const DIMENSIONS = 4;
const OPERAND_BYTES = ROWS * DIMENSIONS * 4;
const matrixOf = (seed: number) => createMatrix(randomValues(ROWS * DIMENSIONS, seed), { dimensions: DIMENSIONS });
const oracle = createOracleBackend();

/** Request number `i`, with its own operation, size and range. */
function requestOf(matrix: VectorMatrix, i: number): OperationRequest {
  const queries = 1 + (i % 3);
  const query = randomValues(DIMENSIONS * queries, 1000 + i);
  const start = i % 7;
  if (i % 2 === 0) return { operation: 'cosine-similarity', query, queries, matrix, start };
  const metric = i % 4 === 1 ? 'dot' : 'euclidean';
  return { operation: 'top-k', query, queries, matrix, start, k: 1 + (i % 11), metric };
}

function expectAnswer(request: OperationRequest, output: unknown): void {
  const alone = inVirtualTime([oracle]).dispatcher(twoDevices().scheduler);
  const right = alone.runSync(request);
  if (!right.ok) throw new Error(right.error.message);
  expect(output).toEqual(right.value.output);
}

function setUp(gpuOptions: Partial<SimulatedDeviceOptions> = {}, options: Partial<DispatcherOptions> = {}) {
  const devices = twoDevices({ uploadMs: (bytes) => bytes / 500, ...gpuOptions });
  const scripted = scriptedPolicy((out, views) => {
    out.keep = views[0].bytesToKeep > 0 && views[0].bytesToKeep < Infinity;
    out.predictedMs = views[0].queueMs + 2;
    out.alternativeMs = 10;
  });
  const { attempts, dispatcher } = inVirtualTime([devices.gpu, devices.cpu], { policy: scripted.policy, ...options });
  return { ...devices, ...scripted, attempts, dispatcher: dispatcher(devices.scheduler) };
}

type Ready = ReturnType<typeof setUp>;

async function runAll({ scheduler, dispatcher }: Ready, requests: readonly OperationRequest[]) {
  const results = await scheduler.run(() => Promise.all(requests.map((request) => dispatcher.run(request))));
  return results.map(unwrap);
}

function expectNothingLeft({ dispatcher, gpu }: Ready, matrices: readonly VectorMatrix[]): void {
  for (const matrix of matrices) dispatcher.release(matrix);
  expect(gpu.simulatedMemory.ownBytes).toBe(0);
  const [device] = dispatcher.snapshot('top-k').devices;
  expect(device).toMatchObject({ queueLength: 0, residency: { operands: 0, bytes: 0 } });
  expect(device.memory).toMatchObject({ reservedBytes: 0, trackedBytes: 0 });
}

describe('dispatcher with fifty different concurrent queries', () => {
  const matrix = matrixOf(1);
  const requests = Array.from({ length: 50 }, (_, i) => requestOf(matrix, i));

  it.each([
    ['plenty of memory', 1e9],
    ['memory for the operand and some of the requests', (OPERAND_BYTES + 2000) / 0.8],
    ['memory for the operand and one request at a time', (OPERAND_BYTES + 900) / 0.8],
  ])('uploads the operand once and answers each query correctly, with %s', async (_name, capacity) => {
    const totalBytes = Math.ceil(capacity);
    const ready = setUp({ memory: { totalBytes } });
    const completed = await runAll(ready, requests);
    for (const [i, { output }] of completed.entries()) expectAnswer(requests[i], output);
    expect(ready.uploads).toHaveLength(1);
    expect(ready.gpu.counts.uploadedBytes).toBe(OPERAND_BYTES);
    expect(ready.gpu.simulatedMemory.peakBytes).toBeLessThanOrEqual(0.8 * totalBytes);
    expectNothingLeft(ready, [matrix]);
  });

  it('runs all requests in pieces and answers each correctly when only some rows fit in memory', async () => {
    const totalBytes = 700;
    const ready = setUp({ memory: { totalBytes } });
    const completed = await runAll(ready, requests);
    for (const [i, { output }] of completed.entries()) expectAnswer(requests[i], output);
    expect(ready.uploads).toEqual([]);
    expect(ready.gpu.counts.calls).toBeGreaterThan(100);
    expect(ready.gpu.simulatedMemory.peakBytes).toBeLessThanOrEqual(0.8 * totalBytes);
    expectNothingLeft(ready, [matrix]);
  });

  it('answers each query correctly while the GPU runs out of memory, fails and is lost', async () => {
    const random = createRandom(5);
    const ready = setUp({
      memory: { totalBytes: 2500, outsideBytes: () => random.integer(1500), reportedOutsideBytes: () => 0 },
      fault: ({ number }) => {
        if (number === 40) return { kind: 'fatal', afterMs: 1 };
        return random.integer(10) === 0 ? { kind: 'transient', afterMs: 1 } : undefined;
      },
    });
    const completed = await runAll(ready, requests);
    for (const [i, { output }] of completed.entries()) expectAnswer(requests[i], output);
    expect(ready.dispatcher.breaker('gpu:0')?.state).toBe('dead');
    expect(new Set(outcomesOf(ready.attempts))).toContain('gpu:0 device-lost');
    expectNothingLeft(ready, [matrix]);
  });

  it('ends with one resident copy that serves all requests when the adaptive policy runs them in waves', async () => {
    const ready = setUp(
      { kernelMs: ({ rows }) => 0.01 + rows * 1e-4, uploadMs: (bytes) => bytes / 1000 },
      { policy: adaptivePolicy() },
    );
    for (let wave = 0; wave < 12; wave++) {
      for (const [i, { output }] of (await runAll(ready, requests)).entries()) expectAnswer(requests[i], output);
    }
    expect(ready.dispatcher.snapshot('top-k').devices[0].residency).toEqual({ operands: 1, bytes: OPERAND_BYTES });
    const last = await ready.scheduler.run(() => ready.dispatcher.run(requests[0]));
    expect(unwrap(last).decision).toMatchObject({ backend: 'gpu:0', reason: 'resident' });
    expectNothingLeft(ready, [matrix]);
  });
});

describe('dispatcher with more operands than fit in GPU memory', () => {
  const matrices = Array.from({ length: 6 }, (_, i) => matrixOf(10 + i));
  const requests = Array.from({ length: 60 }, (_, i) => requestOf(matrices[(i * i) % 6], i));

  it.each([
    ['one', 1],
    ['two', 2],
    ['four', 4],
  ])('answers every request correctly and stays below the cap with room for %s', async (_name, operands) => {
    const capBytes = operands * OPERAND_BYTES + 1200;
    const ready = setUp({}, { memory: { capBytes } });
    for (let wave = 0; wave < 3; wave++) {
      const completed = await runAll(ready, requests);
      for (const [i, { output }] of completed.entries()) expectAnswer(requests[i], output);
    }
    expect(ready.gpu.simulatedMemory.peakBytes).toBeLessThanOrEqual(capBytes);
    expect(ready.gpu.simulatedMemory.peakBytes).toBeGreaterThan(operands * OPERAND_BYTES);
    // A request that waits too long for memory that others hold runs on the CPU. None fails.
    expect(ready.attempts.every(({ outcome }) => outcome === 'success')).toBe(true);
    expectNothingLeft(ready, matrices);
  });

  it('evicts as many small operands as a large one needs within the usable part of free memory', async () => {
    const ready = setUp({ memory: { totalBytes: 4000 } });
    const ofRows = (rows: number) => createMatrix(new Float32Array(rows * DIMENSIONS), { dimensions: DIMENSIONS });
    const small = Array.from({ length: 9 }, () => ofRows(25));
    const large = ofRows(125);
    for (const matrix of small) await runAll(ready, [requestOf(matrix, 0)]);
    expect(ready.dispatcher.snapshot('top-k').devices[0].residency).toEqual({ operands: 9, bytes: 3600 });
    await runAll(ready, [requestOf(large, 1)]);
    // Five small operands are as large as the large one, but only 80 % of the memory that they free is usable.
    expect(ready.gpu.residency(large).residentBytes).toBe(2000);
    expect(ready.dispatcher.snapshot('top-k').devices[0].residency).toEqual({ operands: 4, bytes: 3200 });
    expectNothingLeft(ready, [...small, large]);
  });
});

it('does not keep an operand that is released while it is being uploaded', async () => {
  const ready = setUp();
  const matrix = createMatrix(randomValues(ROWS * DIMENSIONS, 3), { dimensions: DIMENSIONS, expectedUses: Infinity });
  const request = requestOf(matrix, 3);
  const { scheduler, dispatcher } = ready;
  const result = await scheduler.run(async () => {
    const run = dispatcher.run(request);
    await scheduler.sleep(0.5);
    dispatcher.release(matrix);
    return run;
  });
  expectAnswer(request, unwrap(result).output);
  expect(ready.gpu.residency(matrix).residentBytes).toBe(0);
  expect(dispatcher.snapshot('top-k').devices[0].memory).toMatchObject({ reservedBytes: 0, trackedBytes: 0 });
});
