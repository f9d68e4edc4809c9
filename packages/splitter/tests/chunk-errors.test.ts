import { setMaxListeners } from 'node:events';
import { err, ok, type BackendErrorKind, type Result } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import {
  CHUNK_ERROR_KINDS,
  createMemoryBudget,
  processInChunks,
  runRanges,
  type ChunkErrorKind,
  type ItemFunction,
  type ItemOptions,
} from '../src/index.js';
import { expectError } from './expect-error.js';
import { FakeDevice } from './fake-device.js';
import { VirtualTime } from './virtual-time.js';

const ITEMS = Array.from({ length: 10 }, (_, index) => index);
const double = (items: number[]): Result<number[], never> => ok(items.map((item) => 2 * item));
const reached = new Set<ChunkErrorKind>();

/** Runs ten items in chunks of at most three; `fail` does the third chunk, [6, 8). */
async function failAtThird(
  fail: ItemFunction<number, number>,
  options: Partial<ItemOptions<number, number>> = {},
  time = new VirtualTime(),
) {
  const run = processInChunks<number, number>(
    ITEMS,
    { ...time.options(), maxChunkItems: 3, ...options },
    (chunk, signal) => (chunk.includes(6) ? fail(chunk, signal) : double(chunk)),
  );
  const error = expectError(await time.until(run));
  reached.add(error.kind);
  return error;
}

/** Checks that the error reports two finished chunks. */
function expectTwoDone(error: Awaited<ReturnType<typeof failAtThird>>, range = { start: 6, end: 8 }): void {
  expect(error.chunkIndex).toBe(2);
  expect(error.range).toEqual(range);
  expect(error.partial.done).toEqual([{ start: 0, end: 6 }]);
  expect(error.partial.remaining).toEqual([{ start: 6, end: 10 }]);
  expect(error.partial.output.slice(0, 6)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(error.message).toMatch(/^run: items \[6, \d+\): /);
}

describe('ChunkError for a failing function', () => {
  it.each([
    ['invalid-input', 'invalid-input'],
    ['fault', 'device-fault'],
    ['timeout', 'timeout'],
    ['device-lost', 'device-lost'],
    ['invalid-result', 'invalid-result'],
    ['aborted', 'chunk-failed'],
    ['unsupported', 'chunk-failed'],
    ['unreachable', 'device-fault'],
    ['stale', 'device-fault'],
  ] satisfies [BackendErrorKind, ChunkErrorKind][])(
    "reports a backend's error of kind %s as %s",
    async (kind, expected) => {
      const cause = { kind, message: 'as scripted', backend: 'gpu:0', nativeCode: 7 };
      const error = await failAtThird(() => err(cause));
      expect(error.kind).toBe(expected);
      expect(error.cause).toEqual(cause);
      expect(error.message).toContain('as scripted');
      expectTwoDone(error);
    },
  );

  it('reports a thrown error as chunk-failed, as plain data', async () => {
    const below = new Error('below');
    const error = await failAtThird(() => {
      throw Object.assign(new RangeError('above', { cause: below }), { code: 'E_SOME' });
    });
    expect(error.kind).toBe('chunk-failed');
    expect(error.cause).toMatchObject({
      name: 'RangeError',
      message: 'above',
      code: 'E_SOME',
      cause: { message: 'below' },
    });
    expectTwoDone(error);
  });

  it('reports a rejection as chunk-failed', async () => {
    const error = await failAtThird(() => Promise.reject(new Error('later')));
    expect(error.kind).toBe('chunk-failed');
    expectTwoDone(error);
  });

  it.each([
    ['nothing', undefined],
    ['a string', 'text'],
    ['a function', () => undefined],
    ['a symbol', Symbol('s')],
    ['a frozen null-prototype object', Object.freeze(Object.create(null))],
  ])('reports a thrown value that is %s as chunk-failed, as data that can be posted', async (_what, thrown) => {
    const error = await failAtThird(() => {
      throw thrown;
    });
    expect(error.kind).toBe('chunk-failed');
  });

  it('reports errors that cannot be read or copied as chunk-failed', async () => {
    const hostile = new Proxy({}, { get: () => { throw new Error('no'); }, has: () => true, ownKeys: () => { throw new Error('no'); } }); // prettier-ignore
    expect((await failAtThird(() => err(hostile))).kind).toBe('chunk-failed');
    expect((await failAtThird(() => Promise.reject(hostile as Error))).kind).toBe('chunk-failed');
    expect((await failAtThird(() => err({ send: () => undefined }))).kind).toBe('chunk-failed');
  });

  it.each([
    ['too few', [1]],
    ['too many', [1, 2, 3, 4]],
    ['none', []],
  ])('reports %s results as length-mismatch', async (_what, results) => {
    const error = await failAtThird(() => ok(results));
    expect(error.kind).toBe('length-mismatch');
    expectTwoDone(error);
    expect(6 in error.partial.output).toBe(false);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['results without a Result', [1, 2]],
    ['a Result with an ok that is not a boolean', { ok: 'yes', value: [1, 2] }],
    ['a Result without results', { ok: true }],
    ['a Result of a typed array', { ok: true, value: new Float32Array(2) }],
    ['a Result that throws', { get ok() { throw new Error('no'); } }], // prettier-ignore
    ['results that throw', { ok: true, value: new Proxy([1, 2], { get: () => { throw new Error('no'); } }) }], // prettier-ignore
  ])('reports %s instead of a valid Result as invalid-result', async (_what, answer) => {
    const error = await failAtThird(() => answer as never);
    expect(error.kind).toBe('invalid-result');
    expectTwoDone(error);
    expect(6 in error.partial.output).toBe(false);
  });

  it('reports a call that does not settle as timeout, and ignores what it returns later', async () => {
    let settle: (value: Result<number[], never>) => void = () => undefined;
    let seen: AbortSignal | undefined;
    const error = await failAtThird((_chunk, signal) => {
      seen = signal;
      return new Promise((resolve) => (settle = resolve));
    });
    expect(error.kind).toBe('timeout');
    expectTwoDone(error);
    expect(seen?.aborted).toBe(true);
    const before = structuredClone(error);
    settle(ok([-1, -1]));
    await new Promise((resolve) => setImmediate(resolve));
    expect(error).toEqual(before);
  });

  it('reports out-of-memory when the smallest chunk runs out of memory', async () => {
    const sizes: number[] = [];
    const error = await failAtThird((chunk) => {
      sizes.push(chunk.length);
      return err({ kind: 'out-of-memory', message: 'full' });
    });
    expect(error.kind).toBe('out-of-memory');
    expectTwoDone(error, { start: 6, end: 7 });
    expect(sizes).toEqual([2, 1]);
  });

  it('lets classifyError name the kind of an error', async () => {
    const options = { classifyError: (error: unknown) => (error === 'full' ? 'out-of-memory' : undefined) } as const;
    expect((await failAtThird(() => err('full'), options)).kind).toBe('out-of-memory');
    expect((await failAtThird(() => err('odd'), options)).kind).toBe('chunk-failed');
    expect((await failAtThird(() => err('odd'), { classifyError: () => 'nonsense' as never })).kind).toBe(
      'chunk-failed',
    );
    const throwing = { classifyError: () => { throw new Error('no'); } }; // prettier-ignore
    expect((await failAtThird(() => err('odd'), throwing)).kind).toBe('chunk-failed');
  });
});

describe('ChunkError for a run that its caller ends', () => {
  it('ends as aborted at once when the caller aborts, even if the function does not settle', async () => {
    const controller = new AbortController();
    let seen: AbortSignal | undefined;
    const error = await failAtThird(
      (_chunk, signal) => {
        seen = signal;
        setImmediate(() => controller.abort('enough'));
        return new Promise(() => undefined);
      },
      { signal: controller.signal, chunkTimeoutMs: Infinity },
    );
    expect(error.kind).toBe('aborted');
    expectTwoDone(error);
    expect(seen?.reason).toBe('enough');
  });

  it.each<[string, () => Promise<Result<number[], never>>]>([
    ['never settles', () => new Promise(() => undefined)],
    ['returns results', () => Promise.resolve(ok([-1, -1]))],
    ['throws', () => { throw new Error('stopped'); }], // prettier-ignore
  ])('ends as aborted at once when the function itself aborts the signal of the caller and %s', async (_what, act) => {
    const controller = new AbortController();
    const time = new VirtualTime();
    const startedMs = time.nowMs;
    let seen: AbortSignal | undefined;
    const abortInside = (_chunk: number[], signal: AbortSignal) => {
      seen = signal;
      controller.abort('enough');
      return act();
    };
    const error = await failAtThird(abortInside, { signal: controller.signal }, time);
    expect(error.kind).toBe('aborted');
    expectTwoDone(error);
    expect(6 in error.partial.output).toBe(false);
    expect(seen?.reason).toBe('enough');
    expect(time.nowMs).toBe(startedMs);
    expect(time.pending).toBe(0);
  });

  it('ends as aborted without a call when the signal was aborted before', async () => {
    let calls = 0;
    const signal = AbortSignal.abort();
    const result = await runRanges(5, { signal }, () => ok((calls += 1)));
    expect(expectError(result)).toMatchObject({ kind: 'aborted', partial: { remaining: [{ start: 0, end: 5 }] } });
    expect(calls).toBe(0);
  });

  it.each([
    ['with the usual limit of listeners', undefined],
    ['without a limit of listeners', 0],
  ])('lets one signal %s abort any number of runs, without a warning', async (_what, limit) => {
    const warnings: string[] = [];
    const note = (warning: Error) => void warnings.push(warning.name);
    process.on('warning', note);
    const controller = new AbortController();
    if (limit !== undefined) setMaxListeners(limit, controller.signal);
    const runs = Array.from({ length: 40 }, () =>
      runRanges(3, { signal: controller.signal }, () => new Promise(() => undefined)),
    );
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    const kinds = (await Promise.all(runs)).map((result) => expectError(result).kind);
    expect(new Set(kinds)).toEqual(new Set(['aborted']));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('ends as deadline-exceeded when the deadline passes during a chunk', async () => {
    const error = await failAtThird(() => new Promise(() => undefined), { deadlineMs: 50 });
    expect(error.kind).toBe('deadline-exceeded');
    expectTwoDone(error);
  });

  it('ends as deadline-exceeded between two chunks, and keeps all finished items', async () => {
    const time = new VirtualTime();
    const run = processInChunks(ITEMS, { ...time.options(), maxChunkItems: 3, deadlineMs: 50 }, (chunk) => {
      time.nowMs += 20;
      return double(chunk);
    });
    const error = expectError(await time.until(run));
    expect(error.kind).toBe('deadline-exceeded');
    expect(error.partial.done).toEqual([{ start: 0, end: 8 }]);
  });

  it('ends as invalid-input when the number of items changes', async () => {
    const items = [...ITEMS];
    const result = await processInChunks(items, { maxChunkItems: 3 }, (chunk) => {
      items.pop();
      return double(chunk);
    });
    expect(expectError(result)).toMatchObject({ kind: 'invalid-input', partial: { done: [{ start: 0, end: 3 }] } });
  });

  it('ends as invalid-input when an operand changes, with the version that the finished ranges were computed with', async () => {
    const matrix = { id: 7, version: 1 };
    const result = await runRanges(10, { maxChunkItems: 4, operands: [matrix] }, () => {
      matrix.version += 1;
      return ok(null);
    });
    const error = expectError(result);
    expect(error.kind).toBe('invalid-input');
    expect(error.message).toContain('operand 7 changed from version 1 to 2');
    expect(error.partial.operands).toEqual([{ id: 7, version: 1 }]);
    expect(error.partial.done).toEqual([{ start: 0, end: 4 }]);
  });
});

describe('ChunkError for a lack of memory', () => {
  it('ends as item-too-large without a call when one item never fits', async () => {
    const time = new VirtualTime();
    const budget = createMemoryBudget(new FakeDevice(1000), { clock: time.clock, capBytes: 99 });
    let calls = 0;
    const run = runRanges(5, { ...time.options(), budget, bytesPerItem: 100 }, () => ok((calls += 1)));
    const error = expectError(await time.until(run));
    reached.add(error.kind);
    expect(error).toMatchObject({ kind: 'item-too-large', range: { start: 0, end: 5 }, cause: null });
    expect(calls).toBe(0);
  });

  it('ends as overloaded after the wait, without a call, when others hold the memory', async () => {
    const time = new VirtualTime();
    const startedMs = time.nowMs;
    const budget = createMemoryBudget(new FakeDevice(1000), { clock: time.clock, capBytes: 150 });
    expect(budget.reserve(100).ok).toBe(true);
    const run = runRanges(5, { ...time.options(), budget, bytesPerItem: 100, memoryWaitMs: 600 }, () => ok(null));
    const error = expectError(await time.until(run));
    reached.add(error.kind);
    expect(error.kind).toBe('overloaded');
    expect(time.nowMs - startedMs).toBe(600);
    expect(budget.reservedBytes()).toBe(100);
  });
});

it('reaches every kind of chunk error in the tests above', async () => {
  expect(CHUNK_ERROR_KINDS.filter((kind) => !reached.has(kind))).toEqual([]);
});
