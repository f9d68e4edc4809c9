import { prepareSpreadActivation } from '@gearshift/contracts';
import { describe, expect, test } from 'vitest';
import {
  AccurateSum,
  clusteredValues,
  createRandom,
  oracleScore,
  oracleSpread,
  powerLawGraph,
  randomValues,
  specialRows,
  uniformGraph,
} from '../src/index.js';

describe('AccurateSum', () => {
  test('keeps the terms that plain addition loses', () => {
    const sum = new AccurateSum();
    for (const term of [1, 1e100, 1, -1e100]) sum.add(term);
    expect(sum.value).toBe(2);
    expect(1 + 1e100 + 1 - 1e100).toBe(0);
  });

  test('gives the result of IEEE arithmetic once a term is not finite', () => {
    const infinite = new AccurateSum();
    for (const term of [1, Infinity, 2]) infinite.add(term);
    expect(infinite.value).toBe(Infinity);
    infinite.add(-Infinity);
    expect(infinite.value).toBeNaN();
  });
});

describe('oracleScore', () => {
  // Computed by hand.
  const [query, row] = [Float32Array.of(3, 4), Float32Array.of(4, -3)];
  test.each([
    ['cosine', query, query, 1],
    ['cosine', query, row, 0],
    ['cosine', query, Float32Array.of(-6, -8), -1],
    ['cosine', query, Float32Array.of(0, 0), 0],
    ['dot', query, row, 0],
    ['dot', query, query, 25],
    ['euclidean', query, Float32Array.of(0, 0), 5],
    ['euclidean', query, row, Math.sqrt(50)],
  ] as const)('%s of %o and %o is %d', (metric, a, b, expected) => {
    expect(oracleScore(metric, a, b).score).toBe(expected);
  });

  test('has the documented bounds', () => {
    const [a, b] = [randomValues(768, 1), randomValues(768, 2)];
    expect(oracleScore('cosine', a, b).bound).toBeCloseTo(9.155e-5, 8);
    for (const metric of ['dot', 'euclidean'] as const) {
      const { bound } = oracleScore(metric, a, b);
      expect(bound).toBeGreaterThan(0);
      expect(bound).toBeLessThan(1e-4 * 768);
    }
  });
});

test('oracleSpread accepts both the value and 0 for a value at the threshold', () => {
  const graph = uniformGraph({ nodes: 1, edgesPerNode: 0, seed: 1 });
  const request = { operation: 'spread-activation', graph, activations: Float32Array.of(0.1), retention: 1 } as const;
  const [border] = oracleSpread(prepareSpreadActivation({ ...request, threshold: 0.1 }));
  expect(border.bound).toBeGreaterThanOrEqual(border.score);
  const [above] = oracleSpread(prepareSpreadActivation({ ...request, threshold: 0.09 }));
  expect(above.bound).toBeLessThan(1e-6);
  const [below] = oracleSpread(prepareSpreadActivation({ ...request, threshold: 0.2 }));
  expect(below).toEqual({ score: 0, bound: 0 });
});

describe('seeded random data', () => {
  test('is equal for equal seeds and differs for different ones', () => {
    expect(randomValues(50, 7)).toEqual(randomValues(50, 7));
    expect(randomValues(50, 7)).not.toEqual(randomValues(50, 8));
    expect(powerLawGraph({ nodes: 40, edgesPerNode: 3, seed: 1 }).columns).toEqual(
      powerLawGraph({ nodes: 40, edgesPerNode: 3, seed: 1 }).columns,
    );
  });

  test('has the documented distribution', () => {
    const random = createRandom(3);
    const draws = Array.from({ length: 20_000 }, () => random.next());
    expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true);
    expect(mean(draws)).toBeCloseTo(0.5, 1);
    const normal = [...randomValues(20_000, 4)];
    expect(mean(normal)).toBeCloseTo(0, 1);
    expect(mean(normal.map((x) => x * x))).toBeCloseTo(1, 1);
    const rows = clusteredValues({ rows: 200, dimensions: 8, clusters: 1, deviation: 0.01, seed: 5 });
    expect(oracleScore('cosine', rows.slice(0, 8), rows.slice(8, 16)).score).toBeGreaterThan(0.99);
  });

  test('has hubs in power-law graphs and none in uniform ones', () => {
    const most = ({ rowPointers }: { rowPointers: Uint32Array }) =>
      Math.max(...Array.from(rowPointers.subarray(1), (end, node) => end - rowPointers[node]));
    const options = { nodes: 1000, edgesPerNode: 10, seed: 6 };
    expect(most(powerLawGraph(options))).toBeGreaterThan(500);
    expect(most(uniformGraph(options))).toBeLessThan(40);
  });

  test('contains every special element in specialRows(), alone and among others', () => {
    const values = specialRows(5);
    expect(values.length % 10).toBe(0);
    expect([...values].filter(Number.isNaN).length).toBe(6);
  });
});

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}
