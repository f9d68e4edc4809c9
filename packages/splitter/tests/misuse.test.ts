import { ok } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { createChunkSizer, planChunks, processInChunks, reserveWhole, runRanges } from '../src/index.js';

const fn = () => ok(null);

describe.each([
  ['runRanges', (options: object) => runRanges(5, options, fn)],
  ['processInChunks', (options: object) => processInChunks([1], options, () => ok([1]))],
])('misuse of %s', (_name, run) => {
  it.each([
    [null, TypeError, 'options'],
    ['text', TypeError, 'options'],
    [{ budget: {} }, TypeError, 'budget'],
    [{ sizer: {} }, TypeError, 'sizer'],
    [{ bytesPerItem: -1 }, RangeError, 'bytesPerItem'],
    [{ bytesPerItem: NaN }, RangeError, 'bytesPerItem'],
    [{ bytesPerItem: '4' }, TypeError, 'bytesPerItem'],
    [{ fixedBytes: Infinity }, RangeError, 'fixedBytes'],
    [{ maxChunkItems: 0 }, RangeError, 'maxChunkItems'],
    [{ maxChunkItems: 1.5 }, RangeError, 'maxChunkItems'],
    [{ minChunkItems: 0 }, RangeError, 'minChunkItems'],
    [{ minChunkItems: 5, maxChunkItems: 4 }, RangeError, 'minChunkItems'],
    [{ onFault: 'ignore' }, TypeError, 'onFault'],
    [{ onFault: 'cpu' }, TypeError, 'fallback'],
    [{ fallback: 5 }, TypeError, 'fallback'],
    [{ signal: {} }, TypeError, 'signal'],
    [{ signal: null }, TypeError, 'signal'],
    [{ deadlineMs: -1 }, RangeError, 'deadlineMs'],
    [{ deadlineMs: NaN }, RangeError, 'deadlineMs'],
    [{ chunkTimeoutMs: '5' }, TypeError, 'chunkTimeoutMs'],
    [{ memoryWaitMs: -1 }, RangeError, 'memoryWaitMs'],
    [{ freeIdleMemory: true }, TypeError, 'freeIdleMemory'],
    [{ classifyError: {} }, TypeError, 'classifyError'],
    [{ operands: {} }, TypeError, 'operands'],
    [{ operands: [null] }, TypeError, 'operands[0]'],
    [{ operands: [{ id: 1 }] }, TypeError, 'operands[0].version'],
    [{ name: 5 }, TypeError, 'name'],
    [{ clock: 5 }, TypeError, 'clock'],
    [{ timers: {} }, TypeError, 'timers'],
  ])('rejects the options %o before anything is called', async (options, error, name) => {
    const refused = run(options as object).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    const reason = await refused;
    expect(reason).toBeInstanceOf(error);
    expect((reason as Error).message).toContain(name);
  });
});

it.each([-1, 1.5, NaN, Infinity, 2 ** 53, '5', null, undefined, 5n])(
  'rejects %s as a number of items',
  async (total) => {
    await expect(runRanges(total as number, {}, fn)).rejects.toThrow(/total/);
    expect(() => planChunks(total as number)).toThrow(/total/);
    expect(() => reserveWhole(total as number)).toThrow(/total/);
  },
);

it.each([null, undefined, 'text', { length: 3 }, new Float32Array(3)])(
  'rejects %o as an array of items',
  async (items) => {
    await expect(processInChunks(items as never, {}, () => ok([]))).rejects.toThrow(/items/);
  },
);

it('rejects a function argument that is not a function', async () => {
  await expect(runRanges(1, {}, null as never)).rejects.toThrow(/fn/);
  await expect(processInChunks([1], {}, 'fn' as never)).rejects.toThrow(/fn/);
});

it.each([null, { ceilingMs: -1 }, { ceilingMs: 'x' }, { clock: 3 }])('rejects the options %o of a sizer', (options) => {
  expect(() => createChunkSizer(options as never)).toThrow(/options|ceilingMs|clock/);
});

it('ends a run without items at once, without a call', async () => {
  let calls = 0;
  const count = () => ok((calls += 1));
  expect(await runRanges(0, {}, count)).toEqual(
    ok({ total: 0, chunks: 0, attempts: [], attemptCount: 0, fallbackItems: 0 }),
  );
  expect(await processInChunks([], {}, () => ok([count()]))).toEqual(ok([]));
  expect(calls).toBe(0);
});

it('treats a limit that is too long for a timer as no limit', async () => {
  const limits = { deadlineMs: 1e15, chunkTimeoutMs: 2 ** 40 };
  const result = await runRanges(1, limits, async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return ok(null);
  });
  expect(result.ok).toBe(true);
});
