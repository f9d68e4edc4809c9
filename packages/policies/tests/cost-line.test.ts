import { describe, expect, it } from 'vitest';
import { BUCKETS_AT, bucketAt, CostLine, genericCost, LINE, unitsOf, type Cost } from '../src/adaptive/cost-line.js';

/** The mathematics of docs/adaptive-policy.md, "The line of a cost", written with vectors and matrices. */
class LineOracle {
  line: readonly [number, number];
  noise = 0.09;
  #inverse: readonly [number, number, number] = [NaN, NaN, NaN];
  readonly #prior: Cost;
  #s11 = 0;
  #s12 = 0;
  #s22 = 0;
  #t1 = 0;
  #t2 = 0;
  #weight = 0;
  #squaredErrors = 0;
  #errorWeight = 0;
  readonly #buckets = new Map<number, { sum: number; weight: number; count: number }>();

  constructor(prior: Cost) {
    this.#prior = prior;
    this.line = [prior.fixedMs, prior.msPerUnit];
  }

  residual(units: number): number {
    const bucket = this.#buckets.get(bucketAt(units));
    return bucket === undefined ? 0 : ((bucket.sum / bucket.weight) * bucket.count) / (bucket.count + 3);
  }

  predict(units: number): number {
    return (this.line[0] + this.line[1] * units) * Math.exp(this.residual(units));
  }

  variance(units: number): number {
    if (this.#weight === 0) return 4;
    const ms = this.line[0] + this.line[1] * units;
    const leverage = quadratic(this.#inverse, 1 / ms, units / ms);
    const seen = this.#buckets.get(bucketAt(units))?.count ?? 0;
    return Math.min(4, this.noise * leverage + (0.2 / (1 + seen)) ** 2);
  }

  fit(units: number, ms: number, error: number): void {
    const x = [1 / ms, units / ms] as const;
    if (this.#weight > 0) this.#forget(x);
    this.#s11 += x[0] * x[0];
    this.#s12 += x[0] * x[1];
    this.#s22 += x[1] * x[1];
    this.#t1 += x[0];
    this.#t2 += x[1];
    this.#weight = this.#weight * 0.99 + 1;
    this.#squaredErrors = this.#squaredErrors * 0.97 + Math.min(1, error * error);
    this.#errorWeight = this.#errorWeight * 0.97 + 1;
    this.#solve();
    const residual = Math.log(ms / (this.line[0] + this.line[1] * units));
    const { sum, weight, count } = this.#buckets.get(bucketAt(units)) ?? { sum: 0, weight: 0, count: 0 };
    const clipped = Math.min(2, Math.max(-2, residual));
    this.#buckets.set(bucketAt(units), { sum: sum * 0.9 + clipped, weight: weight * 0.9 + 1, count: count + 1 });
  }

  /** S loses 0.01 x x' / (x' S^-1 x), and t what keeps the solution of S a = t the same. */
  #forget(x: readonly [number, number]): void {
    const inverse = inverted(this.#s11 * (1 + 1e-6), this.#s12, this.#s22 * (1 + 1e-6));
    const share = 0.01 / quadratic(inverse, ...x);
    const fixedMs = inverse[0] * this.#t1 + inverse[1] * this.#t2;
    const msPerUnit = inverse[1] * this.#t1 + inverse[2] * this.#t2;
    const fitted = x[0] * fixedMs + x[1] * msPerUnit;
    this.#s11 -= share * x[0] * x[0];
    this.#s12 -= share * x[0] * x[1];
    this.#s22 -= share * x[1] * x[1];
    this.#t1 -= share * x[0] * fitted;
    this.#t2 -= share * x[1] * fitted;
  }

  #solve(): void {
    const ridge = 1 + 0.1 / this.#weight;
    const s = [this.#s11 * ridge, this.#s12, this.#s22 * ridge] as const;
    this.#inverse = inverted(...s);
    this.noise = (this.#squaredErrors + 2 * 0.09) / (this.#errorWeight + 2);
    let fixedMs = this.#inverse[0] * this.#t1 + this.#inverse[1] * this.#t2;
    let msPerUnit = this.#inverse[1] * this.#t1 + this.#inverse[2] * this.#t2;
    if (fixedMs < 0) [fixedMs, msPerUnit] = [0, this.#t2 / s[2]];
    else if (msPerUnit < 0) [fixedMs, msPerUnit] = [this.#t1 / s[0], 0];
    const { fixedMs: g1, msPerUnit: g2 } = this.#prior;
    const scale = (g1 * this.#t1 + g2 * this.#t2) / quadratic(s, g1, g2);
    const z2 = quadratic(s, fixedMs - scale * g1, msPerUnit - scale * g2) / this.noise;
    const believed = z2 ** 2 / (z2 ** 2 + 16);
    this.line = [scale * g1 + believed * (fixedMs - scale * g1), scale * g2 + believed * (msPerUnit - scale * g2)];
  }
}

function inverted(s11: number, s12: number, s22: number): readonly [number, number, number] {
  const determinant = s11 * s22 - s12 * s12;
  return [s22 / determinant, -s12 / determinant, s11 / determinant];
}

function quadratic([a, b, c]: readonly [number, number, number], x: number, y: number): number {
  return a * x * x + 2 * b * x * y + c * y * y;
}

const PRIOR = { fixedMs: 0.03, msPerUnit: 2e-10 };
type Sample = readonly [units: number, ms: number];

const noisy = (ms: number, i: number): number => ms * (1 + 0.2 * Math.sin(i * 12.9898));
const many = (count: number, sampleAt: (i: number) => Sample): Sample[] =>
  Array.from({ length: count }, (_, i) => sampleAt(i));

describe('a line of cost is the one of the documented mathematics', () => {
  it.each<[string, Sample[]]>([
    ['after one sample', [[1e6, 0.5]]],
    ['after two samples of one size', many(2, () => [1e6, 0.5])],
    ['after many of one size', many(150, (i) => [1e6, noisy(0.5, i)])],
    ['after many of three sizes', many(150, (i) => [10 ** (5 + (i % 3)), noisy(0.05 + 1e-8 * 10 ** (5 + (i % 3)), i)])],
    ['where the fixed time would be negative', many(40, (i) => [10 ** (4 + (i % 4)), 10 ** (2 * (i % 4) - 5)])],
    ['where the slope would be negative', many(40, (i) => [10 ** (4 + (i % 4)), 10 ** (1 - (i % 4))])],
    [
      'after a few large ones and a thousand small ones',
      many(1004, (i) => (i < 4 ? [1e9 * (i + 1), 10 * (i + 1)] : [1e3, noisy(0.03, i)])),
    ],
    ['after a spike that is fitted', [...many(20, (i) => [1e6, noisy(0.5, i)] as Sample), [1e6, 500], [1e6, 0.5]]],
  ])('%s', (_case, samples) => {
    const line = new CostLine('line', PRIOR);
    const oracle = new LineOracle(PRIOR);
    expect(line.variance(1e6)).toBe(4);
    for (const [units, ms] of samples) {
      const error = Math.log(ms / line.predict(units));
      line.fit(units, ms, error);
      oracle.fit(units, ms, error);
      expect(line.noise / oracle.noise).toBeCloseTo(1, 9);
      for (const size of [1, units / 3, units, units * 50]) {
        expect(line.predict(size) / oracle.predict(size)).toBeCloseTo(1, 6);
        expect(line.variance(size) / oracle.variance(size)).toBeCloseTo(1, 6);
        const limit = Math.max(0.7, 3.5 * Math.sqrt(oracle.noise + oracle.variance(size)));
        expect(line.outlierLimit(size) / limit).toBeCloseTo(1, 6);
      }
    }
  });

  it('is the generic one, with a deviation of 0.3, before anything is measured', () => {
    const line = new CostLine('line', PRIOR);
    expect([line.fixedMs, line.msPerUnit, line.isKnown]).toEqual([0.03, 2e-10, false]);
    expect(line.noise).toBeCloseTo(0.09, 12);
    expect(line.predict(1e8)).toBeCloseTo(0.05, 12);
    expect(line.predict(1e8, bucketAt(1e8), Math.log(3))).toBeCloseTo(0.15, 12);
  });
});

describe('the sums of a line of cost', () => {
  it('make it known with the second fitted sample', () => {
    const line = new CostLine('line', PRIOR);
    line.fit(1e6, 0.5, 0);
    expect(line.isKnown).toBe(false);
    line.fit(1e6, 0.5, 0);
    expect(line.isKnown).toBe(true);
  });

  it('count samples, runs and errors, the relative error of one sample up to 10', () => {
    const line = new CostLine('line', PRIOR);
    line.fit(1e6, 0.5, Math.log(1.5));
    line.fit(1e6, 0.5, Math.log(0.5));
    line.fit(1e6, 0.5, 20);
    line.sums.add(LINE.runs, 1);
    const { total } = line.sums;
    expect([total[LINE.samples], total[LINE.runs]]).toEqual([3, 4]);
    expect(total[LINE.relativeErrors]).toBeCloseTo(0.5 * 0.97 ** 2 + 0.5 * 0.97 + 10, 12);
    expect(total[LINE.errorWeight]).toBeCloseTo(0.97 ** 2 + 0.97 + 1, 12);
    expect(total[LINE.weight]).toBeCloseTo(0.99 ** 2 + 0.99 + 1, 12);
  });

  it('never become negative when they fade', () => {
    const line = new CostLine('line', PRIOR);
    for (let i = 0; i < 3000; i++) line.fit(i % 2 === 0 ? 1 : 1e12, i % 2 === 0 ? 1e-5 : 1e5, 0);
    for (const name of ['s11', 's12', 's22', 't1', 't2'] as const)
      expect(line.sums.total[LINE[name]]).toBeGreaterThanOrEqual(0);
    expect(line.predict(1)).toBeGreaterThan(0);
  });
});

describe('the doubt about a prediction', () => {
  it('is 0.2 squared for a half-octave without samples, and less with each sample there', () => {
    const line = new CostLine('line', PRIOR);
    for (let i = 0; i < 200; i++) line.fit(1e6, 0.5, 0);
    expect(line.variance(1e6, bucketAt(1e9)) - line.variance(1e6)).toBeCloseTo(0.2 ** 2 - (0.2 / 201) ** 2, 12);
  });

  it('is never more than a factor of e squared', () => {
    const line = new CostLine('line', PRIOR);
    for (let i = 0; i < 5; i++) line.fit(1e3, 0.03 * (i + 1), 5);
    expect(line.variance(1e15)).toBe(4);
  });
});

describe('buckets of sizes', () => {
  it.each([
    [0, 0],
    [1, 0],
    [256, 0],
    [256 * 2 ** 0.24, 0],
    [256 * 2 ** 0.26, 1],
    [512, 2],
    [2 ** 47.5, 79],
    [2 ** 48, 79],
    [1e300, 79],
  ])('puts %d units into bucket %d of 80', (size, bucket) => {
    expect(bucketAt(size)).toBe(BUCKETS_AT + 3 * bucket);
  });
});

describe('the generic cost', () => {
  it.each([
    ['cpu', 5e8, 2e7, { fixedMs: 0.003, msPerUnit: 10 / 5e8 }],
    ['cpu', 5e7, 2e8, { fixedMs: 0.003, msPerUnit: 10 / 5e7 }],
    ['cpu', 0, 2e7, { fixedMs: 0.003, msPerUnit: 1 / 2e7 }],
    ['gpu', 5e10, 4e8, { fixedMs: 0.03, msPerUnit: 10 / 5e10 }],
    ['gpu', 5e9, 4e9, { fixedMs: 0.03, msPerUnit: 10 / 5e9 }],
    ['remote', 5e8, 2e7, { fixedMs: 0.5, msPerUnit: 10 / 5e8 }],
  ] as const)('of a %s for %d operations and %d bytes is bound by the slower of both', (kind, flops, bytes, cost) => {
    expect(genericCost(kind, { flops, bytes })).toEqual(cost);
  });

  it('counts operations, bytes where there are none, and at least one unit', () => {
    expect(unitsOf({ flops: 7, bytes: 9 })).toBe(7);
    expect(unitsOf({ flops: 0, bytes: 9 })).toBe(9);
    expect(unitsOf({ flops: 0.5, bytes: 9 })).toBe(1);
    expect(unitsOf({ flops: 0, bytes: 0 })).toBe(1);
  });
});
