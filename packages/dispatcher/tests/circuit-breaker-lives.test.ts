import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BACKEND_ERROR_KINDS, type AttemptOutcome, type BreakerState } from '@gearshift/contracts';
import { LEASE_MS, setUp } from './breaker-setup.js';

/** One step of a random sequence. */
type Step =
  | { readonly do: 'admit'; readonly savingMs: number }
  /** Of the attempts under way, the one of this number (modulo) ends. */
  | { readonly do: 'end'; readonly which: number; readonly outcome: AttemptOutcome; readonly latencyMs: number }
  | { readonly do: 'forget'; readonly which: number }
  | { readonly do: 'wait'; readonly forMs: number }
  | { readonly do: 'isolate' | 'restore' | 'renew' | 'smallest-chunk-failed' };

const outcome = fc.constantFrom<AttemptOutcome>('success', 'fault', 'fault', ...BACKEND_ERROR_KINDS);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('admit'), savingMs: fc.constantFrom(NaN, 0, -1, 0.1, 5, 1e3) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end'),
      which: fc.nat(9),
      outcome,
      latencyMs: fc.constantFrom(0, 0.3, 1, 80, NaN),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget'), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), forMs: fc.constantFrom(1, 300, 1000, 5000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('isolate', 'restore', 'renew', 'smallest-chunk-failed') }) },
) as fc.Arbitrary<Step>;

interface UnderWay {
  readonly isProbe: boolean;
  readonly ticket: number;
}

/** Runs the steps and checks after each that there is at most one valid lease. */
function runSteps(steps: readonly Step[], withTickets: boolean) {
  const { breaker, time } = setUp();
  const underWay: UnderWay[] = [];
  const states = new Set<BreakerState>();
  let lease: { readonly ticket: number; readonly endMs: number } | null = null;
  for (const each of steps) {
    switch (each.do) {
      case 'admit': {
        const admission = breaker.admit(each.savingMs);
        expect(admission === 'pass').toBe(breaker.state === 'closed');
        if (admission === 'block') break;
        const isProbe = admission === 'probe';
        const ticket = breaker.begin(isProbe, NaN);
        if (isProbe) {
          expect(lease !== null && time.nowMs < lease.endMs, 'two leases').toBe(false);
          lease = { ticket, endMs: time.nowMs + LEASE_MS };
        }
        underWay.push({ isProbe, ticket });
        break;
      }
      case 'end':
      case 'forget': {
        if (underWay.length === 0) break;
        const [{ isProbe, ticket }] = underWay.splice(each.which % underWay.length, 1);
        if (each.do === 'forget') break;
        breaker.record(each.outcome, each.latencyMs, isProbe, withTickets ? ticket : undefined);
        if (!withTickets || lease?.ticket === ticket) lease = isProbe ? null : lease;
        break;
      }
      case 'wait':
        time.nowMs += each.forMs;
        break;
      case 'smallest-chunk-failed':
        breaker.smallestChunkFailed(1);
        break;
      default:
        breaker[each.do]();
    }
    if (breaker.state !== 'half-open') lease = null;
    states.add(breaker.state);
  }
  return { breaker, time, states };
}

describe('circuit breaker under random steps', () => {
  it('never has two probe leases at once, and can always close again', () => {
    const everSeen = new Set<BreakerState>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.constantFrom(NaN, 0, -3, 0.01, 2), (steps, savingMs) => {
        const { breaker, time, states } = runSteps(steps, true);
        for (const state of states) everSeen.add(state);
        // Only an operator restores and only a new device renews; every other transition happens without help.
        if (breaker.state === 'isolated') breaker.restore();
        if (breaker.state === 'dead') breaker.renew();
        time.nowMs += LEASE_MS;
        if (breaker.state === 'closed') return;
        let admits = 1;
        while (breaker.admit(savingMs) !== 'probe' && admits <= 32 * 1024 + 1) admits += 1;
        expect(admits).toBeLessThanOrEqual(32 * 1024 + 1);
        breaker.record('success', 1, true);
        expect(breaker.state).toBe('closed');
        expect(breaker.admit(0)).toBe('pass');
      }),
      { numRuns: 1000, seed: 3 },
    );
    expect([...everSeen].sort()).toEqual(['closed', 'dead', 'half-open', 'isolated', 'open']);
  });

  it('counts every probe as ended at most once and keeps missed savings below the probe threshold', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.boolean(), (steps, withTickets) => {
        const { probes, kappa, windowAttempts, windowFaults, missedSavingsMs, probeAtMs, state } = runSteps(
          steps,
          withTickets,
        ).breaker.snapshot();
        expect(probes.succeeded + probes.failed).toBeLessThanOrEqual(probes.started);
        expect(probes.expired).toBeLessThanOrEqual(probes.failed);
        expect([1, 2, 4, 8, 16, 32]).toContain(kappa);
        expect(windowFaults).toBeLessThanOrEqual(windowAttempts);
        expect(windowAttempts).toBeLessThanOrEqual(20);
        expect(probeAtMs).toBeGreaterThan(0);
        if (state === 'open') expect(missedSavingsMs).toBeLessThan(probeAtMs);
      }),
      { numRuns: 1000, seed: 4 },
    );
  });
});
