import { expect, it } from 'vitest';
import { ShortestFirst } from '../src/shortest-first.mjs';

it('quick test files run first, by the durations of the first known run', async () => {
  const durations = new Map([
    [':tests/slow.test.ts', 900],
    [':tests/quick.test.ts', 20],
  ]);
  const getFileTestResults = (key: string) =>
    durations.has(key) ? { duration: durations.get(key), failed: false } : undefined;
  const sequencer = new ShortestFirst({ config: { root: '/p' }, cache: { getFileTestResults } } as never);
  const files = ['slow', 'new', 'quick'].map((name) => ({
    project: { name: '' },
    moduleId: `/p/tests/${name}.test.ts`,
  }));
  const order = async () =>
    (await sequencer.sort(files)).map(({ moduleId }: { moduleId: string }) => moduleId.slice(9));
  expect(await order()).toEqual(['new.test.ts', 'quick.test.ts', 'slow.test.ts']);
  // The slow file was only run in part for a mutant.
  durations.set(':tests/slow.test.ts', 1);
  durations.set(':tests/new.test.ts', 500);
  expect(await order()).toEqual(['quick.test.ts', 'new.test.ts', 'slow.test.ts']);
});
