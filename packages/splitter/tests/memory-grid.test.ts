import { err, ok, unwrap } from '@gearshift/contracts';
import { tellCount } from '@gearshift/vitest-config/effort';
import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryBudget, planChunks, runRanges } from '../src/index.js';
import { expectError } from './expect-error.js';
import { FakeDevice } from './fake-device.js';
import { VirtualTime } from './virtual-time.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const CAPS = [MIB, 3 * MIB, 16 * MIB, 100 * MIB, GIB];
const ROWS = [1, 2, 10, 999, 10_000, 123_456, 1_000_000];
/** A row of 768 float32 values, and its score. */
const ROW_BYTES = 768 * 4 + 4;
const FIXED_BYTES = 768 * 4;

afterEach(({ task }) => {
  if (task.result?.state !== 'fail') tellCount('R9', 1);
});

describe.each(CAPS)('runRanges() with a cap of %i bytes', (capBytes) => {
  it.each(ROWS)('does %i rows in as few chunks as possible, and never reserves more than the cap', async (rows) => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(8 * GIB), { capBytes, clock: time.clock });
    const limits = { budget, bytesPerItem: ROW_BYTES, fixedBytes: FIXED_BYTES };
    const planned = planChunks(rows, limits);
    let peakBytes = 0;
    let calls = 0;
    let position = 0;
    const result = await runRanges(rows, { ...limits, ...time.options(), chunkTimeoutMs: Infinity }, (start, end) => {
      peakBytes = Math.max(peakBytes, budget.reservedBytes());
      expect(budget.reservedBytes()).toBe(FIXED_BYTES + ROW_BYTES * (end - start));
      expect(start).toBe(position);
      position = end;
      calls += 1;
      return ok(null);
    });
    expect(unwrap(result).chunks).toBe(calls);
    expect(position).toBe(rows);
    expect(peakBytes).toBeLessThanOrEqual(capBytes);
    expect(calls).toBe(Math.ceil(rows / Math.floor((capBytes - FIXED_BYTES) / ROW_BYTES)));
    expect(planned).toBe(calls);
    expect(budget.reservedBytes()).toBe(0);
  });

  it.each(ROWS)('does %i rows after few failures on a device that has a seventh of the cap', async (rows) => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes, clock: time.clock });
    const realBytes = capBytes / 7;
    let failures = 0;
    let calls = 0;
    let done = 0;
    const result = await runRanges(
      rows,
      { budget, bytesPerItem: ROW_BYTES, ...time.options(), chunkTimeoutMs: Infinity },
      (start, end) => {
        calls += 1;
        if ((end - start) * ROW_BYTES > realBytes) {
          failures += 1;
          return err({ kind: 'out-of-memory', message: 'full' });
        }
        done += end - start;
        return ok(null);
      },
    );
    unwrap(result);
    expect(done).toBe(rows);
    // Halving finds one ceiling; nine tenths of it may still be too much a few more times.
    expect(failures).toBeLessThanOrEqual(Math.ceil(Math.log2(7)) + 8);
    expect(calls - failures).toBeLessThanOrEqual(2 + 2 * Math.ceil((rows * ROW_BYTES) / (realBytes - ROW_BYTES)));
  });
});

it.each([
  [0, 'item-too-large'],
  [ROW_BYTES - 1, 'item-too-large'],
])('fails at once with a cap of %i bytes, in which no row fits: %s', async (capBytes, kind) => {
  const time = new VirtualTime();
  const budget = createMemoryBudget(new FakeDevice(GIB), { capBytes, clock: time.clock });
  const limits = { budget, bytesPerItem: ROW_BYTES };
  expect(planChunks(1_000_000, limits)).toBe(Infinity);
  const run = runRanges(1_000_000, { ...limits, ...time.options() }, () => ok(null));
  expect(expectError(await time.until(run)).kind).toBe(kind);
  expect(time.pending).toBe(0);
});

it('lets concurrent runs share one budget without a failure and without reserving more than it has', async () => {
  const capBytes = 10 * ROW_BYTES;
  const time = new VirtualTime();
  const budget = createMemoryBudget(new FakeDevice(GIB), { capBytes, clock: time.clock });
  let peakBytes = 0;
  const runs = Array.from({ length: 12 }, async (_, run) =>
    runRanges(
      20 + run,
      {
        budget,
        bytesPerItem: ROW_BYTES,
        maxChunkItems: 4,
        memoryWaitMs: Infinity,
        chunkTimeoutMs: Infinity,
        ...time.options(),
      },
      async () => {
        peakBytes = Math.max(peakBytes, budget.reservedBytes());
        await new Promise((resolve) => setImmediate(resolve));
        return ok(null);
      },
    ),
  );
  for (const result of await time.until(Promise.all(runs))) unwrap(result);
  expect(peakBytes).toBeLessThanOrEqual(capBytes);
  expect(peakBytes).toBeGreaterThan(capBytes / 2);
  expect(budget.reservedBytes()).toBe(0);
});
