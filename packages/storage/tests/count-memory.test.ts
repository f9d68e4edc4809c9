import { collectGarbage } from '@gearshift/vitest-config/collect-garbage';
import { expect, test } from 'vitest';
import { countMemory, discountMemory } from '../src/count-memory.js';

const MB = 2 ** 20;
const counted = () => process.memoryUsage().external;

test('memory that grows in small steps is counted once, up to an eighth of it', async () => {
  const buffer = new SharedArrayBuffer(64 * MB, { maxByteLength: 128 * MB });
  await collectGarbage();
  const before = counted();
  for (let bytes = 64 * MB; bytes <= 128 * MB; bytes += MB / 4) {
    buffer.grow(bytes);
    countMemory(buffer);
    expect(counted() - before).toBeGreaterThan((bytes * 8) / 9 - 8 * MB);
    expect(counted() - before).toBeLessThan(bytes + 8 * MB);
  }
  discountMemory(buffer);
});

test('small memory is not counted, and larger memory again after it was given back', async () => {
  const small = new SharedArrayBuffer(1000);
  const large = new SharedArrayBuffer(16 * MB);
  await collectGarbage();
  const before = counted();
  countMemory(small);
  expect(counted() - before).toBeLessThan(MB);
  countMemory(large);
  countMemory(large);
  expect(counted() - before).toBeGreaterThan(15 * MB);
  expect(counted() - before).toBeLessThan(17 * MB);
  discountMemory(large);
  countMemory(large);
  expect(counted() - before).toBeGreaterThan(15 * MB);
});
