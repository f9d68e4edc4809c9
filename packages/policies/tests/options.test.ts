import { describe, expect, test } from 'vitest';
import { adaptivePolicy, thresholdPolicy } from '../src/index.js';
import { ledgerKey } from '../src/adaptive/residency-ledger.js';

describe('options of policies', () => {
  test.each<[string, () => unknown, string]>([
    ['adaptivePolicy', () => adaptivePolicy({ tieShar: 0.1 } as never), 'tieShare'],
    ['thresholdPolicy', () => thresholdPolicy({ minBatchSize: 1, gpuMinBatch: 1 } as never), "'minBatchSize'"],
  ])('a misspelt option of %s is a TypeError that names the nearest one', (_, call, nearest) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow('is not an option; did you mean');
    expect(call).toThrow(nearest);
  });

  test('inherited options are a TypeError, and those of a polluted Object.prototype are not read', () => {
    expect(() => adaptivePolicy(Object.create({ tieShare: 0.1 }) as never)).toThrow('expected a plain object');
    expect(() => thresholdPolicy(new (class { forceCpu = true })())).toThrow('expected a plain object'); // prettier-ignore
    const prototype = Object.prototype as Record<string, unknown>;
    Object.assign(prototype, { tieShare: 5, forceCpu: true });
    try {
      expect(adaptivePolicy({}).snapshot()).toMatchObject({ options: { tieShare: 0.05 } });
      expect(thresholdPolicy({}).snapshot()).toMatchObject({ options: { forceCpu: false } });
    } finally {
      delete prototype['tieShare'];
      delete prototype['forceCpu'];
    }
  });
});

test('ledgerKey tells the versions of an operand apart, however large its random id is', () => {
  const id = Number.MAX_SAFE_INTEGER - 5;
  const keys = [0, 1, 2, 3, 4095].map((version) => ledgerKey(id, version));
  expect(new Set(keys).size).toBe(keys.length);
});
