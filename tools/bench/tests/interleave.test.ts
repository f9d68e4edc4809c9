import { expect, it } from 'vitest';
import { interleave, median, medianRatio } from '../src/interleave.mjs';

it('gives every contestant one turn a round, in rotating order', async () => {
  const order: string[] = [];
  const contestant = (name: string) => ({
    name,
    perTurn: 2,
    run: () => {
      order.push(name);
    },
  });
  const timings = await interleave([contestant('a'), contestant('b')], { rounds: 3 });
  // One call each to see whether it is asynchronous, then two a turn.
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

it('finds the middle of odd and even counts, in numeric order', () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([1, 2, 30, 4])).toBe(3);
});

it('compares within a round', () => {
  const timing = (roundsNs: number[]) => ({ name: '', perTurn: 1, roundsNs, medianNs: 0, minNs: 0 });
  expect(medianRatio(timing([2, 20, 300]), timing([1, 10, 100]))).toBe(2);
});
