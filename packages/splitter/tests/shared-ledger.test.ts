import { Worker } from 'node:worker_threads';
import { unwrap } from '@gearshift/contracts';
import { expect, it } from 'vitest';
import { createMemoryBudget, createSharedLedger } from '../src/index.js';
import { FakeDevice } from './fake-device.js';

it('keeps budgets that share a ledger within one limit', () => {
  const ledger = createSharedLedger();
  const one = createMemoryBudget(new FakeDevice(null), { capBytes: 100, ledger });
  const other = createMemoryBudget(new FakeDevice(null), { capBytes: 100, ledger });
  const held = unwrap(one.reserve(70));
  expect(other.reservedBytes()).toBe(70);
  expect(other.reserve(31).ok).toBe(false);
  expect(other.trackAllocation(30)).toBe(true);
  expect(one.availableBytes()).toBe(0);
  held.release();
  expect(one.trackDeallocation(1000)).toBe(30);
  expect(other.availableBytes()).toBe(100);
});

it('never reserves more than the limit for four threads together', async () => {
  const capBytes = 1000;
  const ledger = createSharedLedger();
  const granted = new SharedArrayBuffer(4);
  const reports = await Promise.all(
    [1, 2, 3, 4].map(async (seed) => {
      const workerData = { ledger, capBytes, rounds: 50_000, seed, granted };
      const worker = new Worker(new URL('shared-ledger-worker.mjs', import.meta.url), { workerData });
      return new Promise<{ most: number; refused: number }>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    }),
  );
  for (const { most, refused } of reports) {
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(capBytes);
    expect(refused).toBeLessThan(50_000);
  }
  const budget = createMemoryBudget(new FakeDevice(null), { capBytes, ledger });
  expect(budget.reservedBytes()).toBe(0);
  expect(budget.trackedBytes()).toBe(0);
});
