import { expect, test } from 'vitest';
import { hashText } from '../src/embedding/hash-text.js';

test('hashText spreads short strings evenly over buckets and signs', () => {
  const buckets = new Uint32Array(64);
  let negative = 0;
  for (let i = 0; i < 6400; i++) {
    const hash = hashText(`w${i}`, 1);
    buckets[(hash & 0x7fff_ffff) % 64] += 1;
    negative += hash >>> 31;
  }
  // 100 expected each; 60 and 140 are four standard deviations away.
  expect(Math.min(...buckets)).toBeGreaterThan(60);
  expect(Math.max(...buckets)).toBeLessThan(140);
  expect(negative).toBeGreaterThan(3000);
  expect(negative).toBeLessThan(3400);
});

test('hashText depends on the seed and on all 16 bits of a character', () => {
  expect(hashText('cat', 1)).not.toBe(hashText('cat', 2));
  expect(hashText('\u0141', 1)).not.toBe(hashText('\u0041', 1));
});
