import { effort } from '@gearshift/vitest-config/effort';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, type DeviceMetrics, type MetricsSnapshot, type Tracker } from '../src/index.js';
import { Account, ACCOUNT_DEVICES, exactPercentile, latenciesOf, summarize, type AccountDevice } from './account.js';

/*
 * Random histories of several trackers of one memory, compared with accounts kept sample by sample. The first tracker is
 * alone until another one records or reads, or until it is shared without need.
 */

const OPERATIONS = ['top-k', 'other'] as const;
const SLOTS = 2;
const TRACKERS = 3;
const PUBLISH_EVERY = 32;
const HISTORIES = effort({ test: 400, ci: 400 });

type Accounts = Record<(typeof OPERATIONS)[number], Account>;

/** One tracker as it should be: what is private to it, and the slot that it publishes in. */
interface Expected {
  own: Accounts;
  slot: number | undefined;
  batch: number;
  unpublished: boolean;
}

class History {
  readonly #trackers: Tracker[];
  readonly #windowSize: number;
  readonly #expected: Expected[];
  /** What is published in each slot. */
  readonly #published: Accounts[];
  readonly #taken = new Set<number>();
  #isShared = false;

  constructor(windowSize: number) {
    this.#windowSize = windowSize;
    this.#trackers = [createTracker({ windowSize, operations: OPERATIONS, maxWriters: SLOTS })];
    this.#expected = Array.from({ length: TRACKERS }, () => ({
      own: this.#nothing(),
      slot: undefined,
      batch: 0,
      unpublished: false,
    }));
    this.#published = Array.from({ length: SLOTS }, () => this.#nothing());
  }

  share(): void {
    const [first] = this.#trackers;
    const handle = first.share();
    expect(first.share()).toBe(handle);
    if (this.#isShared) return;
    this.#isShared = true;
    this.#flush(this.#expected[0]);
    for (let index = 1; index < TRACKERS; index++) this.#trackers.push(attachTracker(handle));
  }

  record(index: number, fact: Fact): void {
    const tracker = this.#tracker(index);
    const expected = this.#expected[index];
    const account = expected.own[fact.operation];
    FACTS[fact.kind](tracker, account, fact);
    account.version++;
    expected.unpublished = true;
    if (++expected.batch === PUBLISH_EVERY) this.#flush(expected);
  }

  flush(index: number): void {
    expect(this.#tracker(index).flush()).toBe(this.#flush(this.#expected[index]));
  }

  close(index: number): void {
    this.#tracker(index).close();
    const expected = this.#expected[index];
    if (!this.#flush(expected) || expected.slot === undefined) return;
    this.#taken.delete(expected.slot);
    expected.slot = undefined;
    expected.own = this.#nothing();
  }

  expectSnapshot(index: number, operation: (typeof OPERATIONS)[number]): void {
    const tracker = this.#tracker(index);
    const { own, slot } = this.#expected[index];
    const others = this.#published.filter((_, other) => other !== slot);
    const accounts = [own, ...others].map((each) => each[operation]);
    const snapshot = tracker.snapshot(operation);
    expect(snapshot).toMatchObject(summarize(accounts));
    // One comparison a number would be most of the test's time.
    const problems = ACCOUNT_DEVICES.flatMap((name) => [
      ...wrongPercentiles(latenciesOf(accounts, name), snapshot.devices[name]),
      ...wrongLastSample(snapshot.devices[name], tracker.nowMs()),
    ]);
    expect(problems).toEqual([]);
    expectSameAsDevices(snapshot);
  }

  expectAllSnapshots(): void {
    for (const index of this.#trackers.keys()) for (const each of OPERATIONS) this.expectSnapshot(index, each);
  }

  #tracker(index: number): Tracker {
    if (index > 0) this.share();
    return this.#trackers[index];
  }

  #flush(expected: Expected): boolean {
    expected.batch = 0;
    // A tracker that is alone has nothing to publish yet.
    if (!expected.unpublished || !this.#isShared) return true;
    if (expected.slot === undefined) {
      const slot = [0, 1].find((each) => !this.#taken.has(each));
      if (slot === undefined) return false;
      this.#taken.add(slot);
      expected.slot = slot;
      for (const operation of OPERATIONS) expected.own[operation].addLifelong(this.#published[slot][operation]);
    }
    expected.unpublished = false;
    const { slot, own } = expected;
    // A writer that only takes over a slot publishes nothing about operations that it has not recorded anew.
    for (const operation of OPERATIONS) {
      if (own[operation].version !== this.#published[slot][operation].version) {
        this.#published[slot][operation] = own[operation].copy();
      }
    }
    return true;
  }

  #nothing(): Accounts {
    return { 'top-k': new Account(this.#windowSize), other: new Account(this.#windowSize) };
  }
}

function wrongPercentiles(latenciesMs: readonly number[], { p50Ms, p95Ms, p99Ms }: DeviceMetrics): string[] {
  const measured = { 0.5: p50Ms, 0.95: p95Ms, 0.99: p99Ms };
  return Object.entries(measured).flatMap(([share, percentileMs]) => {
    const exact = exactPercentile(latenciesMs, Number(share));
    const isRight = Math.abs(percentileMs - exact) <= exact / 4 + 1e-9;
    return isRight ? [] : [`the ${share} percentile is ${exact}, got ${percentileMs}`];
  });
}

function wrongLastSample({ count, lastSampleAtMs }: DeviceMetrics, nowMs: number): string[] {
  if (count === 0) return lastSampleAtMs === null ? [] : [`no sample came, got one at ${lastSampleAtMs}`];
  const isRight = lastSampleAtMs !== null && lastSampleAtMs >= 0 && lastSampleAtMs <= nowMs;
  return isRight ? [] : [`the last sample came before ${nowMs}, got ${lastSampleAtMs}`];
}

/** The fields that a snapshot has for the CPU and the GPU, and the same among the metrics of devices. */
function expectSameAsDevices({ devices: { cpu, gpu }, ...snapshot }: MetricsSnapshot): void {
  const fields = [snapshot.cpuP50Ms, snapshot.cpuP95Ms, snapshot.cpuP99Ms, snapshot.cpuLastSampleAtMs];
  fields.push(snapshot.gpuP50Ms, snapshot.gpuP95Ms, snapshot.gpuP99Ms, snapshot.gpuLastSampleAtMs);
  const ofDevices = [cpu.p50Ms, cpu.p95Ms, cpu.p99Ms, cpu.lastSampleAtMs];
  expect(fields).toEqual([...ofDevices, gpu.p50Ms, gpu.p95Ms, gpu.p99Ms, gpu.lastSampleAtMs]);
}

interface Fact {
  readonly kind: keyof typeof FACTS;
  readonly operation: (typeof OPERATIONS)[number];
  readonly device: AccountDevice;
  readonly latencyMs: number;
}

type Act =
  | { readonly act: 'share' }
  | { readonly act: 'record'; readonly tracker: number; readonly facts: readonly Fact[] }
  | { readonly act: 'flush'; readonly tracker: number }
  | { readonly act: 'close'; readonly tracker: number }
  | { readonly act: 'read'; readonly tracker: number; readonly operation: (typeof OPERATIONS)[number] };

const FACTS = {
  cpuSuccess(tracker: Tracker, account: Account, { operation, latencyMs }: Fact) {
    tracker.recordCpuLatency(operation, latencyMs);
    account.devices.cpu.success(latencyMs);
  },
  gpuSuccess(tracker: Tracker, account: Account, { operation, latencyMs }: Fact) {
    tracker.recordGpuSuccess(operation, latencyMs);
    account.devices.gpu.success(latencyMs);
  },
  gpuFailure(tracker: Tracker, account: Account, { operation }: Fact) {
    tracker.recordGpuFailure(operation);
    account.devices.gpu.failure(false);
  },
  gpuOutOfMemory(tracker: Tracker, account: Account, { operation }: Fact) {
    tracker.recordOutOfMemory(operation);
    account.devices.gpu.failure(true);
  },
  success(tracker: Tracker, account: Account, { operation, device, latencyMs }: Fact) {
    tracker.record({ operation, device, outcome: 'success', latencyMs });
    account.devices[device].success(latencyMs);
  },
  failure(tracker: Tracker, account: Account, { operation, device, latencyMs }: Fact) {
    tracker.record({ operation, device, outcome: 'fault', latencyMs });
    account.devices[device].failure(false);
  },
  outOfMemory(tracker: Tracker, account: Account, { operation, device, latencyMs }: Fact) {
    tracker.record({ operation, device, outcome: 'out-of-memory', latencyMs });
    account.devices[device].failure(true);
  },
  fallback(tracker: Tracker, account: Account, { operation }: Fact) {
    tracker.recordFallback(operation);
    account.fallbackCount++;
  },
} as const;

describe('three trackers of one memory with two slots', () => {
  const tracker = fc.nat(TRACKERS - 1);
  const operation = fc.constantFrom(...OPERATIONS);
  const device = fc.constantFrom(...ACCOUNT_DEVICES);
  const kind = fc.constantFrom(...(Object.keys(FACTS) as (keyof typeof FACTS)[]));
  // From where percentiles are promised to be right to where they end.
  const latencyMs = fc.double({ min: 0.00103, max: 500_000, noNaN: true });
  const facts = fc.array(fc.record({ kind, operation, device, latencyMs }), { minLength: 1, maxLength: 12 });
  const actOf = (by: fc.Arbitrary<number>) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ act: fc.constant('record' as const), tracker: by, facts }) },
      { weight: 1, arbitrary: fc.record({ act: fc.constant('flush' as const), tracker: by }) },
      { weight: 1, arbitrary: fc.record({ act: fc.constant('close' as const), tracker: by }) },
      { weight: 4, arbitrary: fc.record({ act: fc.constant('read' as const), tracker: by, operation }) },
    );
  const share = fc.constant({ act: 'share' as const });
  const alone = fc.array(actOf(fc.constant(0)), { maxLength: 25 });
  const together = fc.array(actOf(tracker), { maxLength: 60 });
  const history = fc.tuple(alone, share, together).map((parts) => parts.flat());

  function replay(windowSize: number, acts: readonly Act[]): void {
    const played = new History(windowSize);
    for (const step of acts) {
      if (step.act === 'share') played.share();
      else if (step.act === 'record') for (const fact of step.facts) played.record(step.tracker, fact);
      else if (step.act === 'flush') played.flush(step.tracker);
      else if (step.act === 'close') played.close(step.tracker);
      else played.expectSnapshot(step.tracker, step.operation);
    }
    played.expectAllSnapshots();
  }

  it('three trackers give the same figures as an account kept sample by sample, in any history', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), together, replay), { seed: 20261123, numRuns: HISTORIES });
  });

  it('three trackers give the same figures when the first one is shared at any time of its history', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), history, replay), { seed: 20261124, numRuns: HISTORIES });
  });
});
