import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, type MetricsSnapshot, type Tracker } from '../src/index.js';
import { Account, exactPercentile, summarize } from './account.js';

/*
 * Random histories of several trackers of one memory, compared with accounts kept sample by sample.
 */

const OPERATIONS = ['top-k', 'other'] as const;
const SLOTS = 2;
const TRACKERS = 3;
const PUBLISH_EVERY = 32;

type Accounts = Record<(typeof OPERATIONS)[number], Account>;

/** One tracker as it should be: what is private to it, and the slot that it publishes in. */
interface Expected {
  own: Accounts;
  slot: number | undefined;
  batch: number;
  unpublished: boolean;
}

class History {
  readonly trackers: readonly Tracker[];
  readonly #windowSize: number;
  readonly #expected: Expected[];
  /** What is published in each slot. */
  readonly #published: Accounts[];
  readonly #taken = new Set<number>();

  constructor(windowSize: number) {
    this.#windowSize = windowSize;
    const first = createTracker({ windowSize, operations: OPERATIONS, maxWriters: SLOTS });
    this.trackers = [first, attachTracker(first.share()), attachTracker(first.share())];
    this.#expected = this.trackers.map(() => ({
      own: this.#nothing(),
      slot: undefined,
      batch: 0,
      unpublished: false,
    }));
    this.#published = Array.from({ length: SLOTS }, () => this.#nothing());
  }

  record(index: number, fact: Fact): void {
    const tracker = this.trackers[index];
    const expected = this.#expected[index];
    const account = expected.own[fact.operation];
    FACTS[fact.kind](tracker, account, fact);
    expected.unpublished = true;
    if (++expected.batch === PUBLISH_EVERY) this.#flush(expected);
  }

  flush(index: number): void {
    expect(this.trackers[index].flush()).toBe(this.#flush(this.#expected[index]));
  }

  close(index: number): void {
    this.trackers[index].close();
    const expected = this.#expected[index];
    if (!this.#flush(expected) || expected.slot === undefined) return;
    this.#taken.delete(expected.slot);
    expected.slot = undefined;
    expected.own = this.#nothing();
  }

  expectSnapshot(index: number, operation: (typeof OPERATIONS)[number]): void {
    const { own, slot } = this.#expected[index];
    const others = this.#published.filter((_, other) => other !== slot);
    const accounts = [own, ...others].map((each) => each[operation]);
    const snapshot = this.trackers[index].snapshot(operation);
    expect(snapshot).toMatchObject(summarize(accounts));
    const cpu = accounts.flatMap((account) => account.cpu.entries);
    const gpu = accounts.flatMap((account) => account.gpu.entries);
    expectPercentiles(cpu, [snapshot.cpuP50Ms, snapshot.cpuP95Ms, snapshot.cpuP99Ms]);
    expectPercentiles(gpu, [snapshot.gpuP50Ms, snapshot.gpuP95Ms, snapshot.gpuP99Ms]);
    expectLastSample(snapshot, this.trackers[index].nowMs());
  }

  #flush(expected: Expected): boolean {
    expected.batch = 0;
    if (!expected.unpublished) return true;
    if (expected.slot === undefined) {
      const slot = [0, 1].find((each) => !this.#taken.has(each));
      if (slot === undefined) return false;
      this.#taken.add(slot);
      expected.slot = slot;
      for (const operation of OPERATIONS) expected.own[operation].addLifelong(this.#published[slot][operation]);
    }
    expected.unpublished = false;
    const { slot, own } = expected;
    // Who only takes over a slot publishes nothing about operations that it has not recorded anew.
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

function expectPercentiles(latenciesMs: readonly number[], measured: readonly number[]): void {
  for (const [index, share] of [0.5, 0.95, 0.99].entries()) {
    const exact = exactPercentile(latenciesMs, share);
    expect(Math.abs(measured[index] - exact)).toBeLessThanOrEqual(exact / 4 + 1e-9);
  }
}

function expectLastSample({ cpuCount, gpuCount, ...snapshot }: MetricsSnapshot, nowMs: number): void {
  for (const [count, atMs] of [
    [cpuCount, snapshot.cpuLastSampleAtMs],
    [gpuCount, snapshot.gpuLastSampleAtMs],
  ]) {
    expect(atMs === null).toBe(count === 0);
    if (atMs === null) continue;
    expect(atMs).toBeGreaterThanOrEqual(0);
    expect(atMs).toBeLessThanOrEqual(nowMs);
  }
}

interface Fact {
  readonly kind: keyof typeof FACTS;
  readonly operation: (typeof OPERATIONS)[number];
  readonly latencyMs: number;
}

const FACTS = {
  cpuSuccess(tracker: Tracker, account: Account, { operation, latencyMs }: Fact) {
    tracker.recordCpuLatency(operation, latencyMs);
    account.cpu.add(latencyMs);
    account.cpuCount++;
    account.version++;
  },
  cpuFailure(tracker: Tracker, account: Account, { operation, latencyMs }: Fact) {
    tracker.record({ operation, latencyMs, backend: 'cpu', device: 'cpu', outcome: 'fault', fallback: false });
    account.cpuFailureCount++;
    account.version++;
  },
  gpuSuccess(tracker: Tracker, account: Account, { operation, latencyMs }: Fact) {
    tracker.recordGpuSuccess(operation, latencyMs);
    account.gpu.add(latencyMs);
    account.outcomes.add(1);
    account.gpuCount++;
    account.version++;
  },
  gpuFailure(tracker: Tracker, account: Account, { operation }: Fact) {
    tracker.recordGpuFailure(operation);
    account.outcomes.add(0);
    account.gpuFailureCount++;
    account.version++;
  },
  outOfMemory(tracker: Tracker, account: Account, { operation }: Fact) {
    tracker.recordOutOfMemory(operation);
    account.outcomes.add(0);
    account.gpuFailureCount++;
    account.oomCount++;
    account.version++;
  },
  fallback(tracker: Tracker, account: Account, { operation }: Fact) {
    tracker.recordFallback(operation);
    account.fallbackCount++;
    account.version++;
  },
} as const;

describe('any history of three trackers with two slots', () => {
  const tracker = fc.nat(TRACKERS - 1);
  const operation = fc.constantFrom(...OPERATIONS);
  const kind = fc.constantFrom(...(Object.keys(FACTS) as (keyof typeof FACTS)[]));
  // From where percentiles are promised to be right to where they end.
  const latencyMs = fc.double({ min: 0.00103, max: 500_000, noNaN: true });
  const facts = fc.array(fc.record({ kind, operation, latencyMs }), { minLength: 1, maxLength: 12 });
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.record({ act: fc.constant('record' as const), tracker, facts }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('flush' as const), tracker }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('close' as const), tracker }) },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('read' as const), tracker, operation }) },
  );

  it('gives the figures of an account kept sample by sample', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(act, { maxLength: 60 }), (windowSize, acts) => {
        const history = new History(windowSize);
        for (const step of acts) {
          if (step.act === 'record') for (const fact of step.facts) history.record(step.tracker, fact);
          else if (step.act === 'flush') history.flush(step.tracker);
          else if (step.act === 'close') history.close(step.tracker);
          else history.expectSnapshot(step.tracker, step.operation);
        }
        for (const index of history.trackers.keys()) {
          for (const each of OPERATIONS) history.expectSnapshot(index, each);
        }
      }),
      { seed: 20261123, numRuns: 400 },
    );
  });
});
