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
import { inVirtualTime, scriptedPolicy, told } from './placement-setup.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const CAPS = [MIB, 3 * MIB, 16 * MIB, 100 * MIB, GIB];
const BATCHES = [1, 2, 10, 999, 10_000, 123_456, 1_000_000];
const DIMENSIONS = 300;
const QUERY_BYTES = DIMENSIONS * 4;
/** A row, and its score. */
const ITEM_BYTES = DIMENSIONS * 4 + 4;
/** A request of more pieces has no business on a GPU. */
const MOST_PIECES = 1024;

/** A gigabyte of addresses: nobody ever touches the values, so that no memory stands behind them. */
const addresses = new Float32Array(1_000_000 * DIMENSIONS);
const matrixOf = (rows: number) => createMatrix(addresses.subarray(0, rows * DIMENSIONS), { dimensions: DIMENSIONS });
const query = new Float32Array(DIMENSIONS);
const requestFor = (rows: number, matrix = matrixOf(rows)) =>
  ({ operation: 'cosine-similarity', query, matrix }) as const;

const scoreOf = (row: number) => (row % 8191) + 1;

/** Devices know the score of each row without looking at it. */
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

describe.each(CAPS)('with a cap of %i bytes', (capBytes) => {
  it.each(BATCHES)(
    '%i rows: as few pieces as can be, none of them above it, every score in its place',
    async (rows) => {
      const { scheduler, gpu, cpu, dispatcher, attempts, peaks, expectNothingHeld } = setUp(capBytes);
      const { output } = unwrap(await scheduler.run(() => dispatcher.run(requestFor(rows))));
      expectScores(output, rows);
      const pieces = Math.ceil(rows / Math.floor((capBytes - QUERY_BYTES) / ITEM_BYTES));
      expect([gpu.counts.calls, cpu.counts.calls]).toEqual(pieces > MOST_PIECES ? [0, 1] : [pieces, 0]);
      expect(attempts).toHaveLength(gpu.counts.calls + cpu.counts.calls);
      for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
      // What was promised is what was taken.
      expect(peaks()[0]).toBe(peaks()[1]);
      expect(gpu.simulatedMemory.ownBytes).toBe(0);
      expectNothingHeld();
    },
  );

  it.each(BATCHES)('%i rows that the policy wants kept: copies count too', async (rows) => {
    const { scheduler, gpu, dispatcher, peaks, expectNothingHeld } = setUp(capBytes, {}, true);
    await scheduler.run(async () => {
      const matrix = matrixOf(rows);
      for (let i = 0; i < 2; i++) expectScores(unwrap(await dispatcher.run(requestFor(rows, matrix))).output, rows);
      // Another one, for which the first may have to go.
      expectScores(unwrap(await dispatcher.run(requestFor(rows))).output, rows);
    });
    for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
    const { residency, memory } = dispatcher.snapshot('cosine-similarity').devices[0];
    expect(gpu.simulatedMemory.ownBytes).toBe(residency?.bytes);
    expect(memory?.trackedBytes).toBe(residency?.bytes);
    expectNothingHeld();
  });

  it.each(BATCHES)('%i rows while somebody outside takes all but a seventh of it: smaller pieces', async (rows) => {
    const sizes: number[] = [];
    const fault = ({ load }: DeviceCall) => void sizes.push(load?.rows ?? 0);
    const memory = { totalBytes: capBytes / 7, reportedOutsideBytes: () => -8 * GIB };
    const { scheduler, gpu, cpu, dispatcher, attempts, peaks, expectNothingHeld } = setUp(capBytes, { memory, fault });
    expectScores(unwrap(await scheduler.run(() => dispatcher.run(requestFor(rows)))).output, rows);
    for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
    const piecesAtLeast = Math.ceil(rows / Math.floor((capBytes / 7 - QUERY_BYTES) / ITEM_BYTES));
    // One ceiling, met by halving: nine tenths of it may still be too much a few times more.
    expect(gpu.counts.outOfMemory).toBeLessThanOrEqual(Math.ceil(Math.log2(7)) + 8);
    expect(gpu.counts.calls + cpu.counts.calls).toBeLessThanOrEqual(gpu.counts.outOfMemory + 2 + 2 * piecesAtLeast);
    // What ran out of memory is not tried again as it is.
    if (gpu.counts.outOfMemory > 0) expect(sizes[1]).toBeLessThanOrEqual(sizes[0] / 2);
    if (2 * piecesAtLeast < MOST_PIECES) expect(told(attempts)).not.toContain('+cpu success');
    expect(gpu.simulatedMemory.ownBytes).toBe(0);
    expectNothingHeld();
  });

  it.each(BATCHES)(
    '%i rows while somebody outside takes more and more, and then all: the CPU does the rest',
    async (rows) => {
      let left = capBytes;
      const outside = { totalBytes: GIB, outsideBytes: () => GIB - left, reportedOutsideBytes: () => 0 };
      const { scheduler, gpu, dispatcher, attempts, peaks, expectNothingHeld } = setUp(capBytes, {
        memory: outside,
        // With each piece a third of what was left is gone.
        fault: () => void (left = left < QUERY_BYTES ? 0 : Math.floor(left / 1.5)),
      });
      const { output } = unwrap(await scheduler.run(() => dispatcher.run(requestFor(rows))));
      expectScores(output, rows);
      for (const peak of peaks()) expect(peak).toBeLessThanOrEqual(capBytes);
      expect(gpu.counts.calls).toBeLessThanOrEqual(4 * Math.log2(GIB));
      const sizes = told(attempts);
      if (gpu.counts.outOfMemory > 0) expect(sizes.at(-1)).toBe('+cpu success');
      expect(gpu.simulatedMemory.ownBytes).toBe(0);
      expectNothingHeld();
    },
  );
});

it('a large copy is counted although it was read as taken before it was counted, so that the cap holds', async () => {
  const rows = 10_000;
  const bytes = rows * QUERY_BYTES;
  const capBytes = 1.1 * bytes;
  // So slow an upload that the memory is read anew at its end: what is free is then free of the copy already.
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
