import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  type BackendErrorKind,
  type VectorMatrix,
} from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import {
  createSimulatedDevice,
  createVirtualScheduler,
  faultScript,
  type DeviceCall,
  type SimulatedDevice,
  type SimulatedDeviceOptions,
  type SimulatedFault,
} from '../../src/simulated-device/index.js';
import { randomValues } from '../../src/index.js';

const DIMENSIONS = 4;
const ROW_BYTES = DIMENSIONS * 4;

/** One millisecond a row to compute, one for every four bytes-of-a-row to move. */
function createGpu(options: Partial<SimulatedDeviceOptions> = {}) {
  const scheduler = createVirtualScheduler();
  const gpu = createSimulatedDevice({
    id: 'gpu:0',
    kind: 'gpu',
    scheduler,
    kernelMs: ({ rows }) => rows,
    uploadMs: (bytes) => (2 * bytes) / ROW_BYTES,
    ...options,
  });
  return { scheduler, gpu };
}

function matrixOf(rows: number, seed = rows): VectorMatrix {
  return createMatrix(randomValues(rows * DIMENSIONS, seed), { dimensions: DIMENSIONS });
}

/** Finds the best row of all, so that answers differ between matrices. */
async function bestOf(
  gpu: SimulatedDevice,
  matrix: VectorMatrix,
  options: { end?: number; signal?: AbortSignal } = {},
) {
  const { end = matrix.rows, signal } = options;
  const query = Float32Array.from(matrix.values.subarray(0, DIMENSIONS));
  const request = prepareTopK({ operation: 'top-k', query, matrix, k: 1, end });
  const output = createTopKOutput(request);
  const result = await gpu.topK(request, output, signal);
  return { result, output };
}

describe('createSimulatedDevice', () => {
  it('answers correctly and reports the time of each phase', async () => {
    const { scheduler, gpu } = createGpu();
    const matrix = matrixOf(10);
    const { result, output } = await scheduler.run(() => bestOf(gpu, matrix));
    expect(result).toEqual({
      ok: true,
      value: { queueMs: 0, uploadMs: 20, kernelMs: 10, downloadMs: 0, totalMs: 30, fused: false },
    });
    expect(output.indices[0]).toBe(0);
    expect(output.scores[0]).toBeCloseTo(1, 5);
    expect(scheduler.nowMs()).toBe(30);
    expect(gpu.counts).toMatchObject({ calls: 1, uploadedBytes: 10 * ROW_BYTES, busyMs: 30 });
  });

  it('uploads only the rows that are read, and keeps none of them', async () => {
    const { scheduler, gpu } = createGpu();
    const matrix = matrixOf(10);
    for (let i = 0; i < 2; i++) {
      const { result } = await scheduler.run(() => bestOf(gpu, matrix, { end: 3 }));
      expect(result).toMatchObject({ ok: true, value: { uploadMs: 6, kernelMs: 3 } });
    }
    expect(gpu.residency(matrix)).toEqual({ residentBytes: 0, bytesToUpload: 10 * ROW_BYTES });
    expect(gpu.simulatedMemory.ownBytes).toBe(0);
  });

  it('uploads nothing when it shares the memory of the caller', async () => {
    const { scheduler, gpu } = createGpu({ kind: 'cpu', uploadMs: undefined });
    const matrix = matrixOf(10);
    const { result } = await scheduler.run(() => bestOf(gpu, matrix));
    expect(result).toMatchObject({ ok: true, value: { uploadMs: 0, totalMs: 10 } });
    expect(gpu.residency(matrix).bytesToUpload).toBe(0);
  });

  it('keeps a resident operand until it is released or changed', async () => {
    const { scheduler, gpu } = createGpu();
    const matrix = matrixOf(10);
    const kept = await scheduler.run(() => gpu.makeResident(matrix));
    expect(kept).toMatchObject({ ok: true, value: { uploadMs: 20, kernelMs: 0 } });
    expect(gpu.residency(matrix)).toEqual({ residentBytes: 10 * ROW_BYTES, bytesToUpload: 0 });
    expect(gpu.simulatedMemory.ownBytes).toBe(10 * ROW_BYTES);
    const again = await scheduler.run(() => gpu.makeResident(matrix));
    expect(again).toMatchObject({ ok: true, value: { uploadMs: 0, totalMs: 0 } });
    const { result } = await scheduler.run(() => bestOf(gpu, matrix));
    expect(result).toMatchObject({ ok: true, value: { uploadMs: 0, totalMs: 10 } });

    const changed = { ...matrix, version: 2 };
    expect(gpu.residency(changed)).toEqual({ residentBytes: 0, bytesToUpload: 10 * ROW_BYTES });
    expect(await scheduler.run(() => gpu.makeResident(changed))).toMatchObject({ ok: true });
    expect(gpu.simulatedMemory.ownBytes).toBe(10 * ROW_BYTES);
    gpu.release(changed);
    gpu.release(changed);
    expect(gpu.simulatedMemory.ownBytes).toBe(0);
  });

  it('places copies without a delay', () => {
    const { gpu, scheduler } = createGpu();
    const matrix = matrixOf(10);
    gpu.placeResident(matrix);
    gpu.placeResident(matrix);
    expect(gpu.residency(matrix).bytesToUpload).toBe(0);
    expect(gpu.simulatedMemory.ownBytes).toBe(10 * ROW_BYTES);
    expect(scheduler.nowMs()).toBe(0);
  });

  it('works on one request at a time, in order, and reports the wait', async () => {
    const { scheduler, gpu } = createGpu({ uploadMs: undefined });
    const [first, second, third] = [5, 3, 2].map((rows) => matrixOf(rows));
    const results = await scheduler.run(async () => {
      const runs = [bestOf(gpu, first), bestOf(gpu, second)];
      await scheduler.sleep(6);
      return Promise.all([...runs, bestOf(gpu, third)]);
    });
    expect(results.map(({ result }) => (result.ok ? [result.value.queueMs, result.value.totalMs] : result))).toEqual([
      [0, 5],
      [5, 8],
      [2, 4],
    ]);
  });

  it('returns from an aborted call at once, never begins aborted waiting work, and finishes begun work', async () => {
    const { scheduler, gpu } = createGpu({ uploadMs: undefined });
    const controllers = [new AbortController(), new AbortController()];
    const endedAtMs: number[] = [];
    const run = async (rows: number, signal?: AbortSignal) => {
      const { result, output } = await bestOf(gpu, matrixOf(rows), { ...(signal && { signal }) });
      endedAtMs.push(scheduler.nowMs());
      return { outcome: result.ok ? 'success' : result.error.kind, count: output.count };
    };
    const outcomes = await scheduler.run(async () => {
      const runs = [run(10, controllers[0].signal), run(5, controllers[1].signal), run(3)];
      await scheduler.sleep(2);
      controllers[1].abort();
      await scheduler.sleep(2);
      controllers[0].abort();
      return Promise.all(runs);
    });
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted', 'success']);
    expect(endedAtMs).toEqual([2, 4, 13]);
    const { result } = await scheduler.run(() => bestOf(gpu, matrixOf(1), { signal: AbortSignal.abort() }));
    expect(result).toMatchObject({ ok: false, error: { kind: 'aborted' } });
  });

  it('runs out of memory when others take it, even if its readings are outdated, and frees the memory of requests', async () => {
    let outsideBytes = 0;
    const reported: number[] = [];
    const { scheduler, gpu } = createGpu({
      outOfMemoryMs: 7,
      memory: {
        totalBytes: 100 * ROW_BYTES,
        outsideBytes: () => outsideBytes,
        reportedOutsideBytes: () => reported.at(-1) ?? 0,
        reportedAtMs: () => -250,
      },
    });
    const matrix = matrixOf(80);
    expect((await scheduler.run(() => bestOf(gpu, matrix))).result.ok).toBe(true);
    outsideBytes = 30 * ROW_BYTES;
    expect(gpu.memory()).toEqual({ freeBytes: 100 * ROW_BYTES, totalBytes: 100 * ROW_BYTES, readAtMs: -250 });
    const before = scheduler.nowMs();
    const { result } = await scheduler.run(() => bestOf(gpu, matrix));
    expect(scheduler.nowMs() - before).toBe(7);
    expect(result).toMatchObject({
      ok: false,
      // The rows, the query, and an index and a score.
      error: { kind: 'out-of-memory', requestedBytes: 81 * ROW_BYTES + 8, freeBytes: 70 * ROW_BYTES },
    });
    expect(await scheduler.run(() => gpu.makeResident(matrix))).toMatchObject({ error: { kind: 'out-of-memory' } });
    expect(gpu.residency(matrix).residentBytes).toBe(0);
    reported.push(outsideBytes);
    expect(gpu.memory().freeBytes).toBe(70 * ROW_BYTES);
    expect(gpu.counts.outOfMemory).toBe(2);
    expect(gpu.simulatedMemory).toMatchObject({ ownBytes: 0, peakBytes: 81 * ROW_BYTES + 8 });
    outsideBytes = 0;
    expect((await scheduler.run(() => bestOf(gpu, matrix))).result.ok).toBe(true);
  });

  describe('with faults', () => {
    const failing: readonly [SimulatedFault, BackendErrorKind, number][] = [
      [{ kind: 'transient', afterMs: 3 }, 'fault', 3],
      [{ kind: 'hang', forMs: 50 }, 'timeout', 50],
      [{ kind: 'fatal', afterMs: 2 }, 'device-lost', 2],
    ];
    it.each(failing)('%o fails with %s after %d ms', async (fault, kind, lostMs) => {
      const { scheduler, gpu } = createGpu({ fault: faultScript([undefined, fault]) });
      const matrix = matrixOf(10);
      gpu.placeResident(matrix);
      expect((await scheduler.run(() => bestOf(gpu, matrix))).result.ok).toBe(true);
      const { result } = await scheduler.run(() => bestOf(gpu, matrix));
      expect(result).toMatchObject({ ok: false, error: { kind, backend: 'gpu:0' } });
      expect(scheduler.nowMs()).toBe(10 + lostMs);
      const { result: later } = await scheduler.run(() => bestOf(gpu, matrix));
      expect(later.ok ? 'success' : later.error.kind).toBe(kind === 'device-lost' ? kind : 'success');
      expect(gpu.residency(matrix).residentBytes).toBe(kind === 'device-lost' ? 0 : 10 * ROW_BYTES);
      expect(gpu.counts.faults).toBe(1);
    });

    it('returns wrong answers in the normal time as successes', async () => {
      const { scheduler, gpu } = createGpu({
        fault: faultScript([undefined, { kind: 'silent-zeros' }, { kind: 'wrong-result' }]),
      });
      const matrix = matrixOf(10);
      const runs = [];
      for (let i = 0; i < 3; i++) runs.push(await scheduler.run(() => bestOf(gpu, matrix)));
      expect(runs.map(({ result }) => result.ok && result.value.totalMs)).toEqual([30, 30, 30]);
      const [right, zeros, wrong] = runs.map(({ output }) => output.scores[0]);
      expect(right).toBeCloseTo(1, 5);
      expect(zeros).toBe(0);
      expect(wrong).toBeCloseTo(1.5, 5);
    });

    it('blocks later calls while a call hangs, but not the caller that aborts it', async () => {
      const { scheduler, gpu } = createGpu({ fault: faultScript([{ kind: 'hang', forMs: Infinity }]) });
      const matrix = matrixOf(1);
      const controller = new AbortController();
      const hung = scheduler.run(async () => {
        const run = bestOf(gpu, matrix, { signal: controller.signal });
        await scheduler.sleep(100);
        controller.abort();
        return run;
      });
      expect((await hung).result).toMatchObject({ ok: false, error: { kind: 'aborted' } });
      await expect(scheduler.run(() => bestOf(gpu, matrix))).rejects.toThrow('nothing is left to happen');
    });

    it('passes all properties of a call to the fault function', async () => {
      const calls: DeviceCall[] = [];
      const { scheduler, gpu } = createGpu({
        fault(call) {
          calls.push(call);
          return call.kind === 'make-resident' ? { kind: 'transient', afterMs: 1 } : undefined;
        },
      });
      const matrix = matrixOf(10);
      expect(await scheduler.run(() => gpu.makeResident(matrix))).toMatchObject({ error: { kind: 'fault' } });
      expect((await scheduler.run(() => bestOf(gpu, matrix, { end: 4 }))).result.ok).toBe(true);
      expect(calls).toMatchObject([
        { number: 0, kind: 'make-resident', load: null, operandId: matrix.id, uploadBytes: 160, startedAtMs: 0 },
        { number: 1, kind: 'request', load: { rows: 4, queries: 1 }, uploadBytes: 64, startedAtMs: 1 },
      ]);
    });
  });

  it('waits for requests under way in close(), then refuses new ones', async () => {
    const { scheduler, gpu } = createGpu();
    const matrix = matrixOf(10);
    gpu.placeResident(matrix);
    const order: string[] = [];
    await scheduler.run(async () => {
      const run = bestOf(gpu, matrix).then(({ result }) => order.push(`answered ${result.ok}`));
      await gpu.close().then(() => order.push('closed'));
      await run;
    });
    expect(order.toSorted()).toEqual(['answered true', 'closed']);
    expect(scheduler.nowMs()).toBe(10);
    expect(gpu.simulatedMemory.ownBytes).toBe(0);
    expect((await bestOf(gpu, matrix)).result).toMatchObject({ ok: false, error: { kind: 'unsupported' } });
  });
});
