import fc from 'fast-check';
import { unwrap } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import {
  BUDGET_DEFAULTS,
  createMemoryBudget,
  planChunks,
  type MemoryBudgetOptions,
  type Reservation,
} from '../src/index.js';
import { FakeDevice } from './fake-device.js';
import { VirtualTime } from './virtual-time.js';

const SEED = 41;

function budgetOf(device: FakeDevice, options: MemoryBudgetOptions = {}) {
  const time = new VirtualTime();
  return { time, budget: createMemoryBudget(device, { clock: time.clock, ...options }) };
}

describe('memory budget: available memory', () => {
  it('makes a share of the free memory available, minus the reserve and the reservations', () => {
    const { budget } = budgetOf(new FakeDevice(1000, 4000), { usableFraction: 0.5, reserveBytes: 100 });
    expect(budget.availableBytes()).toBe(400);
    unwrap(budget.reserve(150));
    expect(budget.availableBytes()).toBe(250);
    expect(budget.capacityBytes()).toBe(1900);
  });

  it('never makes more than the cap available', () => {
    const { budget } = budgetOf(new FakeDevice(1000), { capBytes: 300 });
    expect(budget.availableBytes()).toBe(300);
    unwrap(budget.reserve(100));
    expect(budget.availableBytes()).toBe(200);
    expect(budget.capacityBytes()).toBe(300);
  });

  it('accepts an object with memory(), as backends are, or a function as its source', () => {
    const device = new FakeDevice(1000);
    expect(createMemoryBudget(() => device.memory(), { usableFraction: 1 }).availableBytes()).toBe(1000);
    expect(createMemoryBudget(device, { usableFraction: 1 }).availableBytes()).toBe(1000);
  });

  it('uses the total when the free memory is unknown, and the cap when both are', () => {
    const { budget } = budgetOf(new FakeDevice(null, 1000), { usableFraction: 1 });
    expect(budget.trackAllocation(300)).toBe(true);
    expect(budget.availableBytes()).toBe(700);
    budget.refresh();
    expect(budget.availableBytes()).toBe(700);
    expect(budgetOf(new FakeDevice(null), { capBytes: 50 }).budget.availableBytes()).toBe(50);
    expect(budgetOf(new FakeDevice(null)).budget.availableBytes()).toBe(Infinity);
  });

  it('uses the largest reading of the free memory as the capacity when the total is unknown', () => {
    const device = new FakeDevice(1000, null);
    const { budget, time } = budgetOf(device);
    expect(budget.capacityBytes()).toBe(800);
    device.freeBytes = 250;
    time.nowMs += 250;
    expect(budget.availableBytes()).toBe(200);
    expect(budget.capacityBytes()).toBe(800);
    expect(budget.pressureRatio()).toBe(0.75);
    expect(planChunks(1, { budget, bytesPerItem: 500 })).toBe(Infinity);
    device.freeBytes = 2000;
    time.nowMs += 250;
    expect(budget.capacityBytes()).toBe(1600);
  });

  it('reads the source again when the reading is 250 ms old', () => {
    const device = new FakeDevice(1000);
    const { budget, time } = budgetOf(device, { usableFraction: 1 });
    expect(budget.availableBytes()).toBe(1000);
    device.freeBytes = 500;
    time.nowMs += 249;
    expect(budget.availableBytes()).toBe(1000);
    time.nowMs += 1;
    expect(budget.availableBytes()).toBe(500);
    expect(device.readings).toBe(2);
  });

  it('lets the last reading decay to the floor while the source throws', () => {
    const device = new FakeDevice(100_000);
    const { budget, time } = budgetOf(device, { usableFraction: 1, floorBytes: 1000 });
    expect(budget.availableBytes()).toBe(100_000);
    device.failure = new Error('gone');
    time.nowMs += 1000;
    expect(budget.availableBytes()).toBe(50_500);
    expect(budget.snapshot().readingFailed).toBe(true);
    time.nowMs += 60_000;
    expect(budget.availableBytes()).toBe(1000);
    device.failure = undefined;
    time.nowMs += 250;
    expect(budget.availableBytes()).toBe(100_000);
  });

  it.each([NaN, -1, '12', undefined, {}])('treats %s as a failed reading', (nonsense) => {
    const source = () => ({ freeBytes: nonsense as number, totalBytes: 10, readAtMs: 0 });
    const budget = createMemoryBudget(source, { floorBytes: 7 });
    expect(budget.availableBytes()).toBe(7);
    expect(budget.snapshot().readingFailed).toBe(true);
  });

  it('supports a source that reads the budget', () => {
    const budget = createMemoryBudget(
      () => ({ freeBytes: budget.availableBytes() === 0 ? 1 : 100, totalBytes: 100, readAtMs: 0 }),
      { maxAgeMs: 0, usableFraction: 1 },
    );
    expect(budget.availableBytes()).toBeGreaterThan(0);
    expect(budget.snapshot().totalBytes).toBe(100);
  });
});

describe('memory budget: reservations', () => {
  it('refuses bytes that are not available with plain data, and reserves nothing', () => {
    const { budget } = budgetOf(new FakeDevice(1000), { capBytes: 100, name: 'gpu:0' });
    const refused = budget.reserve(101);
    expect(refused).toEqual({
      ok: false,
      error: {
        kind: 'overloaded',
        message: 'gpu:0: 101 bytes wanted, 100 available',
        requestedBytes: 101,
        availableBytes: 100,
      },
    });
    expect(structuredClone(refused)).toEqual(refused);
    expect(budget.reservedBytes()).toBe(0);
    expect(budget.reserve(100).ok).toBe(true);
  });

  it('releases a reservation once, however often it is released', () => {
    const { budget } = budgetOf(new FakeDevice(1000), { capBytes: 100 });
    const first = unwrap(budget.reserve(60));
    const second = unwrap(budget.reserve(40));
    first.release();
    first.release();
    first[Symbol.dispose]();
    expect(budget.reservedBytes()).toBe(40);
    second.release();
    expect(budget.reservedBytes()).toBe(0);
  });

  it('keeps the reservation of a call that was given up until the call settles', async () => {
    const { budget } = budgetOf(new FakeDevice(1000), { capBytes: 100 });
    let settle = (): void => undefined;
    unwrap(budget.reserve(60)).releaseAfter(new Promise<void>((resolve) => (settle = resolve)));
    await Promise.resolve();
    expect(budget.availableBytes()).toBe(40);
    settle();
    await new Promise((resolve) => setImmediate(resolve));
    expect(budget.availableBytes()).toBe(100);
  });

  it('releases the reservation of a call that was given up after abandonedHoldMs at the latest', () => {
    const { budget, time } = budgetOf(new FakeDevice(1000), { capBytes: 100 });
    unwrap(budget.reserve(60)).releaseAfter(new Promise<void>(() => undefined));
    time.nowMs += BUDGET_DEFAULTS.abandonedHoldMs - 1;
    expect(budget.availableBytes()).toBe(40);
    time.nowMs += 1;
    expect(budget.availableBytes()).toBe(100);
  });

  it(`never exceeds the budget while memory is reserved, released, tracked and taken by others (seed ${SEED})`, () => {
    const step = fc.oneof(
      fc.record({ reserve: fc.nat(400) }),
      fc.record({ release: fc.nat(20) }),
      fc.record({ track: fc.nat(400) }),
      fc.record({ untrack: fc.nat(900) }),
      fc.record({ free: fc.nat(2000) }),
      fc.record({ wait: fc.nat(400) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 1500 }), (steps, capBytes) => {
        const device = new FakeDevice(1000, 2000);
        const { budget, time } = budgetOf(device, { capBytes, usableFraction: 0.8, reserveBytes: 50 });
        const held: Reservation[] = [];
        let tracked = 0;
        for (const action of steps) {
          const before = budget.availableBytes();
          if ('reserve' in action) {
            const result = budget.reserve(action.reserve);
            expect(result.ok).toBe(action.reserve <= before);
            if (result.ok) held.push(result.value);
          } else if ('release' in action) held.splice(action.release % (held.length + 1), 1)[0]?.release();
          else if ('track' in action) {
            const isWithin = budget.trackAllocation(action.track);
            expect(isWithin).toBe(action.track <= before);
            if (isWithin) tracked += action.track;
          } else if ('untrack' in action) {
            expect(budget.trackDeallocation(action.untrack)).toBe(Math.min(tracked, action.untrack));
            tracked -= Math.min(tracked, action.untrack);
          } else if ('free' in action) device.freeBytes = action.free;
          else time.nowMs += action.wait;
          const reserved = held.reduce((sum, { bytes }) => sum + bytes, 0);
          expect(budget.reservedBytes()).toBe(reserved);
          expect(budget.trackedBytes()).toBe(tracked);
          expect(reserved + tracked).toBeLessThanOrEqual(capBytes);
        }
      }),
      { numRuns: 1000, seed: SEED },
    );
  });
});

describe('memory budget: tracked allocations', () => {
  it('tracks allocations up to the limit, and never less than zero', () => {
    const { budget } = budgetOf(new FakeDevice(1000), { capBytes: 100 });
    expect(budget.trackAllocation(100)).toBe(true);
    expect(budget.trackAllocation(1)).toBe(false);
    expect(budget.trackedBytes()).toBe(100);
    expect(budget.trackDeallocation(60)).toBe(60);
    expect(budget.trackDeallocation(60)).toBe(40);
    expect(budget.trackDeallocation(60)).toBe(0);
    expect(budget.trackedBytes()).toBe(0);
    expect(budget.availableBytes()).toBe(100);
  });

  it('does not subtract tracked allocations twice once a reading includes them', () => {
    const device = new FakeDevice(1000);
    const { budget } = budgetOf(device, { usableFraction: 1 });
    budget.trackAllocation(300);
    expect(budget.availableBytes()).toBe(700);
    device.freeBytes = 700;
    budget.refresh();
    expect(budget.availableBytes()).toBe(700);
  });
});

describe('memory budget: pressure', () => {
  it('reports the share of the capacity that is not available as pressure', () => {
    const device = new FakeDevice(1000, 1000);
    const { budget } = budgetOf(device, { usableFraction: 1 });
    expect(budget.pressureRatio()).toBe(0);
    unwrap(budget.reserve(500));
    expect(budget.pressureRatio()).toBe(0.5);
    expect(budget.isUnderPressure()).toBe(false);
    device.freeBytes = 600;
    budget.refresh();
    expect(budget.pressureRatio()).toBeCloseTo(0.9);
    expect(budget.isUnderPressure()).toBe(true);
    device.freeBytes = 0;
    budget.refresh();
    expect(budget.pressureRatio()).toBe(1);
  });

  it('reports a pressure of 0 when the capacity is unknown, and 1 when it is 0', () => {
    expect(budgetOf(new FakeDevice(null)).budget.pressureRatio()).toBe(0);
    expect(budgetOf(new FakeDevice(10), { capBytes: 0 }).budget.pressureRatio()).toBe(1);
  });
});

describe('memory budget: inflation', () => {
  it('raises the inflation by a quarter when an out-of-memory error contradicts the model, and lets it decay', () => {
    const { budget, time } = budgetOf(new FakeDevice(1000), { usableFraction: 1 });
    expect(budget.inflation()).toBe(1);
    budget.recordOutOfMemory(500);
    expect(budget.inflation()).toBe(1.25);
    budget.recordOutOfMemory(500);
    expect(budget.inflation()).toBeCloseTo(1.5625);
    time.nowMs += 60_000;
    expect(budget.inflation()).toBeCloseTo(1.28125);
    time.nowMs += 3_600_000;
    expect(budget.inflation()).toBeCloseTo(1, 2);
  });

  it('keeps the inflation when the reading was old or the free memory is unknown', () => {
    const device = new FakeDevice(1000);
    const { budget } = budgetOf(device, { usableFraction: 1 });
    budget.availableBytes();
    device.freeBytes = 100;
    budget.recordOutOfMemory(500);
    expect(budget.inflation()).toBe(1);
    const blind = budgetOf(new FakeDevice(null), { capBytes: 1000 }).budget;
    blind.recordOutOfMemory(500);
    expect(blind.inflation()).toBe(1);
  });

  it('raises the inflation up to 8', () => {
    const { budget } = budgetOf(new FakeDevice(1000));
    for (let time = 0; time < 50; time++) budget.recordOutOfMemory(1);
    expect(budget.inflation()).toBe(8);
  });
});

it('returns a snapshot of one instant as frozen plain data', () => {
  const { budget } = budgetOf(new FakeDevice(1000, 2000), { name: 'gpu:0' });
  unwrap(budget.reserve(100));
  budget.trackAllocation(50);
  const snapshot = budget.snapshot();
  expect(snapshot).toEqual({
    name: 'gpu:0',
    freeBytes: 1000,
    totalBytes: 2000,
    capacityBytes: 1600,
    availableBytes: 650,
    reservedBytes: 100,
    trackedBytes: 50,
    pressureRatio: 1 - 650 / 1600,
    inflation: 1,
    readingFailed: false,
  });
  expect(Object.isFrozen(snapshot)).toBe(true);
  expect(structuredClone(snapshot)).toEqual(snapshot);
});

it('reports Infinity and no pressure in the snapshot of a device with unknown memory', () => {
  const { budget } = budgetOf(new FakeDevice(null));
  unwrap(budget.reserve(100));
  budget.trackAllocation(50);
  expect(budget.snapshot()).toEqual({
    name: 'memory',
    freeBytes: null,
    totalBytes: null,
    capacityBytes: Infinity,
    availableBytes: Infinity,
    reservedBytes: 100,
    trackedBytes: 50,
    pressureRatio: 0,
    inflation: 1,
    readingFailed: false,
  });
});

it('calls listeners when memory is released, until they unsubscribe', () => {
  const { budget } = budgetOf(new FakeDevice(1000));
  let calls = 0;
  const unsubscribe = budget.onRelease(() => (calls += 1));
  unwrap(budget.reserve(1)).release();
  budget.trackAllocation(1);
  budget.trackDeallocation(1);
  expect(calls).toBe(2);
  unsubscribe();
  unwrap(budget.reserve(1)).release();
  expect(calls).toBe(2);
});

describe('createMemoryBudget() with invalid arguments', () => {
  it.each([
    [{ capBytes: -1 }, RangeError, /capBytes/],
    [{ capBytes: NaN }, RangeError, /capBytes/],
    [{ capBytes: '5' }, TypeError, /capBytes/],
    [{ usableFraction: 0 }, RangeError, /usableFraction/],
    [{ usableFraction: 1.1 }, RangeError, /usableFraction/],
    [{ reserveBytes: Infinity }, RangeError, /reserveBytes/],
    [{ maxAgeMs: -1 }, RangeError, /maxAgeMs/],
    [{ floorBytes: null }, TypeError, /floorBytes/],
    [{ pressureThreshold: 2 }, RangeError, /pressureThreshold/],
    [{ abandonedHoldMs: -5 }, RangeError, /abandonedHoldMs/],
    [{ name: 5 }, TypeError, /name/],
    [{ clock: 5 }, TypeError, /clock/],
    [{ ledger: new ArrayBuffer(16) }, TypeError, /ledger/],
    [{ ledger: new SharedArrayBuffer(8) }, TypeError, /ledger/],
    [null, TypeError, /options/],
  ])('rejects the options %o', (options, error, message) => {
    const make = () => createMemoryBudget(new FakeDevice(1), options as MemoryBudgetOptions);
    expect(make).toThrow(error);
    expect(make).toThrow(message);
  });

  it.each([null, undefined, 5, {}, { memory: 5 }])('rejects %o as a source', (source) => {
    expect(() => createMemoryBudget(source as never)).toThrow(TypeError);
  });

  it.each([[-1], [0.5], [NaN], [Infinity], [2 ** 53], ['5'], [undefined], [5n]])(
    'rejects %s as a number of bytes',
    (bytes) => {
      const { budget } = budgetOf(new FakeDevice(1000));
      for (const act of ['reserve', 'trackAllocation', 'trackDeallocation'] as const) {
        expect(() => budget[act](bytes as number)).toThrow(/bytes/);
      }
      expect(budget.reservedBytes()).toBe(0);
      expect(budget.trackedBytes()).toBe(0);
    },
  );
});
