import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createCollection, openCollection } from '../src/index.js';
import { idsOf, openExecutor } from './collection-setup.js';

const executor = await openExecutor();
const ROOT = mkdtempSync(join(tmpdir(), 'gearshift-collection-'));
afterAll(() => rmSync(ROOT, { recursive: true }));

describe.each([
  ['float16', undefined],
  ['bfloat16', undefined],
  ['int8', 1 / 64],
] as const)('a collection of %s', (dtype, scale) => {
  it('rounds vectors, answers with the rounded ones, and keeps type and scale in its folder', async () => {
    const folder = join(ROOT, dtype);
    const options = { dimensions: 2, metric: 'dot', dtype, ...(scale === undefined ? {} : { scale }) } as const;
    await using made = await createCollection(executor, options);
    await made.upsert([
      { id: 'a', vector: [1, 0.5] },
      { id: 'b', vector: [0.5, 1.0001] },
    ]);
    expect([...made].map(({ vector }) => [...vector])).toEqual([
      [1, 0.5],
      [0.5, 1],
    ]);
    expect(await made.query({ vector: [0, 1], k: 2 })).toMatchObject([
      { id: 'b', score: 1 },
      { id: 'a', score: 0.5 },
    ]);
    await made.save(folder);
    await using read = await openCollection(executor, folder, { verify: true });
    expect([...read]).toEqual([...made]);
    await using written = await openCollection(executor, folder, { writable: true });
    await written.upsert([{ id: 'c', vector: [0.25, 1.25] }]);
    expect(idsOf(await written.query({ vector: [0, 1], k: 1 }))).toEqual(['c']);
    expect([...written].map(({ vector }) => [...vector]).at(-1)).toEqual([0.25, 1.25]);
  });
});

it.each([
  [
    { dtype: 'int8' },
    TypeError,
    /^scale: expected a positive number, because dtype is 'int8', got undefined; 1 \/ 127/,
  ],
  [{ dtype: 'float8' }, RangeError, /^dtype: expected one of float32, float16, bfloat16, int8/],
  [{ scale: 2 }, RangeError, /^scale: expected none, because only 'int8' has a scale, got 2/],
])('refuses %o', async (options, type, message) => {
  const failure: unknown = await createCollection(executor, { dimensions: 2, ...options } as never).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(type);
  expect((failure as Error).message).toMatch(message);
});
