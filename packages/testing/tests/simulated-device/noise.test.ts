import { describe, expect, it } from 'vitest';
import { createNoise, meanNoise } from '../../src/simulated-device/index.js';

const HARD = { deviation: 0.3, spikeRate: 0.03, spikeFactor: 10 };
const draws = (seed: number, stream: number, count = 20_000) => {
  const noise = createNoise({ seed, ...HARD });
  return Array.from({ length: count }, (_, index) => noise.factor(stream, index));
};

describe('createNoise', () => {
  it('gives the same factor independent of earlier calls', () => {
    const forwards = draws(7, 1, 100);
    const noise = createNoise({ seed: 7, ...HARD });
    for (let index = 99; index >= 0; index--) {
      noise.factor(2, index);
      expect(noise.factor(1, index)).toBe(forwards[index]);
    }
  });

  it('has median 1, the given rate of spikes, and the mean of meanNoise()', () => {
    const factors = draws(11, 1).toSorted((a, b) => a - b);
    expect(factors[10_000]).toBeCloseTo(1, 1);
    const spikes = factors.filter((factor) => factor > 4).length / factors.length;
    expect(spikes).toBeGreaterThan(0.025);
    expect(spikes).toBeLessThan(0.035);
    const mean = factors.reduce((sum, factor) => sum + factor, 0) / factors.length;
    expect(mean / meanNoise(HARD)).toBeGreaterThan(0.95);
    expect(mean / meanNoise(HARD)).toBeLessThan(1.05);
  });

  it('has uncorrelated streams, seeds and neighbours', () => {
    const logs = (factors: readonly number[]) => factors.map((factor) => Math.log(factor));
    const first = logs(draws(1, 1));
    for (const other of [logs(draws(1, 2)), logs(draws(2, 1)), [...first.slice(1), first[0]]]) {
      expect(Math.abs(correlation(first, other))).toBeLessThan(0.03);
    }
  });

  it('gives only factors of 1 without deviation and spikes', () => {
    const noise = createNoise({ seed: 1, deviation: 0, spikeRate: 0, spikeFactor: 5 });
    expect([0, 1, 2].map((index) => noise.factor(1, index))).toEqual([1, 1, 1]);
  });
});

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = mean(a.map((value, i) => (value - meanA) * (b[i] - meanB)));
  const deviation = (values: readonly number[], centre: number) =>
    Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
  return covariance / (deviation(a, meanA) * deviation(b, meanB));
}
