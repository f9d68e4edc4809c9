import fc from 'fast-check';
import { err, ok, unwrap } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { processInChunks, resume, runRanges, stageWrites, type PartialRun, type RangeFunction } from '../src/index.js';
import { expectError } from './expect-error.js';
import { VirtualTime } from './virtual-time.js';

const SEED = 7;
/** Values with bits that reveal any change: NaN with a payload, -0, and the smallest numbers. */
const bitsOf = (index: number): number =>
  index % 5 === 0 ? 0x7fc0_0000 + index : Math.imul(index, 2_654_435_761) >>> 0;

function writer(output: Uint32Array, log: [number, number][] = []): RangeFunction<never> {
  return (start, end) => {
    log.push([start, end]);
    for (let index = start; index < end; index++) output[index] = bitsOf(index);
    return Promise.resolve(ok(undefined));
  };
}

describe('resume()', () => {
  it(`gives the bits of a clean run when resumed after any prefix, and does only the remaining items (seed ${SEED})`, async () => {
    const sizes = fc.integer({ min: 1, max: 20 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.nat(60),
        sizes,
        sizes,
        async (total, prefix, first, then) => {
          const clean = new Uint32Array(total);
          unwrap(await runRanges(total, {}, writer(clean)));
          const output = new Uint32Array(total);
          const write = writer(output);
          const result = await runRanges(total, { maxChunkItems: first }, (start, end, signal) =>
            end > prefix ? err({ kind: 'fault', message: 'half-way' }) : write(start, end, signal),
          );
          if (result.ok) {
            expect(prefix).toBeGreaterThanOrEqual(total);
            return;
          }
          const { partial } = structuredClone(result.error);
          const finished = partial.remaining[0].start;
          output.fill(0xffff_ffff, finished);
          const log: [number, number][] = [];
          unwrap(await resume(partial, { maxChunkItems: then }, writer(output, log)));
          expect(output).toEqual(clean);
          expect(log[0][0]).toBe(finished);
          expect(log.every(([start], index) => index === 0 || start === log[index - 1][1])).toBe(true);
        },
      ),
      { numRuns: 2000, seed: SEED },
    );
  });

  it('does the chunks that were left out, and continues to count attempts', async () => {
    const output = new Uint32Array(12);
    const write = writer(output);
    const failing = [2, 8];
    const result = await runRanges(12, { maxChunkItems: 2, onFault: 'collect' }, (start, end, signal) =>
      failing.includes(start) ? err('odd') : write(start, end, signal),
    );
    const { partial, kind, range } = expectError(result);
    expect([kind, range]).toEqual(['chunk-failed', { start: 2, end: 4 }]);
    expect(partial.remaining).toEqual([
      { start: 2, end: 4 },
      { start: 8, end: 10 },
    ]);
    expect(partial.attempts.map(({ outcome }) => outcome)).toEqual([
      'success', 'chunk-failed', 'success', 'success', 'chunk-failed', 'success',
    ]); // prettier-ignore
    const log: [number, number][] = [];
    const completed = unwrap(await resume(partial, {}, writer(output, log)));
    expect(log).toEqual([
      [2, 4],
      [8, 10],
    ]);
    expect(completed.attemptCount).toBe(8);
    expect([...output]).toEqual(Array.from({ length: 12 }, (_, index) => bitsOf(index)));
  });

  it('can fail and be resumed repeatedly, also from JSON', async () => {
    const items = Array.from({ length: 20 }, (_, index) => index);
    let result = await processInChunks<number, string>(items, { maxChunkItems: 3 }, () => err('odd'));
    let rounds = 0;
    while (!result.ok) {
      let calls = 0;
      const partial = JSON.parse(JSON.stringify(result.error.partial)) as typeof result.error.partial;
      result = await resume(partial, items, { maxChunkItems: 3 }, (chunk) => (calls++ < 2 ? ok(chunk.map(String)) : err('odd'))); // prettier-ignore
      rounds += 1;
    }
    expect(rounds).toBe(4);
    expect(result.value).toEqual(items.map(String));
  });
});

describe('resume() with operands', () => {
  async function partialWith(operands: { id: number; version: number }[]): Promise<PartialRun> {
    const result = await runRanges(6, { maxChunkItems: 2, operands }, (start) => (start === 2 ? err('odd') : ok(null)));
    return expectError(result).partial;
  }

  it('resumes when the operands have not changed', async () => {
    const partial = await partialWith([{ id: 1, version: 3 }]);
    const result = await resume(partial, { operands: [{ id: 2, version: 1 }, { id: 1, version: 3 }] }, () => ok(null)); // prettier-ignore
    expect(result.ok).toBe(true);
  });

  it.each([
    [{ id: 1, version: 4 }, 'operand 1 changed from version 3 to 4'],
    [{ id: 9, version: 3 }, 'operand 1 of the earlier run is missing from operands'],
  ])(
    'refuses, without a call, to resume with the changed operand %o, and keeps the partial result',
    async (operand, message) => {
      const partial = await partialWith([{ id: 1, version: 3 }]);
      let calls = 0;
      const error = expectError(await resume(partial, { operands: [operand] }, () => ok((calls += 1))));
      expect(error.kind).toBe('invalid-input');
      expect(error.message).toContain(message);
      expect(error.partial).toEqual(partial);
      expect(calls).toBe(0);
    },
  );

  it('rejects a resumed run without the operands of the earlier one', async () => {
    const partial = await partialWith([{ id: 1, version: 3 }]);
    await expect(resume(partial, {}, () => ok(null))).rejects.toThrow(/operands/);
  });
});

describe('resume() with invalid arguments', () => {
  const base = { output: null, total: 10, attempts: [], attemptCount: 0, operands: [] };
  it.each([
    [null, TypeError],
    [5, TypeError],
    [{}, TypeError],
    [{ ...base, done: [], remaining: [] }, RangeError],
    [{ ...base, done: 'no', remaining: [] }, TypeError],
    [{ ...base, done: [{ start: 0, end: 5 }], remaining: [{ start: 4, end: 10 }] }, RangeError],
    [{ ...base, done: [{ start: 0, end: 5 }], remaining: [{ start: 6, end: 10 }] }, RangeError],
    [{ ...base, done: [{ start: 0, end: 5 }], remaining: [{ start: 5, end: 11 }] }, RangeError],
    [{ ...base, done: [{ start: 5, end: 5 }], remaining: [{ start: 0, end: 10 }] }, RangeError],
    [{ ...base, done: [{ start: 5, end: 10 }, { start: 0, end: 5 }], remaining: [] }, RangeError], // prettier-ignore
    [{ ...base, done: [null], remaining: [] }, TypeError],
    [{ ...base, total: -1, done: [], remaining: [] }, RangeError],
    [{ ...base, total: 2 ** 60, done: [], remaining: [] }, RangeError],
  ])('rejects %o as a partial run', async (partial, error) => {
    await expect(resume(partial as PartialRun, {}, () => ok(null))).rejects.toThrow(error);
  });

  it('rejects items and results that are not those of the earlier run', async () => {
    const partial = { ...base, output: new Array<string>(10), done: [], remaining: [{ start: 0, end: 10 }] };
    const fn = (chunk: number[]) => ok(chunk.map(String));
    await expect(resume(partial, [1, 2], {}, fn)).rejects.toThrow(RangeError);
    await expect(resume(partial, 'text' as never, {}, fn)).rejects.toThrow(TypeError);
    await expect(resume({ ...partial, output: [] }, new Array<number>(10).fill(0), {}, fn)).rejects.toThrow(TypeError);
    await expect(resume(partial, new Array<number>(10).fill(0), {}, null as never)).rejects.toThrow(/fn/);
  });
});

describe('stageWrites()', () => {
  it('copies staged results that succeed in time to their place, however many elements an item has', async () => {
    const output = new Float32Array(14).fill(-1);
    const fn = stageWrites(output, 2, async (start, end, staged) => {
      expect(staged).toHaveLength(2 * (end - start));
      for (let index = 0; index < staged.length; index++) staged[index] = 2 * start + index;
      return ok(null);
    });
    unwrap(await runRanges(7, { maxChunkItems: 3 }, fn));
    expect([...output]).toEqual(Array.from({ length: 14 }, (_, index) => index));
  });

  it('drops the results that a call writes after it was given up', async () => {
    const time = new VirtualTime();
    const output = new Float32Array(4);
    let settle = (): void => undefined;
    const fn = stageWrites(output, 1, async (start, _end, staged) => {
      if (start > 0) await new Promise<void>((resolve) => (settle = resolve));
      staged.fill(5);
      return ok(null);
    });
    const fallback: RangeFunction = (start, end) => ok(output.fill(9, start, end));
    const run = runRanges(4, { ...time.options(), maxChunkItems: 2, fallback }, fn);
    expect(unwrap(await time.until(run)).fallbackItems).toBe(2);
    settle();
    await new Promise((resolve) => setImmediate(resolve));
    expect([...output]).toEqual([5, 5, 9, 9]);
  });

  it('copies nothing when the function fails, and rejects an output that is not a typed array', async () => {
    const output = new Float32Array(2);
    const failing = stageWrites(output, 1, (_start, _end, staged) => (staged.fill(5), err('odd')));
    expectError(await runRanges(2, {}, failing));
    expect([...output]).toEqual([0, 0]);
    expect(() => stageWrites([] as never, 1, () => ok(null))).toThrow(TypeError);
    expect(() => stageWrites(new DataView(new ArrayBuffer(8)) as never, 1, () => ok(null))).toThrow(TypeError);
    expect(() => stageWrites(output, 0, () => ok(null))).toThrow(RangeError);
    expect(() => stageWrites(output, 1, null as never)).toThrow(TypeError);
  });
});
