import { tracingChannel } from 'node:diagnostics_channel';
import fc from 'fast-check';
import { err, ok, TRACING_CHANNELS, unwrap, type Result } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import {
  createChunkSizer,
  createMemoryBudget,
  processInChunks,
  runRanges,
  type ChunkEvent,
  type RangeOptions,
} from '../src/index.js';
import { expectError } from './expect-error.js';
import { FakeDevice } from './fake-device.js';
import { VirtualTime } from './virtual-time.js';

const SEED = 11;
const FULL = err({ kind: 'out-of-memory', message: 'full' });

interface Script {
  /** How long the call for the chunk that begins at `start` takes; default 10. */
  readonly latencyMs?: (start: number) => number;
  readonly answer?: (start: number, end: number) => Result<unknown, unknown>;
}

/** A run of a scripted function in virtual time, with a log of its calls. */
class TimedRun {
  readonly time = new VirtualTime();
  readonly calls: { start: number; end: number; atMs: number; signal: AbortSignal }[] = [];
  readonly #startedMs = this.time.nowMs;
  mostUnderWay = 0;
  #underWay = 0;

  get elapsedMs(): number {
    return this.time.nowMs - this.#startedMs;
  }

  start(total: number, options: RangeOptions, { latencyMs = () => 10, answer = ok }: Script = {}) {
    return this.time.until(
      runRanges(total, { ...this.time.options(), maxChunkItems: 1, ...options }, async (start, end, signal) => {
        this.calls.push({ start, end, atMs: this.elapsedMs, signal });
        this.mostUnderWay = Math.max(this.mostUnderWay, (this.#underWay += 1));
        await this.time.sleep(latencyMs(start));
        this.#underWay -= 1;
        return answer(start, end);
      }),
    );
  }
}

describe('concurrency', () => {
  it.each([
    [1, 60],
    [2, 30],
    [4, 20],
    [100, 10],
  ])('keeps %i calls under way with that concurrency while work remains', async (concurrency, elapsedMs) => {
    const run = new TimedRun();
    unwrap(await run.start(6, { concurrency }));
    expect(run.mostUnderWay).toBe(Math.min(concurrency, 6));
    expect(run.elapsedMs).toBe(elapsedMs);
    expect(run.time.pending).toBe(0);
  });

  it('begins chunks in ascending order, the next one as soon as any call ends', async () => {
    const run = new TimedRun();
    unwrap(await run.start(5, { concurrency: 2 }, { latencyMs: (start) => (start === 0 ? 100 : 10) }));
    expect(run.calls.map(({ start, atMs }) => [start, atMs])).toEqual([
      [0, 0],
      [1, 0],
      [2, 10],
      [3, 20],
      [4, 30],
    ]);
  });

  it('has one call under way by default', async () => {
    const run = new TimedRun();
    unwrap(await run.start(3, {}));
    expect(run.mostUnderWay).toBe(1);
  });

  it('does not cut work only because calls may run concurrently', async () => {
    const run = new TimedRun();
    unwrap(await run.start(8, { concurrency: 4, maxChunkItems: Infinity }));
    expect(run.calls.map(({ start, end }) => [start, end])).toEqual([[0, 8]]);
  });

  it(`returns each result once and in the order of the items, whichever call ends first (seed ${SEED})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(20), { minLength: 1, maxLength: 20 }),
        async (total, concurrency, maxChunkItems, latencies) => {
          const time = new VirtualTime();
          const items = Array.from({ length: total }, (_, index) => index);
          const seen: number[] = [];
          let underWay = 0;
          const run = processInChunks(items, { ...time.options(), concurrency, maxChunkItems }, async (chunk) => {
            seen.push(...chunk);
            expect((underWay += 1)).toBeLessThanOrEqual(concurrency);
            await time.sleep(latencies[seen.length % latencies.length]);
            underWay -= 1;
            return ok(chunk.map((item) => item * 2));
          });
          expect(unwrap(await time.until(run))).toEqual(items.map((item) => item * 2));
          expect(seen).toEqual(items);
        },
      ),
      { numRuns: 300, seed: SEED },
    );
  });
});

describe('memory of a run with several chunks under way', () => {
  it('shares the budget evenly between chunks that are under way, each with its own reservation', async () => {
    const run = new TimedRun();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 1000, clock: run.time.clock });
    const reserved: number[] = [];
    const options = { budget, bytesPerItem: 10, concurrency: 4, maxChunkItems: Infinity };
    unwrap(await run.start(200, options, { answer: () => (reserved.push(budget.reservedBytes()), ok(null)) }));
    expect(run.calls.map(({ start, end, atMs }) => [end - start, atMs])).toEqual([
      [25, 0],
      [25, 0],
      [25, 0],
      [25, 0],
      [25, 10],
      [25, 10],
      [25, 10],
      [25, 10],
    ]);
    expect(Math.max(...reserved)).toBe(1000);
    expect(budget.reservedBytes()).toBe(0);
  });

  it('runs as many chunks as concurrency allows, however small the share of each', async () => {
    const run = new TimedRun();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 3200, clock: run.time.clock });
    const options = { budget, bytesPerItem: 10, concurrency: 32, maxChunkItems: Infinity };
    unwrap(await run.start(320, options));
    expect(run.mostUnderWay).toBe(32);
    expect(run.elapsedMs).toBe(10);
  });

  it('waits for memory that another run holds instead of running tiny chunks beside its own', async () => {
    const run = new TimedRun();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 1000, clock: run.time.clock });
    const held = unwrap(budget.reserve(760));
    run.time.after(500, () => held.release());
    const options = { budget, bytesPerItem: 10, concurrency: 3, maxChunkItems: 8 };
    unwrap(await run.start(40, options, { latencyMs: (start) => (start === 0 ? 600 : 10) }));
    const sizes = run.calls.map(({ start, end, atMs }) => [end - start, atMs]);
    expect(sizes).toEqual([[8, 0], [8, 0], [8, 10], [8, 20], [8, 20]]); // prettier-ignore
  });

  it('begins fewer calls when no more fit in memory, and waits without a limit for its own calls', async () => {
    const run = new TimedRun();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 250, clock: run.time.clock });
    const options = { budget, bytesPerItem: 100, concurrency: 4, memoryWaitMs: 50 };
    unwrap(await run.start(6, options, { latencyMs: () => 5000 }));
    expect(run.mostUnderWay).toBe(2);
    expect(run.elapsedMs).toBe(15_000);
  });

  it('makes chunks smaller when memory runs out, and no larger again when a larger one fails later', async () => {
    const run = new TimedRun();
    const script = {
      latencyMs: (start: number) => (start === 8 ? 100 : 10),
      answer: (start: number, end: number) => (end - start > 2 ? FULL : ok(null)),
    };
    unwrap(await run.start(16, { concurrency: 2, maxChunkItems: 8 }, script));
    const sizes = run.calls.map(({ start, end }) => end - start);
    expect(sizes.slice(0, 4)).toEqual([8, 8, 4, 2]);
    expect(sizes.slice(3).every((size) => size <= 3)).toBe(true);

    const sizer = createChunkSizer({ clock: () => 0 });
    for (const size of [100, 50, 100]) sizer.ranOutOfMemory(size, 1, null);
    expect(sizer.maxItems(1, null)).toBe(25);
  });
});

it('causes no warning about listeners when a deadline may end many calls', async () => {
  const warnings: string[] = [];
  const note = (warning: Error) => void warnings.push(warning.message);
  process.on('warning', note);
  const options = { maxChunkItems: 1, concurrency: 40, deadlineMs: 60_000, retry: { delayMs: 1, attempts: 1 } };
  const result = await runRanges(80, options, async (start) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return start % 2 === 0 ? err('odd') : ok(null);
  });
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  expect(result.ok).toBe(false);
  expect(warnings).toEqual([]);
});

describe('a failure with other calls under way', () => {
  it('keeps the results of calls under way after another chunk fails, and begins no more calls', async () => {
    const run = new TimedRun();
    const script = {
      latencyMs: (start: number) => (start === 1 ? 10 : 100),
      answer: (start: number) => (start === 1 ? err('odd') : ok(null)),
    };
    const error = expectError(await run.start(8, { concurrency: 3 }, script));
    expect(error).toMatchObject({ kind: 'chunk-failed', chunkIndex: 1, range: { start: 1, end: 2 } });
    expect(error.partial.done).toEqual([
      { start: 0, end: 1 },
      { start: 2, end: 3 },
    ]);
    expect(error.partial.remaining).toEqual([
      { start: 1, end: 2 },
      { start: 3, end: 8 },
    ]);
    expect(run.calls.map(({ start }) => start)).toEqual([0, 1, 2]);
    expect(run.elapsedMs).toBe(100);
  });

  it('ends the wait before a retry when another chunk fails', async () => {
    const run = new TimedRun();
    const script = {
      latencyMs: (start: number) => (start === 0 ? 10 : 30),
      answer: (start: number) => (start === 0 ? err({ status: 503 }) : err({ status: 400 })),
    };
    const error = expectError(await run.start(4, { concurrency: 2, retry: { delayMs: 20_000 } }, script));
    expect(error.range).toEqual({ start: 1, end: 2 });
    expect(run.elapsedMs).toBe(30);
    expect(run.time.pending).toBe(0);
  });

  it('ends a pause that an error requested when another chunk fails', async () => {
    const run = new TimedRun();
    const script = {
      latencyMs: (start: number) => (start === 0 ? 10 : 30),
      answer: (start: number) => (start === 0 ? err({ retryAfterMs: 20_000 }) : err({ status: 400 })),
    };
    const error = expectError(await run.start(4, { concurrency: 2, retry: {} }, script));
    expect(error.range).toEqual({ start: 1, end: 2 });
    expect(run.elapsedMs).toBe(30);
  });

  it("with onFault 'collect' does all other chunks, and reports the failure with the lowest items", async () => {
    const run = new TimedRun();
    const script = {
      latencyMs: (start: number) => (start === 0 ? 100 : 10),
      answer: (start: number) => (start % 3 === 0 ? err(`odd ${start}`) : ok(null)),
    };
    const error = expectError(await run.start(7, { concurrency: 3, onFault: 'collect' }, script));
    expect(error).toMatchObject({ chunkIndex: 0, cause: 'odd 0', range: { start: 0, end: 1 } });
    expect(error.partial.done).toEqual([
      { start: 1, end: 3 },
      { start: 4, end: 6 },
    ]);
    expect(run.calls).toHaveLength(7);
  });
});

describe('an abort with several calls under way', () => {
  it('gives up all calls under way when the caller aborts, and ignores their late results', async () => {
    const run = new TimedRun();
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 300, clock: run.time.clock });
    const controller = new AbortController();
    run.time.after(50, () => controller.abort('enough'));
    const options = { concurrency: 3, budget, bytesPerItem: 100, signal: controller.signal };
    const error = expectError(await run.start(9, options, { latencyMs: (start) => (start < 3 ? 30 : 1000) }));
    expect(error.kind).toBe('aborted');
    expect(run.elapsedMs).toBe(50);
    expect(error.partial.done).toEqual([{ start: 0, end: 3 }]);
    expect(error.partial.attempts.map(({ outcome }) => outcome)).toEqual([
      'success', 'success', 'success', 'aborted', 'aborted', 'aborted',
    ]); // prettier-ignore
    expect(run.calls.slice(3).map(({ signal }) => String(signal.reason))).toEqual(['enough', 'enough', 'enough']);

    // The abandoned calls may still use their memory.
    expect(budget.reservedBytes()).toBe(300);
    const before = structuredClone(error);
    while (run.time.fireNext()) await new Promise((resolve) => setImmediate(resolve));
    expect(budget.reservedBytes()).toBe(0);
    expect(error).toEqual(before);
  });
});

describe('a fallback while other calls are under way', () => {
  it('lets the fallback do the remaining items after a lost device, and keeps the results of calls under way', async () => {
    const run = new TimedRun();
    const log: string[] = [];
    const fallback = async (start: number) => {
      log.push(`${start} at ${run.elapsedMs}`);
      await run.time.sleep(20);
      return ok(null);
    };
    const script = {
      latencyMs: (start: number) => (start === 0 ? 10 : 50),
      answer: (start: number) => (start === 0 ? err({ kind: 'device-lost', message: 'gone' }) : ok(null)),
    };
    const summary = unwrap(await run.start(6, { concurrency: 2, fallback }, script));
    expect(run.calls.map(({ start }) => start)).toEqual([0, 1]);
    expect(log).toEqual(['0 at 10', '2 at 30', '3 at 50', '4 at 50', '5 at 70']);
    expect(summary).toMatchObject({ chunks: 6, fallbackItems: 5, attemptCount: 7 });
  });
});

it('traces each of several calls under way with its own result', async () => {
  const ends: ChunkEvent[] = [];
  const handlers = { asyncEnd: (event: ChunkEvent) => void ends.push({ ...event }) };
  const channels = tracingChannel<unknown, ChunkEvent>(TRACING_CHANNELS.chunk);
  channels.subscribe(handlers as never);
  try {
    unwrap(await new TimedRun().start(9, { concurrency: 3 }));
  } finally {
    channels.unsubscribe(handlers as never);
  }
  expect(ends.map(({ chunkIndex }) => chunkIndex).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  for (const { chunkIndex, result } of ends) expect(result?.chunkIndex).toBe(chunkIndex);
});
