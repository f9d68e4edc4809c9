import fc from 'fast-check';
import { err, ok, unwrap } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import {
  createChunkSizer,
  createMemoryBudget,
  planChunks,
  processInChunks,
  reserveWhole,
  runRanges,
  type ChunkLimits,
  type RangeOptions,
} from '../src/index.js';
import { expectError } from './expect-error.js';
import { FakeDevice } from './fake-device.js';
import { VirtualTime } from './virtual-time.js';

const FULL = err({ kind: 'out-of-memory', message: 'full' });

/** Sizes of the chunks that were tried, on a device on which at most `capacity()` items fit. */
async function sizesOf(total: number, options: RangeOptions, capacity: () => number): Promise<number[]> {
  const sizes: number[] = [];
  const run = runRanges(total, { chunkTimeoutMs: Infinity, ...options }, (start, end) => {
    sizes.push(end - start);
    return end - start > capacity() ? FULL : ok(null);
  });
  unwrap(await run);
  return sizes;
}

describe('chunk sizes', () => {
  it('does everything in one chunk without limits, and cuts evenly with them', async () => {
    expect(await sizesOf(1000, {}, () => Infinity)).toEqual([1000]);
    expect(await sizesOf(10, { maxChunkItems: 4 }, () => Infinity)).toEqual([4, 3, 3]);
    expect(await sizesOf(9, { maxChunkItems: 8 }, () => Infinity)).toEqual([5, 4]);
  });

  it('follows the free memory from chunk to chunk', async () => {
    const time = new VirtualTime();
    const device = new FakeDevice(100, 100);
    const budget = createMemoryBudget(device, { clock: time.clock, usableFraction: 1 });
    const sizes: number[] = [];
    const run = runRanges(200, { budget, bytesPerItem: 1, ...time.options() }, (start, end) => {
      sizes.push(end - start);
      device.freeBytes = sizes.length === 1 ? 10 : 100;
      time.nowMs += 250;
      return ok(null);
    });
    unwrap(await run);
    expect(sizes).toEqual([100, 10, 90]);
  });

  it('halves the size when memory runs out, then grows by a tenth up to nine tenths of the ceiling', () => {
    const sizer = createChunkSizer({ clock: () => 0 });
    expect(sizer.maxItems(1, null)).toBe(Infinity);
    sizer.ranOutOfMemory(1001, 1, null);
    expect(sizer.maxItems(1, null)).toBe(500);
    const sizes = Array.from({ length: 8 }, () => {
      sizer.succeeded(sizer.maxItems(1, null), 1);
      return sizer.maxItems(1, null);
    });
    expect(sizes).toEqual([550, 605, 665, 732, 805, 885, 900, 900]);
    sizer.ranOutOfMemory(1, 1, null);
    expect(sizer.maxItems(1, null)).toBe(1);
  });

  it('finds a size that fits after few failures, however large the work', async () => {
    const time = new VirtualTime();
    const sizer = createChunkSizer({ clock: time.clock });
    const sizes = await sizesOf(1_000_000, { sizer, ...time.options() }, () => 60_000);
    expect(sizes.slice(0, 5)).toEqual([1_000_000, 500_000, 250_000, 125_000, 62_500]);
    expect(sizes.filter((size) => size > 60_000)).toHaveLength(5);
    expect(sizes.length).toBeLessThan(5 + 1_000_000 / 31_250);
  });

  it('keeps below the ceiling for 30 seconds, then doubles the size with each success', async () => {
    const time = new VirtualTime();
    const sizer = createChunkSizer({ clock: time.clock });
    const limits = { sizer, ...time.options() };
    let capacity = 600;
    expect(await sizesOf(1000, limits, () => capacity)).toEqual([1000, 500, 500]);
    capacity = Infinity;
    time.nowMs += 29_999;
    expect(Math.max(...(await sizesOf(5000, limits, () => capacity)))).toBeLessThanOrEqual(900);
    time.nowMs += 1;
    expect((await sizesOf(20_000, limits, () => capacity)).length).toBeLessThan(9);
    expect(await sizesOf(5000, limits, () => capacity)).toEqual([5000]);
  });

  it('lifts the ceiling as soon as a quarter more memory is free', async () => {
    const time = new VirtualTime();
    const device = new FakeDevice(1000, 1e6);
    const budget = createMemoryBudget(device, { clock: time.clock, usableFraction: 1 });
    const sizer = createChunkSizer({ clock: time.clock });
    const limits = { budget, sizer, bytesPerItem: 0.1, ...time.options() };
    let capacity = 600;
    expect(await sizesOf(1000, limits, () => capacity)).toEqual([1000, 500, 500]);
    capacity = Infinity;
    device.freeBytes = 1249;
    time.nowMs += 250;
    expect(planChunks(1000, limits)).toBe(2);
    device.freeBytes = 1250;
    time.nowMs += 250;
    expect(planChunks(1000, limits)).toBe(1);
  });

  it('does not make chunks smaller than minChunkItems to fit', async () => {
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 100 });
    const options = { budget, bytesPerItem: 10, minChunkItems: 11 };
    expect(planChunks(50, options)).toBe(Infinity);
    expect(planChunks(10, options)).toBe(1);
    const result = await runRanges(50, { minChunkItems: 20 }, (start, end) => (end - start > 1 ? FULL : ok(null)));
    expect(result).toMatchObject({ ok: false, error: { kind: 'out-of-memory', partial: { attemptCount: 3 } } });
  });

  it('reserves more memory when work needs more than its model says', async () => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(1000), { clock: time.clock, usableFraction: 1 });
    const limits = { budget, bytesPerItem: 1 };
    expect(planChunks(1000, limits)).toBe(1);
    budget.recordOutOfMemory(500);
    expect(planChunks(1000, limits)).toBe(2);
    await sizesOf(1000, { ...limits, ...time.options() }, () => {
      expect(budget.reservedBytes()).toBe(625);
      return Infinity;
    });
  });
});

describe('out of memory', () => {
  it('tries the same size once more after idle memory was freed, then half of it', async () => {
    let freed = 0;
    const freeIdleMemory = () => void (freed += 1);
    expect(await sizesOf(8, { freeIdleMemory }, () => (freed > 0 ? 8 : 4))).toEqual([8, 8]);
    freed = 0;
    expect(await sizesOf(8, { freeIdleMemory: async () => freeIdleMemory() }, () => 4)).toEqual([8, 8, 4, 4]);
    expect(freed).toBe(1);
  });

  it.each([
    ['there was nothing to free', () => false],
    ['freeing fails', () => { throw new Error('no'); }], // prettier-ignore
    ['freeing rejects', () => Promise.reject(new Error('no'))],
  ])('does not try the same size again when %s', async (_what, freeIdleMemory) => {
    expect(await sizesOf(8, { freeIdleMemory }, () => 4)).toEqual([8, 4, 4]);
  });

  it('gives up the wait for a function that frees idle memory', async () => {
    const time = new VirtualTime();
    const options = { freeIdleMemory: () => new Promise(() => undefined), chunkTimeoutMs: 100, ...time.options() };
    expect(await time.until(sizesOf(8, options, () => 4))).toEqual([8, 4, 4]);
  });

  it('corrects the memory model when memory runs out although enough was free', async () => {
    const budget = createMemoryBudget(new FakeDevice(1000), { usableFraction: 1 });
    await sizesOf(500, { budget, bytesPerItem: 1 }, () => 250);
    expect(budget.inflation()).toBeGreaterThan(1.2);
  });

  it('forgets the size of a chunk that was tried again once it succeeded', async () => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 200, clock: time.clock });
    budget.trackAllocation(150);
    const freeIdleMemory = () => budget.trackDeallocation(150);
    const options = { budget, bytesPerItem: 10, freeIdleMemory, ...time.options() };
    let failures = 1;
    expect(await sizesOf(20, options, () => (failures-- > 0 ? 0 : Infinity))).toEqual([5, 5, 15]);
  });

  it('reads the free memory again after idle memory was freed', async () => {
    const time = new VirtualTime();
    const device = new FakeDevice(50, 1000);
    const budget = createMemoryBudget(device, { usableFraction: 1, clock: time.clock });
    const freeIdleMemory = () => (device.freeBytes = 500);
    const options = { budget, bytesPerItem: 10, freeIdleMemory, ...time.options() };
    let failures = 1;
    expect(await sizesOf(20, options, () => (failures-- > 0 ? 0 : Infinity))).toEqual([5, 5, 15]);
  });

  it('reads the free memory again after idle memory was freed for the first chunk', async () => {
    const time = new VirtualTime();
    const startedMs = time.nowMs;
    const device = new FakeDevice(5, 1000);
    const budget = createMemoryBudget(device, { usableFraction: 1, clock: time.clock });
    const freeIdleMemory = () => (device.freeBytes = 500);
    const options = { budget, bytesPerItem: 10, freeIdleMemory, ...time.options() };
    expect(await time.until(sizesOf(20, options, () => Infinity))).toEqual([20]);
    expect(time.nowMs).toBe(startedMs);
  });

  it('waits for memory that other work has reserved, and frees nothing', async () => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 100, clock: time.clock });
    const held = unwrap(budget.reserve(95));
    let freed = 0;
    const freeIdleMemory = () => (freed += 1);
    const run = runRanges(20, { budget, bytesPerItem: 10, freeIdleMemory, ...time.options() }, () => ok(null));
    setImmediate(() => held.release());
    expect(unwrap(await run).chunks).toBe(2);
    expect(freed).toBe(0);
    expect(time.pending).toBe(0);
  });

  it('frees idle memory when nothing is reserved, or when the wait is over', async () => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 100, clock: time.clock });
    budget.trackAllocation(95);
    const freeIdleMemory = () => budget.trackDeallocation(95);
    const options = { budget, bytesPerItem: 10, freeIdleMemory, ...time.options() };
    expect(unwrap(await time.until(runRanges(20, options, () => ok(null)))).chunks).toBe(2);
    expect(time.nowMs).toBe(1000);
    const held = unwrap(budget.reserve(5));
    budget.trackAllocation(90);
    expect(unwrap(await time.until(runRanges(9, options, () => ok(null)))).chunks).toBe(1);
    expect(time.nowMs).toBe(2000);
    held.release();
  });
});

it('returns the same result however the work is cut (seed 3)', async () => {
  const items = Array.from({ length: 50 }, (_, index) => index);
  const whole = unwrap(await processInChunks(items, {}, (chunk) => ok(chunk.map((item) => Math.sin(item)))));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 60 }),
      fc.option(fc.integer({ min: 1, max: 500 }), { nil: Infinity }),
      async (maxChunkItems, capacity, capBytes) => {
        const budget = createMemoryBudget(new FakeDevice(null), { capBytes: Math.max(capBytes, 10) });
        const options = { maxChunkItems, budget, bytesPerItem: 10 };
        const result = await processInChunks<number, number>(items, options, (chunk) =>
          chunk.length > capacity ? FULL : ok(chunk.map((item) => Math.sin(item))),
        );
        expect(unwrap(result)).toEqual(whole);
      },
    ),
    { numRuns: 500, seed: 3 },
  );
});

describe('planChunks and reserveWhole', () => {
  const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 1000 });
  const limits: ChunkLimits = { budget, bytesPerItem: 10, fixedBytes: 100 };

  it('plans the number of chunks, and reserves nothing', () => {
    expect([0, 1, 90, 91, 180, 181].map((total) => planChunks(total, limits))).toEqual([0, 1, 1, 2, 2, 3]);
    expect(planChunks(7)).toBe(1);
    expect(planChunks(7, { maxChunkItems: 2 })).toBe(4);
    expect(budget.reservedBytes()).toBe(0);
  });

  it('reserves memory for all items if they fit, and none otherwise', () => {
    const whole = reserveWhole(90, limits);
    expect(whole?.bytes).toBe(1000);
    expect(planChunks(1, limits)).toBe(Infinity);
    expect(reserveWhole(1, limits)).toBeNull();
    whole?.release();
    expect(reserveWhole(91, limits)).toBeNull();
    expect(budget.reservedBytes()).toBe(0);
    reserveWhole(1_000_000)?.release();
    expect(reserveWhole(3, { maxChunkItems: 2 })).toBeNull();
  });
});

describe('memory that others hold', () => {
  /** A run of 50 items beside a reservation of 95 of 100, with the sizes of its chunks. */
  const setUp = (more: RangeOptions) => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(1e6), { clock: time.clock, capBytes: 1000 });
    const held = unwrap(budget.reserve(950));
    const chunkSizes: number[] = [];
    const options = { ...time.options(), budget, bytesPerItem: 10, ...more };
    const run = runRanges(50, options, (start, end) => {
      chunkSizes.push(end - start);
      return ok(null);
    });
    return { time, held, chunkSizes, run };
  };

  it('waits for memory that others hold instead of running tiny chunks', async () => {
    const { time, held, chunkSizes, run } = setUp({ memoryWaitMs: 1000 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(chunkSizes).toEqual([]);
    held.release();
    unwrap(await time.until(run));
    expect(chunkSizes).toEqual([50]);
  });

  it('waits for memory no longer than the deadline', async () => {
    const { time, run } = setUp({ deadlineMs: 50, memoryWaitMs: 1000 });
    const startedMs = time.nowMs;
    const error = expectError(await time.until(run));
    expect(error).toMatchObject({ kind: 'deadline-exceeded', partial: { attemptCount: 0 } });
    expect(time.nowMs - startedMs).toBe(50);
    expect(time.pending).toBe(0);
  });

  it('ends the wait for memory when the caller aborts', async () => {
    const controller = new AbortController();
    const { time, run, chunkSizes } = setUp({ signal: controller.signal, memoryWaitMs: Infinity });
    setImmediate(() => controller.abort());
    // Nothing moves the clock.
    expect(expectError(await run).kind).toBe('aborted');
    expect(chunkSizes).toEqual([]);
    expect(time.pending).toBe(0);
  });

  it('waits for memory no longer than memoryWaitMs and only once, then runs tiny chunks', async () => {
    const { time, chunkSizes, run } = setUp({ memoryWaitMs: 600 });
    const startedMs = time.nowMs;
    unwrap(await time.until(run));
    expect(chunkSizes).toEqual(new Array(10).fill(5));
    expect(time.nowMs - startedMs).toBe(600);
  });
});

describe('a function that always runs out of memory', () => {
  /** Readings of the free memory that allow the same size again after each failure. */
  const READINGS: readonly (readonly [string, (reading: number) => number])[] = [
    ['always reports 0 free bytes', () => 0],
    ['reports more free memory with each reading', (reading) => 1000 * 2 ** reading],
    ['reports infinite free memory', () => Infinity],
    ['alternates between little and much free memory', (reading) => (reading % 2 === 0 ? 1 : 1e6)],
  ];

  it.each(READINGS)('ends after as many calls as halvings on a device that %s', async (_name, freeBytes) => {
    let readings = 0;
    const source = () => ({ freeBytes: freeBytes(readings++), totalBytes: 1e6, readAtMs: 0 });
    const budget = createMemoryBudget(source, { maxAgeMs: 0 });
    for (const minChunkItems of [1, 10]) {
      let calls = 0;
      const error = expectError(
        await runRanges(1000, { budget, minChunkItems }, () => {
          calls += 1;
          // A run that does not end would block the event loop, and with it the timeout of the test.
          if (calls > 100) throw new Error('more calls than halvings');
          return FULL;
        }),
      );
      expect(error).toMatchObject({ kind: 'out-of-memory', range: { start: 0, end: minChunkItems } });
      expect(calls).toBe(minChunkItems === 1 ? 10 : 8);
    }
  });

  it('ends with several chunks under way, a fallback, and memory to free each time', async () => {
    const budget = createMemoryBudget(() => ({ freeBytes: 0, totalBytes: 1e6, readAtMs: 0 }), { maxAgeMs: 0 });
    let calls = 0;
    const fn = () => {
      calls += 1;
      if (calls > 1000) throw new Error('more calls than halvings');
      return FULL;
    };
    const options = { budget, concurrency: 4, maxChunkItems: 64, fallback: fn, freeIdleMemory: () => true };
    expect(expectError(await runRanges(1000, options, fn)).kind).toBe('out-of-memory');
    expect(calls).toBeLessThan(100);
  });
});

describe('memory that is not reserved in the budget', () => {
  it('ends at once when a device is full of the memory of other programs', async () => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(0, 1e6), { clock: time.clock });
    const startedMs = time.nowMs;
    const run = runRanges(5, { ...time.options(), budget, bytesPerItem: 100 }, () => ok(null));
    const error = expectError(await time.until(run));
    expect(error.kind).toBe('overloaded');
    expect(error.message).toContain('one item needs 100 bytes, but 0 are available');
    expect(time.nowMs).toBe(startedMs);
  });

  it('ends at once when memory that the caller keeps fills the cap', async () => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(1e6), { clock: time.clock, capBytes: 1000 });
    budget.trackAllocation(950);
    const startedMs = time.nowMs;
    const run = runRanges(5, { ...time.options(), budget, bytesPerItem: 100 }, () => ok(null));
    expect(expectError(await time.until(run)).kind).toBe('overloaded');
    expect(time.nowMs).toBe(startedMs);
  });
});
