import { describe, expect, it, test } from 'vitest';
import fc from 'fast-check';
import { BUCKET_COUNT, bucketAt, BUCKETS_AT, CostLine, genericCost } from '../src/adaptive/cost-line.js';
import { DeviceSpeed, SpikeRule } from '../src/adaptive/device-speed.js';
import { DeviceKnowledge } from '../src/adaptive/knowledge.js';
import { ledgerKey, ResidencyLedger } from '../src/adaptive/residency-ledger.js';
import { TokenBucket } from '../src/adaptive/token-bucket.js';
import { grown, opportunityLossMs } from '../src/adaptive/uncertainty.js';
import { scanOf } from './policy-inputs.js';

const SEED = 20_261_123;
const PROPERTY = { seed: SEED, numRuns: 300 };
/** From one unit to a day's work, from ten nanoseconds to a day. */
const units = fc.double({ min: 0, max: 45, noNaN: true }).map((octaves) => 2 ** octaves);
const ms = fc.double({ min: -5, max: 8, noNaN: true }).map((decades) => 10 ** decades);
const GPU_PRIOR = genericCost('gpu', scanOf(1000));

function fitted(samples: readonly (readonly [number, number])[], prior = GPU_PRIOR): CostLine {
  const line = new CostLine('line', prior);
  for (const [size, time] of samples) {
    line.refresh(0, 0);
    line.fit(size, time, Math.log(time / line.predict(size)));
  }
  line.refresh(0, 0);
  return line;
}

describe('the line of a cost', () => {
  test('a line of cost predicts a positive time and a finite doubt at any size, for any measurements', () => {
    const samples = fc.array(fc.tuple(units, ms), { maxLength: 60 });
    fc.assert(
      fc.property(samples, fc.array(units, { minLength: 1, maxLength: 8 }), (measured, sizes) => {
        const line = fitted(measured);
        expect(line.fixedMs).toBeGreaterThanOrEqual(0);
        expect(line.msPerUnit).toBeGreaterThanOrEqual(0);
        for (const size of sizes) {
          expect(line.predict(size)).toBeGreaterThan(0);
          expect(line.predict(size)).toBeLessThan(Infinity);
          expect(line.variance(size)).toBeGreaterThanOrEqual(0);
          expect(line.outlierLimit(size)).toBeLessThan(Infinity);
        }
      }),
      PROPERTY,
    );
  });

  test('a line of cost finds the true line at any scale', () => {
    const fixed = fc.double({ min: -4, max: 2, noNaN: true }).map((decades) => 10 ** decades);
    const perUnit = fc.double({ min: -11, max: -4, noNaN: true }).map((decades) => 10 ** decades);
    fc.assert(
      fc.property(fixed, perUnit, (fixedMs, msPerUnit) => {
        const elbow = fixedMs / msPerUnit;
        const sizes = [0.01, 0.1, 0.3, 1, 3, 10, 100].map((share) => share * elbow);
        const samples = Array.from({ length: 70 }, (_, i) => sizes[i % 7]).map((size) => [
          size,
          fixedMs + msPerUnit * size,
        ]);
        const line = fitted(samples as [number, number][]);
        for (const size of sizes) expect(line.predict(size) / (fixedMs + msPerUnit * size)).toBeCloseTo(1, 1);
      }),
      PROPERTY,
    );
  });

  it('does not magnify the noise of small sizes at large ones', () => {
    // All of a kernel's fixed time, and a scatter that looks like a slope.
    const small = [10, 20, 30, 40, 50, 60].map((rows, i) => [scanOf(rows).flops, 0.03 * (1 + 0.05 * i)] as const);
    const line = fitted([...small, ...small]);
    expect(line.predict(scanOf(1_000_000).flops)).toBeLessThan(100);
  });

  it('is right about a device that is a thousand times slower than usual after two runs', () => {
    const line = fitted([
      [1e6, 1000 * (GPU_PRIOR.fixedMs + 1e6 * GPU_PRIOR.msPerUnit)],
      [1e9, 1000 * (GPU_PRIOR.fixedMs + 1e9 * GPU_PRIOR.msPerUnit)],
    ]);
    expect(line.predict(1e8) / (1000 * (GPU_PRIOR.fixedMs + 1e8 * GPU_PRIOR.msPerUnit))).toBeCloseTo(1, 1);
  });

  it('keeps the slope of large requests through a thousand small ones', () => {
    const line = fitted([1e9, 2e9, 3e9, 5e9].map((size) => [size, 0.03 + size * 1e-8] as const));
    for (let i = 0; i < 1000; i++) line.fit(1e3 * (1 + (i % 7)), 0.03 * (0.8 + 0.2 * (i % 3)), 0);
    line.refresh(0, 0);
    expect(line.fixedMs).toBeCloseTo(0.03, 2);
    expect(line.msPerUnit * 1e8).toBeCloseTo(1, 1);
  });

  it('follows a cost that changes', () => {
    const line = fitted(Array.from({ length: 400 }, (_, i) => [1e6 * (1 + (i % 9)), 1 + (i % 9)] as const));
    for (let i = 0; i < 1000; i++) line.fit(1e6 * (1 + (i % 9)), 2 * (1 + (i % 9)), 0);
    line.refresh(0, 0);
    const ratio = (line.fixedMs + line.msPerUnit * 5e6) / 10;
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.05);
  });

  it('has neither a negative fixed time nor a negative slope where the cost is not a line', () => {
    const sizes = Array.from({ length: 60 }, (_, i) => 10 ** (6 + (i % 4)));
    const quadratic = fitted(sizes.map((size) => [size, (size / 1e6) ** 2] as const));
    const falling = fitted(sizes.map((size) => [size, 1e6 / size] as const));
    for (const line of [quadratic, falling]) {
      expect(line.fixedMs).toBeGreaterThanOrEqual(0);
      expect(line.msPerUnit).toBeGreaterThanOrEqual(0);
    }
  });

  it('has more doubt about sizes far from the measured ones', () => {
    const line = fitted(Array.from({ length: 30 }, (_, i) => [1e6 * (1 + (i % 3)), 1 + 0.1 * (i % 2)] as const));
    expect(line.variance(1e12)).toBeGreaterThan(10 * line.variance(2e6));
  });
});

describe('residual buckets', () => {
  test('every size has a bucket of residuals', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, noNaN: true }), (size) => {
        const at = bucketAt(size);
        expect(at).toBeGreaterThanOrEqual(BUCKETS_AT);
        expect(at).toBeLessThanOrEqual(BUCKETS_AT + 3 * (BUCKET_COUNT - 1));
        expect((at - BUCKETS_AT) % 3).toBe(0);
      }),
      PROPERTY,
    );
  });

  const residualOf = (line: CostLine, size: number): number =>
    Math.log(line.predict(size) / (line.fixedMs + line.msPerUnit * size));

  it('a residual follows a step that the line cannot follow, and leaves other sizes alone', () => {
    const sizes = [1e4, 1e5, 1e6, 1e7, 1e8];
    const usual = (size: number): number => 1 + size * 1e-6;
    const time = (size: number): number => usual(size) * (size === 1e6 ? 1.6 : 1);
    const line = fitted(Array.from({ length: 500 }, (_, i) => [sizes[i % 5], time(sizes[i % 5])] as const));
    expect(line.predict(1e6) / usual(1e6)).toBeCloseTo(1.6, 1);
    expect(residualOf(line, 1e6)).toBeGreaterThan(0.2);
    expect(residualOf(line, 2e6)).toBe(0);
  });

  it('a residual follows a single run only a little', () => {
    const line = fitted(Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? [1e6, 1] : [1e9, 1000])));
    line.fit(3e7, 3e7, Math.log(1e6));
    expect(residualOf(line, 3e7)).toBeGreaterThan(0.4);
    expect(residualOf(line, 3e7)).toBeLessThanOrEqual(0.5 + 1e-9);
  });
});

describe('the speed of a device', () => {
  const LIMIT = 0.7;
  const SLOW = Math.log(6);

  function usual(): DeviceSpeed {
    const speed = new DeviceSpeed('gpu');
    for (let i = 0; i < 10; i++) speed.observe(0, LIMIT);
    speed.refresh(0, 0);
    return speed;
  }

  test('the speed of a device changes after two slow runs in a row, not after one', () => {
    const speed = usual();
    expect(speed.observe(SLOW, LIMIT)).toBe(false);
    speed.refresh(0, 0);
    expect(speed.factor).toBeCloseTo(1, 5);
    expect(speed.observe(SLOW, LIMIT)).toBe(false);
    speed.refresh(0, 0);
    expect(speed.factor).toBeGreaterThan(3);
  });

  test('spikes that are not in a row never change the speed of a device', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1, max: 6, noNaN: true }), { maxLength: 40 }), (spikes) => {
        const speed = usual();
        for (const spike of spikes) {
          speed.observe(spike, LIMIT);
          speed.observe(0, LIMIT);
          speed.refresh(0, 0);
          expect(speed.factor).toBeCloseTo(1, 5);
        }
      }),
      PROPERTY,
    );
  });

  it('comes closer to a slowdown the longer it lasts', () => {
    const speed = usual();
    for (let i = 0; i < 20; i++) {
      speed.observe(SLOW, LIMIT);
      speed.refresh(0, 0);
    }
    expect(speed.factor).toBeGreaterThan(5);
    expect(speed.variance).toBeLessThan(0.05);
  });

  it('ends a slowdown after one fast run', () => {
    const speed = usual();
    for (let i = 0; i < 10; i++) {
      speed.observe(SLOW, LIMIT);
      speed.refresh(0, 0);
    }
    speed.observe(0, LIMIT);
    speed.refresh(0, 0);
    expect(speed.factor).toBeCloseTo(1, 5);
  });

  test('a slowdown fades unless runs confirm it, later the more runs there were', () => {
    const after = (runs: number, decisions: number): number => {
      const speed = usual();
      for (let i = 0; i < runs; i++) {
        speed.observe(SLOW, LIMIT);
        speed.refresh(0, 0);
      }
      speed.refresh(0, decisions);
      return speed.factor;
    };
    expect(after(2, 0)).toBeGreaterThan(3);
    expect(after(2, 40)).toBeLessThan(1.02);
    expect(after(20, 40)).toBeGreaterThan(3);
    expect(after(20, 1000)).toBeLessThan(1.02);
  });

  test('the factor of a device is finite and positive for any measurements', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -40, max: 40, noNaN: true })), (deviations) => {
        const speed = new DeviceSpeed('gpu');
        for (const [i, deviation] of deviations.entries()) {
          speed.refresh(0, i);
          speed.observe(deviation, LIMIT);
          speed.refresh(0, i);
          expect(speed.factor).toBeGreaterThan(0);
          expect(speed.factor).toBeLessThan(1e4);
        }
      }),
      PROPERTY,
    );
  });
});

test('the spike rule finds a change after two slow runs in a row, or one fast one', () => {
  const rule = new SpikeRule();
  expect([0.1, 2, 0.1, 2, 2, 2, -0.5, 2, -2, 2].map((error) => rule.judge(error, 0.7))).toEqual([
    'usual',
    'spike',
    'usual',
    'spike',
    'shift',
    'shift',
    'usual',
    'spike',
    'shift',
    'spike',
  ]);
});

describe('the token bucket', () => {
  test('the token bucket never holds more than its cap, and never spends more than it has earned', () => {
    const step = fc.record({
      busyMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
      costMs: fc.double({ min: 0, max: 50, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const tokens = new TokenBucket(0.01, 2, 20);
        let busyMs = 0;
        let spentMs = 0;
        for (const { busyMs: more, costMs } of steps) {
          tokens.earn(more);
          busyMs += more;
          expect(tokens.tokensMs).toBeLessThanOrEqual(20);
          if (tokens.canAfford(costMs)) {
            tokens.spend(costMs);
            spentMs += costMs;
          }
          expect(tokens.tokensMs).toBeGreaterThanOrEqual(0);
          expect(spentMs).toBeLessThanOrEqual(2 + 0.01 * busyMs + 1e-9);
        }
      }),
      PROPERTY,
    );
  });

  it('earns a debt back before it spends again', () => {
    const tokens = new TokenBucket(0.01, 2, 20);
    tokens.spend(5);
    expect(tokens.canAfford(0)).toBe(false);
    tokens.earn(301);
    expect(tokens.canAfford(0)).toBe(true);
  });

  it('starts with at most its cap, earns its share and spends the cost', () => {
    expect(new TokenBucket(0.01, 50, 20).tokensMs).toBe(20);
    const tokens = new TokenBucket(0.25, 2, 20);
    tokens.earn(8);
    expect(tokens.tokensMs).toBe(4);
    tokens.earn(1000);
    expect(tokens.tokensMs).toBe(20);
    tokens.spend(5);
    expect(tokens.tokensMs).toBe(15);
    tokens.spend(-5);
    expect(tokens.tokensMs).toBe(15);
  });

  it('can afford as much as it holds, and nothing when it is empty', () => {
    const tokens = new TokenBucket(0, 2, 20);
    expect([2, 2.01].map((costMs) => tokens.canAfford(costMs))).toEqual([true, false]);
    tokens.spend(2);
    expect([0, -1].map((costMs) => tokens.canAfford(costMs))).toEqual([false, false]);
    expect([0, -1].map((costMs) => tokens.canAffordTrial(costMs))).toEqual([false, false]);
  });

  it('can afford a trial that costs an eighth of what it holds or held at the start', () => {
    const tokens = new TokenBucket(0, 16, 100);
    expect([2, 2.01].map((costMs) => tokens.canAffordTrial(costMs))).toEqual([true, false]);
    tokens.tokensMs = 32;
    expect([4, 4.01].map((costMs) => tokens.canAffordTrial(costMs))).toEqual([true, false]);
    tokens.tokensMs = 1;
    expect([1, 1.01].map((costMs) => tokens.canAffordTrial(costMs))).toEqual([true, false]);
  });

  it('ignores negative times and NaN', () => {
    const tokens = new TokenBucket(0.01, 2, 20);
    tokens.earn(NaN);
    tokens.earn(-5);
    tokens.spend(NaN);
    expect(tokens.tokensMs).toBe(2);
  });
});

describe('the ledger of residency', () => {
  test('the ledger costs at most twice as much as knowing the future', () => {
    const losses = fc.array(fc.double({ min: 1e-6, max: 100, noNaN: true }), { maxLength: 60 });
    fc.assert(
      fc.property(losses, fc.double({ min: 1e-3, max: 200, noNaN: true }), (lossesMs, priceMs) => {
        const ledger = new ResidencyLedger(64);
        let paidMs = 0;
        let isBought = false;
        for (const lossMs of lossesMs) {
          if (isBought) break;
          isBought = ledger.charge(ledgerKey(7, 1), 0, lossMs, priceMs);
          paidMs += isBought ? priceMs : lossMs;
        }
        const bestMs = Math.min(
          priceMs,
          lossesMs.reduce((a, b) => a + b, 0),
        );
        expect(paidMs).toBeLessThanOrEqual(2 * bestMs * (1 + 1e-9));
      }),
      PROPERTY,
    );
  });

  it('adds up each charge, and sends nothing before the price is reached', () => {
    const ledger = new ResidencyLedger(64);
    const key = ledgerKey(3, 0);
    let before = 0;
    for (let i = 0; i < 9; i++) {
      expect(ledger.charge(key, 0, 1, 10)).toBe(false);
      expect(ledger.lossMs(key, 0)).toBeGreaterThan(before);
      before = ledger.lossMs(key, 0);
    }
    expect(ledger.charge(key, 0, 1, 10)).toBe(true);
    expect(ledger.lossMs(key, 0)).toBe(0);
  });

  it('sends an operand exactly when the losses reach the price', () => {
    const ledger = new ResidencyLedger(64);
    expect(ledger.charge(ledgerKey(1, 0), 0, 9.99, 10)).toBe(false);
    expect(ledger.charge(ledgerKey(1, 0), 0, 0.01, 10)).toBe(true);
    expect(ledger.charge(ledgerKey(1, 0), 0, 9.99, 10)).toBe(false);
  });

  it('has a key of its own for each version of each operand', () => {
    const keys = [0, 1, 2].flatMap((id) => [0, 1, 4095].map((version) => ledgerKey(id, version)));
    expect(new Set(keys).size).toBe(9);
    expect(ledgerKey(1, 4096)).toBe(ledgerKey(1, 0));
  });

  it('replaces the account that lost the least, and the others lose 2 %', () => {
    const ledger = new ResidencyLedger(4);
    const key = (id: number): number => ledgerKey(id, 0);
    for (const [id, lossMs] of [
      [1, 30],
      [2, 10],
      [3, 20],
      [4, 40],
    ]) {
      ledger.charge(key(id), 0, lossMs, 1e9);
    }
    const losses = (): number[] => [1, 2, 3, 4, 5].map((id) => ledger.lossMs(key(id), 0));
    expect(losses()).toEqual([30, 10, 20, 40, 0]);
    ledger.charge(key(5), 0, 7, 1e9);
    expect(losses().map((lossMs) => Math.round(lossMs * 100) / 100)).toEqual([29.4, 0, 19.6, 39.2, 7]);
    ledger.charge(key(3), 0, 0.4, 1e9);
    expect(losses()[2]).toBeCloseTo(20, 9);
  });

  it('reuses the account of an operand that was sent before it replaces another', () => {
    const ledger = new ResidencyLedger(4);
    for (let id = 1; id <= 4; id++) ledger.charge(ledgerKey(id, 0), 0, 50, 100);
    expect(ledger.charge(ledgerKey(2, 0), 0, 50, 100)).toBe(true);
    ledger.charge(ledgerKey(5, 0), 0, 50, 100);
    expect([1, 2, 3, 4, 5].map((id) => ledger.lossMs(ledgerKey(id, 0), 0))).toEqual([50, 0, 50, 50, 50]);
  });

  it('spreads operands and devices over its entries', () => {
    const ledger = new ResidencyLedger(1024);
    for (let id = 1; id <= 250; id++) for (const device of [0, 1]) ledger.charge(ledgerKey(id, 0), device, 1, 100);
    let kept = 0;
    for (let id = 1; id <= 250; id++)
      for (const device of [0, 1]) kept += ledger.lossMs(ledgerKey(id, 0), device) > 0 ? 1 : 0;
    expect(kept).toBeGreaterThan(400);
  });

  it('has an account for each device and version', () => {
    const ledger = new ResidencyLedger(64);
    ledger.charge(ledgerKey(3, 0), 0, 5, 10);
    expect(ledger.lossMs(ledgerKey(3, 0), 1)).toBe(0);
    expect(ledger.lossMs(ledgerKey(3, 1), 0)).toBe(0);
    expect(ledger.lossMs(ledgerKey(3, 0), 0)).toBe(5);
  });

  it('has an account for each device, also in the same entries', () => {
    const ledger = new ResidencyLedger(4);
    ledger.charge(ledgerKey(3, 0), 0, 5, 10);
    expect(ledger.lossMs(ledgerKey(3, 0), 1)).toBe(0);
    expect(ledger.charge(ledgerKey(3, 0), 1, 6, 10)).toBe(false);
    expect(ledger.lossMs(ledgerKey(3, 0), 0)).toBe(5);
  });

  it('still sends an operand in use while thousands of others are used once', () => {
    const ledger = new ResidencyLedger(64);
    let boughtAt = -1;
    for (let i = 0; i < 4000 && boughtAt < 0; i++) {
      ledger.charge(ledgerKey(100 + i, 0), 0, 0.01, 1000);
      if (i % 10 === 0 && ledger.charge(ledgerKey(1, 0), 0, 1, 10)) boughtAt = i;
    }
    expect(boughtAt).toBeGreaterThan(0);
    expect(boughtAt).toBeLessThan(300);
  });

  it('replaces operands that are no longer used', () => {
    const ledger = new ResidencyLedger(4);
    for (let id = 1; id <= 4; id++) ledger.charge(ledgerKey(id, 0), 0, 50, 100);
    for (let i = 0; i < 2000; i++) ledger.charge(ledgerKey(10 + (i % 8), 0), 0, 1, 1e9);
    expect(ledger.lossMs(ledgerKey(1, 0), 0)).toBe(0);
  });
});

describe('the line of transfers', () => {
  it('learns latency and bandwidth, and predicts 0 for no bytes', () => {
    const gpu = new DeviceKnowledge('gpu', 'gpu', 0);
    for (let i = 0; i < 40; i++) {
      const bytes = 1e4 * 3 ** (i % 8);
      gpu.observeUpload(bytes, 0.01 + bytes / 1.2e7, 0, i);
    }
    expect(gpu.uploadMs(0)).toBe(0);
    expect(gpu.uploadMs(1e6) / (0.01 + 1e6 / 1.2e7)).toBeCloseTo(1, 1);
  });

  it('is not changed by the first transfer, nor by a single spike', () => {
    const gpu = new DeviceKnowledge('gpu', 'gpu', 0);
    const untouched = gpu.uploadMs(1e6);
    gpu.observeUpload(1e6, 1000, 0, 0);
    expect(gpu.uploadMs(1e6)).toBe(untouched);
    for (let i = 0; i < 20; i++) gpu.observeUpload(1e6, 0.1, 0, i);
    gpu.observeUpload(1e6, 10, 0, 20);
    expect(gpu.uploadMs(1e6)).toBeCloseTo(0.1, 2);
  });
});

test('uncertainty grows while nothing is measured, up to a limit', () => {
  expect(grown(0.01, 0)).toBeCloseTo(0.1);
  expect(grown(0.01, 100)).toBeCloseTo(0.3);
  expect(grown(0.01, 1e9)).toBe(1.5);
  expect(grown(0, 0)).toBe(0);
});

describe('the expected loss of a choice', () => {
  test('the expected loss is between 0 and the time of the choice, and grows with the doubt', () => {
    fc.assert(
      fc.property(ms, ms, fc.double({ min: 0, max: 2, noNaN: true }), (chosen, other, doubt) => {
        const loss = opportunityLossMs(chosen, other, doubt);
        expect(loss).toBeGreaterThanOrEqual(0);
        expect(loss).toBeLessThanOrEqual(chosen);
        expect(opportunityLossMs(chosen, other, doubt + 0.1)).toBeGreaterThanOrEqual(loss * (1 - 1e-9));
      }),
      PROPERTY,
    );
  });

  it('is 0, or the difference, where there is no doubt', () => {
    expect(opportunityLossMs(1, 2, 0)).toBe(0);
    expect(opportunityLossMs(2, 1, 0)).toBe(1);
    expect(opportunityLossMs(2, 2, 0)).toBe(0);
  });

  it('is the mean of the logistic distribution', () => {
    const scale = (0.5 * Math.sqrt(3)) / Math.PI;
    expect(opportunityLossMs(3, 3, 0.5)).toBeCloseTo(3 * scale * Math.LN2, 12);
    // Numerically: the mean of max(0, -x) over the density of a logistic distribution about log(4 / 3).
    const mean = Math.log(4 / 3);
    let sum = 0;
    for (let x = -20; x < 0; x += 1e-4) {
      const e = Math.exp(-(x - mean) / scale);
      sum += (-x * e * 1e-4) / (scale * (1 + e) ** 2);
    }
    expect(opportunityLossMs(3, 4, 0.5)).toBeCloseTo(3 * sum, 6);
  });

  it('is 0, or the difference, where the doubt is far smaller than the difference', () => {
    const scale = (0.01 * Math.sqrt(3)) / Math.PI;
    expect(opportunityLossMs(10, 10 * Math.exp(20.1 * scale), 0.01)).toBe(0);
    expect(opportunityLossMs(10, 10 * Math.exp(19.9 * scale), 0.01)).toBeGreaterThan(0);
    expect(opportunityLossMs(10, 5, 0.01)).toBe(5);
    expect(opportunityLossMs(10, 1, 2)).toBeLessThanOrEqual(10);
  });
});

it('has different accounts for two versions of an operand with an id of 53 bits', () => {
  const id = Number.MAX_SAFE_INTEGER - 12;
  const keys = [ledgerKey(id, 1), ledgerKey(id, 2), ledgerKey(id - 1, 1)];
  expect(new Set(keys).size).toBe(3);
  expect(keys.every(Number.isSafeInteger)).toBe(true);
});
