import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { err, ok, unwrap } from '@gearshift/contracts';
import { processInChunks, resume, runRanges, type ItemOutput, type PartialRun } from '../src/index.js';
import { expectError } from './expect-error.js';

/** A run of three items that did the first two, with these results. */
async function partialOf(first: unknown, second: unknown = 0): Promise<PartialRun<ItemOutput<unknown>>> {
  const results = [first, second];
  const run = processInChunks<number, unknown>([0, 1, 2], { maxChunkItems: 1 }, ([item]) =>
    item < 2 ? ok([results[item]]) : err('odd'),
  );
  const result = await run;
  if (result.ok) throw new Error('the run did not fail');
  return result.error.partial;
}

/** What a resumed run returns after the partial run went through text. */
async function resumed(text: string): Promise<unknown[]> {
  const partial = JSON.parse(text) as PartialRun<ItemOutput<unknown>>;
  return unwrap(await resume(partial, [0, 1, 2], {}, () => ok(['last'])));
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => [
  ...new Uint8Array(buffer, byteOffset, byteLength),
];

describe('JSON.stringify() of a partial run', () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + 200) % 256);
  it.each([
    new Float32Array([NaN, -0, Infinity, -Infinity, 1e-45, 0.1]),
    // A NaN with a payload.
    new Float32Array(Uint32Array.of(0x7fc0_1234, 0xffff_ffff).buffer),
    new Float64Array([NaN, -0, Number.MIN_VALUE, 0.1]),
    new Int8Array(bytes.buffer),
    new Uint8Array(bytes.buffer, 3, 7),
    new Uint8ClampedArray([1, 255]),
    new Int16Array(bytes.buffer),
    new Uint16Array(bytes.buffer, 2, 5),
    new Int32Array(bytes.buffer),
    new Uint32Array(bytes.buffer),
    new BigInt64Array(bytes.buffer),
    new BigUint64Array(bytes.buffer),
    new Float32Array(0),
    new Float32Array(new SharedArrayBuffer(8)),
  ])('keeps typed arrays bit for bit (case %#)', async (array) => {
    const partial = await partialOf(array, { nested: [array] });
    const [first, second] = (await resumed(JSON.stringify(partial))) as [typeof array, { nested: (typeof array)[] }];
    for (const read of [first, second.nested[0]]) {
      expect(read.constructor).toBe(array.constructor);
      expect(bytesOf(read)).toEqual(bytesOf(array));
    }
  });

  it('keeps typed arrays of another realm', async () => {
    const partial = await partialOf(runInNewContext('({ vector: new Float32Array([1, -0]) })'));
    expect(await resumed(JSON.stringify(partial))).toEqual([{ vector: Float32Array.of(1, -0) }, 0, 'last']);
  });

  it.each([NaN, -0, Infinity, -Infinity, undefined, null, true, 'text', 0.1, '$gearshift'])(
    'keeps the value %s, alone and inside of others',
    async (value) => {
      const partial = await partialOf(value, { list: [value, [value]], value });
      const [first, second] = await resumed(JSON.stringify(partial, null, 2));
      expect(Object.is(first, value)).toBe(true);
      expect(second).toStrictEqual({ list: [value, [value]], value });
    },
  );

  const cycle: unknown[] = [];
  cycle.push(cycle);
  it.each<[string, unknown, string]>([
    ['a Map', new Map([[1, 2]]), 'partial.output[1].deep[0]: an object of type Map does not survive JSON'],
    ['a Set', new Set([1]), 'partial.output[1].deep[0]: an object of type Set does not survive JSON'],
    ['a Date', new Date(0), 'partial.output[1].deep[0]: an object of type Date does not survive JSON'],
    ['a BigInt', 5n, 'partial.output[1].deep[0]: a BigInt does not survive JSON'],
    ['a function', () => 1, 'partial.output[1].deep[0]: a function does not survive JSON'],
    ['a symbol', Symbol('s'), 'partial.output[1].deep[0]: a symbol does not survive JSON'],
    ['an error', new Error('e'), 'partial.output[1].deep[0]: an object of type Error does not survive JSON'],
    ['a buffer', new ArrayBuffer(4), 'partial.output[1].deep[0]: an object of type ArrayBuffer does not survive JSON'],
    ['a DataView', new DataView(new ArrayBuffer(4)), 'partial.output[1].deep[0]: DataView of 4 bytes does not survive'],
    [
      'an instance of a class',
      new (class Score {
        value = 1;
      })(),
      'partial.output[1].deep[0]: an object of type Score does not',
    ],
    ['a cycle', cycle, 'levels, got more, or a cycle'],
    [
      'a reserved key',
      { $gearshift: 1 },
      "partial.output[1].deep[0]: the key '$gearshift' is reserved; use another one",
    ],
  ])('throws for %s and names its place', async (_what, value, message) => {
    const partial = await partialOf(1, { deep: [value] });
    expect(() => JSON.stringify(partial)).toThrow(TypeError);
    expect(() => JSON.stringify({ error: { partial } })).toThrow(message);
    // Without JSON nothing is lost.
    expect(unwrap(await resume(partial, [0, 1, 2], {}, () => ok(['last'])))[1]).toEqual({ deep: [value] });
  });

  it('works for the state of a run, for a run that failed again, and for one with an operand that has changed', async () => {
    const vectors = (chunk: number[]) => ok(chunk.map((item) => Float32Array.of(item, NaN)));
    const states: string[] = [];
    const operands = [{ id: 1, version: 1 }];
    const options = { maxChunkItems: 1, operands };
    const whole = await processInChunks([0, 1, 2], { ...options, onProgress: ({ partial }) => states.push(JSON.stringify(partial())) }, vectors); // prettier-ignore
    expect(whole.ok).toBe(true);
    const parse = (text: string) => JSON.parse(text) as PartialRun<ItemOutput<Float32Array>>;
    const again = expectError(await resume(parse(states[0]), [0, 1, 2], options, () => err('odd')));
    const changed = expectError(
      await resume(parse(JSON.stringify(again.partial)), [0, 1, 2], { operands: [{ id: 1, version: 2 }] }, vectors),
    );
    expect(changed.kind).toBe('invalid-input');
    const last = await resume(parse(JSON.stringify(changed.partial)), [0, 1, 2], options, vectors);
    expect(unwrap(last)).toEqual([0, 1, 2].map((item) => Float32Array.of(item, NaN)));
  });

  it('describes the cause of an attempt that JSON cannot carry', async () => {
    const run = runRanges(2, { maxChunkItems: 1, onFault: 'collect' }, () => err({ kind: 'odd', amount: 5n }));
    const { partial } = expectError(await run);
    const { attempts } = JSON.parse(JSON.stringify(partial)) as PartialRun;
    expect(attempts[0].cause).toMatchObject({ name: 'TypeError' });
    expect(unwrap(await resume(JSON.parse(JSON.stringify(partial)) as PartialRun, {}, () => ok(null))).total).toBe(2);
  });
});

describe('resume()', () => {
  it('says so when a copy in another thread has lost its typed arrays to JSON', async () => {
    for (const result of [Float32Array.of(1, NaN), { vectors: [Float32Array.of(1)] }]) {
      const copy = structuredClone(await partialOf(1, result));
      expect(unwrap(await resume(copy, [0, 1, 2], {}, () => ok(['last'])))).toEqual([1, result, 'last']);
      const damaged = JSON.stringify(copy);
      await expect(resumed(damaged)).rejects.toThrow(
        'partial.output[1]: expected a result of the function, got a typed array that JSON turned into an object',
      );
    }
  });

  it('takes a copy that went through plain JSON if its results are JSON', async () => {
    const copy = structuredClone(await partialOf({ a: [1, { b: null }] }, 'text'));
    expect(await resumed(JSON.stringify(copy))).toEqual([{ a: [1, { b: null }] }, 'text', 'last']);
  });

  it.each([
    [{ encoding: 2 }, RangeError, 'partial.encoding: expected 1, got 2'],
    [{ output: [{ $gearshift: 'Float16Array', base64: '' }, 1, null] }, TypeError, "got 'Float16Array'"],
    [{ output: [{ $gearshift: 'Float32Array' }, 1, null] }, TypeError, "got 'Float32Array'"],
  ])('refuses text that it cannot read (case %#)', async (change, type, message) => {
    const partial = { ...(JSON.parse(JSON.stringify(await partialOf(1))) as object), ...change };
    const run = resume(partial as PartialRun<ItemOutput<unknown>>, [0, 1, 2], {}, () => ok(['last']));
    await expect(run).rejects.toThrow(type);
    await expect(run).rejects.toThrow(message);
  });
});
