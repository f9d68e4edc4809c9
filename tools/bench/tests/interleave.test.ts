import { expect, it } from 'vitest';
import { interleave, median, medianRatio } from '../src/interleave.mjs';

it('gives every contestant one turn per round, in rotating order', async () => {
  const order: string[] = [];
  const contestant = (name: string) => ({
    name,
    perTurn: 2,
    run: () => {
      order.push(name);
    },
  });
  const timings = await interleave([contestant('a'), contestant('b')], { rounds: 3 });
  // One call each to detect whether it is asynchronous, then two per turn.
  expect(order.join('')).toBe('ab' + 'aabb' + 'bbaa' + 'aabb');
  expect(timings.map(({ name, perTurn, roundsNs }) => [name, perTurn, roundsNs.length])).toEqual([
    ['a', 2, 3],
    ['b', 2, 3],
  ]);
  expect(timings.every(({ roundsNs }) => roundsNs.every((timeNs) => timeNs > 0))).toBe(true);
});

it('awaits each asynchronous operation before the next', async () => {
  let running = 0;
  let most = 0;
  const run = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
  };
  await interleave([{ name: 'slow', run, perTurn: 3 }], { rounds: 3 });
  expect(most).toBe(1);
  expect(running).toBe(0);
});

it('refuses fewer than three rounds', async () => {
  await expect(interleave([], { rounds: 2 })).rejects.toThrow(RangeError);
});

it('median() sorts numerically, for odd and even counts', () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([1, 2, 30, 4])).toBe(3);
});

it('medianRatio() compares times of the same round', () => {
  const timing = (roundsNs: number[]) => ({ name: '', perTurn: 1, roundsNs, medianNs: 0, minNs: 0 });
  expect(medianRatio(timing([2, 20, 300]), timing([1, 10, 100]))).toBe(2);
});
