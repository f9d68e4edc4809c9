import { tellCount } from '@gearshift/vitest-config/effort';
import { afterEach, describe, expect, it } from 'vitest';
import { createMatrix, unwrap, type PreparedRequest, type TopKOutput } from '@gearshift/contracts';
import {
  createSimulatedDevice,
  createVirtualScheduler,
  type DeviceCall,
  type SimulatedDeviceOptions,
} from '@gearshift/testing/simulated-device';
import type { DispatcherOptions } from '../src/index.js';
import { inVirtualTime, scriptedPolicy, outcomesOf } from './placement-setup.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const CAPS = [MIB, 3 * MIB, 16 * MIB, 100 * MIB, GIB];
const BATCHES = [1, 2, 10, 999, 10_000, 123_456, 1_000_000];
const DIMENSIONS = 300;
const QUERY_BYTES = DIMENSIONS * 4;
/** A row, and its score. */
const ITEM_BYTES = DIMENSIONS * 4 + 4;
/** A request that needs more pieces runs on the CPU. */
const MOST_PIECES = 1024;

/** A gigabyte of addresses without physical memory, because no test reads or writes the values. */
const addresses = new Float32Array(1_000_000 * DIMENSIONS);
const matrixOf = (rows: number) => createMatrix(addresses.subarray(0, rows * DIMENSIONS), { dimensions: DIMENSIONS });
const query = new Float32Array(DIMENSIONS);
const requestFor = (rows: number, matrix = matrixOf(rows)) =>
  ({ operation: 'cosine-similarity', query, matrix }) as const;

const scoreOf = (row: number) => (row % 8191) + 1;

/** Writes the score of each row without reading the row. */
function answer(request: PreparedRequest, output: Float32Array | TopKOutput): void {
  if ('count' in output) throw new Error('expected scores to be wanted');
  for (let row = request.start; row < request.end; row++) output[row - request.start] = scoreOf(row);
}

function expectScores(output: Float32Array, rows: number): void {
  expect(output.length).toBe(rows);
  let wrong = 0;
  for (let row = 0; row < rows; row++) if (output[row] !== scoreOf(row)) wrong += 1;
  expect(wrong).toBe(0);
}

function setUp(capBytes: number, gpuOptions: Partial<SimulatedDeviceOptions> = {}, keep = false) {
  const scheduler = createVirtualScheduler();
  let peakBytes = 0;
  const look = () => {
    const { memory } = dispatcher.snapshot('cosine-similarity').devices[0];
    peakBytes = Math.max(peakBytes, (memory?.reservedBytes ?? 0) + (memory?.trackedBytes ?? 0));
    return 1;
  };
  const gpu = createSimulatedDevice({
    id: 'gpu:0',
    kind: 'gpu',
    scheduler,
    kernelMs: look,
    uploadMs: (bytes) => bytes / 1e6,
    memory: { totalBytes: 8 * GIB },
    answer,
    ...gpuOptions,
  });
  const cpu = createSimulatedDevice({ id: 'cpu', kind: 'cpu', scheduler, kernelMs: () => 10, answer });
  const { policy } = scriptedPolicy((out, views) => {
    out.keep = keep && views[0].bytesToKeep > 0 && views[0].bytesToKeep < Infinity;
  });
  const options: Partial<DispatcherOptions> = { policy, memory: { capBytes } };
  const { attempts, dispatcher: make } = inVirtualTime([gpu, cpu], options);
  const dispatcher = make(scheduler);
  /** Of the bytes that the dispatcher promised, and of those that the device took. */
  const peaks = () => [peakBytes, gpu.simulatedMemory.peakBytes];
  const expectNothingHeld = () => {
    const { memory } = dispatcher.snapshot('cosine-similarity').devices[0];
    expect(memory).toMatchObject({ reservedBytes: 0 });
  };
  return { scheduler, gpu, cpu, dispatcher, attempts, peaks, expectNothingHeld };
}

afterEach(({ task }) => {
  if (task.result?.state !== 'fail') tellCount('R9', 1);
});

describe.each(CAPS)('dispatcher with a memory cap of %i bytes', (capBytes) => {
  it.each(BATCHES)('scores %i rows correctly in as few pieces as possible without exceeding the cap', async (rows) => {
    const { scheduler, gpu, cpu, dispatcher, attempts, peaks, expectNothingHeld } = setUp(capBytes);
    const { output } = unwrap(await scheduler.run(() => dispatcher.run(requestFor(rows))));
    expectScores(output, rows);
    const pieces = Math.ceil(rows / Math.floor((capBytes - QUERY_BYTES) / ITEM_BYTES));
    expect([gpu.counts.calls, cpu.counts.calls]).toEqual(pieces > MOST_PIECES ? [0, 1] : [pieces, 0]);
    expect(attempts).toHaveLength(gpu.counts.calls + cpu.counts.calls);
    for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
    // Exactly the reserved bytes were used.
    expect(peaks()[0]).toBe(peaks()[1]);
    expect(gpu.simulatedMemory.ownBytes).toBe(0);
    expectNothingHeld();
  });

  it.each(BATCHES)('counts resident copies within the cap when the policy keeps %i rows', async (rows) => {
    const { scheduler, gpu, dispatcher, peaks, expectNothingHeld } = setUp(capBytes, {}, true);
    await scheduler.run(async () => {
      const matrix = matrixOf(rows);
      for (let i = 0; i < 2; i++) expectScores(unwrap(await dispatcher.run(requestFor(rows, matrix))).output, rows);
      // A second matrix, for which the first may be evicted.
      expectScores(unwrap(await dispatcher.run(requestFor(rows))).output, rows);
    });
    for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
    const { residency, memory } = dispatcher.snapshot('cosine-similarity').devices[0];
    expect(gpu.simulatedMemory.ownBytes).toBe(residency?.bytes);
    expect(memory?.trackedBytes).toBe(residency?.bytes);
    expectNothingHeld();
  });

  it.each(BATCHES)(
    'scores %i rows in smaller pieces while another process takes all but a seventh of the cap',
    async (rows) => {
      const sizes: number[] = [];
      const fault = ({ load }: DeviceCall) => void sizes.push(load?.rows ?? 0);
      const memory = { totalBytes: capBytes / 7, reportedOutsideBytes: () => -8 * GIB };
      const { scheduler, gpu, cpu, dispatcher, attempts, peaks, expectNothingHeld } = setUp(capBytes, {
        memory,
        fault,
      });
      expectScores(unwrap(await scheduler.run(() => dispatcher.run(requestFor(rows)))).output, rows);
      for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
      const piecesAtLeast = Math.ceil(rows / Math.floor((capBytes / 7 - QUERY_BYTES) / ITEM_BYTES));
      // Halving finds one ceiling; nine tenths of it may still be too much a few more times.
      expect(gpu.counts.outOfMemory).toBeLessThanOrEqual(Math.ceil(Math.log2(7)) + 8);
      expect(gpu.counts.calls + cpu.counts.calls).toBeLessThanOrEqual(gpu.counts.outOfMemory + 2 + 2 * piecesAtLeast);
      // A piece that ran out of memory is not tried again at the same size.
      if (gpu.counts.outOfMemory > 0) expect(sizes[1]).toBeLessThanOrEqual(sizes[0] / 2);
      if (2 * piecesAtLeast < MOST_PIECES) expect(outcomesOf(attempts)).not.toContain('+cpu success');
      expect(gpu.simulatedMemory.ownBytes).toBe(0);
      expectNothingHeld();
    },
  );

  it.each(BATCHES)(
    'finishes %i rows on the CPU while another process takes more and more GPU memory until none is free',
    async (rows) => {
      let left = capBytes;
      const outside = { totalBytes: GIB, outsideBytes: () => GIB - left, reportedOutsideBytes: () => 0 };
      const { scheduler, gpu, dispatcher, attempts, peaks, expectNothingHeld } = setUp(capBytes, {
        memory: outside,
        // Each piece leaves a third less than before.
        fault: () => void (left = left < QUERY_BYTES ? 0 : Math.floor(left / 1.5)),
      });
      const { output } = unwrap(await scheduler.run(() => dispatcher.run(requestFor(rows))));
      expectScores(output, rows);
      for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
      expect(gpu.counts.calls).toBeLessThanOrEqual(4 * Math.log2(GIB));
      const sizes = outcomesOf(attempts);
      if (gpu.counts.outOfMemory > 0) expect(sizes.at(-1)).toBe('+cpu success');
      expect(gpu.simulatedMemory.ownBytes).toBe(0);
      expectNothingHeld();
    },
  );
});

it('stays below the cap when the memory reading already includes a copy that is counted afterwards', async () => {
  const rows = 10_000;
  const bytes = rows * QUERY_BYTES;
  const capBytes = 1.1 * bytes;
  // The upload is so slow that the memory is read again at its end: free memory then already excludes the copy.
  const { scheduler, gpu, dispatcher, peaks } = setUp(
    capBytes,
    { memory: { totalBytes: 2 * bytes }, uploadMs: () => 1000 },
    true,
  );
  await scheduler.run(async () => {
    unwrap(await dispatcher.run(requestFor(rows)));
    await scheduler.sleep(1000);
    expectScores(unwrap(await dispatcher.run(requestFor(5000))).output, 5000);
  });
  expect(gpu.simulatedMemory.peakBytes).toBeGreaterThan(bytes / 2);
  for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
});
