import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { BACKEND_ERROR_KINDS, CHANNELS, type AttemptOutcome } from '@gearshift/contracts';
import { createCircuitBreaker, type CircuitBreaker } from '../src/index.js';
import { LEASE_MS, setUp } from './breaker-setup.js';

const record = (breaker: CircuitBreaker, outcomes: readonly AttemptOutcome[], latencyMs = 1) => {
  for (const outcome of outcomes) breaker.record(outcome, latencyMs, false);
};
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

/** Open, and a failed attempt costs 1 ms. */
function opened() {
  const made = setUp();
  record(made.breaker, times(4, 'fault'));
  expect(made.breaker.state).toBe('open');
  return made;
}

/** One probe, ended with `outcome`. */
function probe(breaker: CircuitBreaker, outcome: AttemptOutcome) {
  expect(breaker.admit(1e9)).toBe('probe');
  breaker.record(outcome, 1, true);
}

describe('what opens it', () => {
  it('lets everything pass while closed, whatever is missed', () => {
    const { breaker } = setUp();
    for (const saving of [0, -1, 1e9, NaN, Infinity]) expect(breaker.admit(saving)).toBe('pass');
    expect(breaker.snapshot().missedSavingsMs).toBe(0);
  });

  it('opens after four faults in a row, not after three', () => {
    const { breaker } = setUp();
    record(breaker, ['fault', 'fault', 'fault']);
    expect(breaker.state).toBe('closed');
    record(breaker, ['success', 'fault', 'fault', 'fault']);
    expect(breaker.state).toBe('closed');
    record(breaker, ['fault']);
    expect(breaker.state).toBe('open');
    expect(breaker.snapshot()).toMatchObject({ cause: 'consecutive-faults', opens: { 'consecutive-faults': 1 } });
  });

  it('opens when 60 % of at least ten attempts were faults', () => {
    const { breaker } = setUp();
    // Two in three, never four in a row: six of nine is too few attempts, the tenth decides.
    record(breaker, ['fault', 'fault', 'success', 'fault', 'fault', 'success', 'fault', 'fault', 'success']);
    expect(breaker.state).toBe('closed');
    record(breaker, ['success']);
    // Recorded last was a success: it is the next fault that finds 7 of 11.
    expect(breaker.state).toBe('closed');
    record(breaker, ['fault']);
    expect(breaker.snapshot()).toMatchObject({
      state: 'open',
      cause: 'fault-rate',
      windowAttempts: 11,
      windowFaults: 7,
    });
  });

  it('needs ten attempts for that: six faults of nine are not enough', () => {
    const { breaker } = setUp();
    record(breaker, ['fault', 'fault', 'success', 'fault', 'fault', 'success', 'success', 'fault', 'fault']);
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', windowAttempts: 9, windowFaults: 6 });
    const { breaker: other } = setUp();
    record(other, ['fault', 'success', 'success', 'success', 'fault', 'fault', 'success', 'fault', 'fault', 'fault']);
    expect(other.snapshot()).toMatchObject({ state: 'open', cause: 'fault-rate', windowAttempts: 10, windowFaults: 6 });
  });

  it('stays closed just below 60 %, and forgets what is older than twenty attempts', () => {
    const { breaker } = setUp();
    const elevenOf20: AttemptOutcome[] = [];
    for (let i = 0; i < 9; i++) elevenOf20.push('fault', 'success');
    record(breaker, [...elevenOf20, 'fault', 'fault']);
    expect(breaker.snapshot()).toMatchObject({
      state: 'closed',
      windowAttempts: 20,
      windowFaults: 11,
      faultRate: 0.55,
    });
    record(breaker, times(20, 'success'));
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', windowAttempts: 20, windowFaults: 0 });
    record(breaker, ['fault', 'fault', 'fault']);
    expect(breaker.state).toBe('closed');
  });

  it.each([
    ['timeout', 'open', 'hang'],
    ['invalid-result', 'open', 'wrong-result'],
    ['device-lost', 'dead', 'device-lost'],
  ] as const)('%s: %s at once', (outcome, state, cause) => {
    const { breaker } = setUp();
    record(breaker, [outcome]);
    expect(breaker.snapshot()).toMatchObject({ state, cause });
  });

  it.each(['unreachable', 'stale'] as const)('%s counts as a fault, and never as the loss of the device', (outcome) => {
    const { breaker } = setUp();
    record(breaker, times(3, outcome));
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', consecutiveFaults: 3 });
    record(breaker, times(100, outcome));
    expect(breaker.snapshot()).toMatchObject({ state: 'open', cause: 'consecutive-faults' });
  });

  it.each(['out-of-memory', 'aborted', 'invalid-input', 'unsupported'] as const)('%s is ignored', (outcome) => {
    const { breaker } = setUp();
    record(breaker, ['fault', 'fault', 'fault', ...times(100, outcome)]);
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', consecutiveFaults: 3, windowAttempts: 3 });
  });

  it('counts running out of memory once even the smallest chunk failed', () => {
    const { breaker } = setUp();
    for (let i = 0; i < 3; i++) breaker.smallestChunkFailed(1);
    expect(breaker.state).toBe('closed');
    breaker.smallestChunkFailed(1);
    expect(breaker.state).toBe('open');
  });

  it('has a class for every outcome there is', () => {
    const known = ['timeout', 'invalid-result', 'device-lost', 'fault', 'out-of-memory', 'aborted', 'invalid-input'];
    expect([...BACKEND_ERROR_KINDS].sort()).toEqual([...known, 'unsupported', 'unreachable', 'stale'].sort());
  });
});

describe('probing', () => {
  it('blocks until the missed savings reach the cost of a failed attempt', () => {
    const { breaker } = opened();
    expect(breaker.admit(0.5)).toBe('block');
    expect(breaker.admit(0.25)).toBe('block');
    expect(breaker.snapshot()).toMatchObject({ missedSavingsMs: 0.75, probeAtMs: 1, state: 'open' });
    expect(breaker.admit(0.25)).toBe('probe');
    expect(breaker.state).toBe('half-open');
  });

  it('never looks at how much time went by', () => {
    const { breaker, time } = opened();
    time.nowMs = 1e12;
    expect(breaker.admit(0.5)).toBe('block');
  });

  it('hands out one probe at a time', () => {
    const { breaker } = opened();
    expect(breaker.admit(1)).toBe('probe');
    for (let i = 0; i < 1000; i++) expect(breaker.admit(1e9)).toBe('block');
  });

  it('closes with a clean record when the probe succeeds', () => {
    const { breaker } = opened();
    probe(breaker, 'fault');
    probe(breaker, 'success');
    expect(breaker.snapshot()).toMatchObject({
      state: 'closed',
      cause: 'probe-succeeded',
      kappa: 1,
      windowAttempts: 0,
      consecutiveFaults: 0,
      missedSavingsMs: 0,
      probes: { started: 2, succeeded: 1, failed: 1, expired: 0 },
    });
    record(breaker, ['fault', 'fault', 'fault']);
    expect(breaker.state).toBe('closed');
  });

  it('asks for twice as much after each failed probe, up to 32 times the cost', () => {
    const { breaker } = opened();
    const kappas: number[] = [];
    for (const outcome of ['fault', 'timeout', 'invalid-result', 'fault', 'fault', 'fault', 'fault'] as const) {
      probe(breaker, outcome);
      expect(breaker.snapshot()).toMatchObject({ state: 'open', missedSavingsMs: 0, failedAttemptMs: 1 });
      kappas.push(breaker.snapshot().kappa);
    }
    expect(kappas).toEqual([2, 4, 8, 16, 32, 32, 32]);
    for (let i = 0; i < 31; i++) expect(breaker.admit(1)).toBe('block');
    expect(breaker.admit(1)).toBe('probe');
  });

  it.each(['out-of-memory', 'aborted', 'unsupported'] as const)(
    'takes the lease back after %s, which decides nothing',
    (outcome) => {
      const { breaker } = opened();
      probe(breaker, outcome);
      expect(breaker.snapshot()).toMatchObject({
        state: 'open',
        cause: 'probe-undecided',
        kappa: 1,
        missedSavingsMs: 0,
      });
      expect(breaker.admit(1)).toBe('probe');
    },
  );

  it('learns what a failed attempt costs', () => {
    const { breaker } = setUp();
    record(breaker, ['timeout'], 50);
    expect(breaker.snapshot().probeAtMs).toBe(50);
    expect(breaker.admit(50)).toBe('probe');
    breaker.record('fault', 10, true);
    // A quarter of the way to the newest, and kappa 2.
    expect(breaker.snapshot().probeAtMs).toBe(2 * 40);
  });

  it('counts a little for callers who cannot tell or expect to lose: no device is forgotten', () => {
    for (const [saving, most] of [
      [NaN, 64],
      [0, 1024],
      [-5, 1024],
    ]) {
      const { breaker } = opened();
      let admits = 1;
      while (admits <= most && breaker.admit(saving) === 'block') admits += 1;
      expect(admits).toBe(most);
    }
  });

  it('does not probe at each request a device whose failures take no time', () => {
    const { breaker } = setUp();
    record(breaker, times(4, 'fault'), 0);
    expect(breaker.admit(0.05)).toBe('block');
  });

  it('learns nothing from attempts that began before it opened', () => {
    const { breaker } = opened();
    record(breaker, ['success', 'fault', 'timeout', 'success']);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', opens: { 'consecutive-faults': 1, hang: 0 } });
  });
});

describe('a probe that never returns', () => {
  it('counts as failed when its lease ends', () => {
    const { breaker, time } = opened();
    expect(breaker.admit(1)).toBe('probe');
    time.nowMs = LEASE_MS - 1;
    expect(breaker.admit(1e9)).toBe('block');
    time.nowMs = LEASE_MS;
    expect(breaker.admit(1)).toBe('block');
    expect(breaker.snapshot()).toMatchObject({ state: 'open', kappa: 2, probes: { failed: 1, expired: 1 } });
    expect(breaker.admit(1)).toBe('probe');
  });

  it('is ignored when it returns after all, also while another probe is under way', () => {
    const { breaker, time } = opened();
    expect(breaker.admit(1)).toBe('probe');
    const late = breaker.begin(true, 10);
    time.nowMs = LEASE_MS;
    expect(breaker.admit(2)).toBe('probe');
    const current = breaker.begin(true, 10);
    breaker.record('success', 1, true, late);
    expect(breaker.state).toBe('half-open');
    expect(breaker.admit(1e9)).toBe('block');
    breaker.record('success', 1, true, current);
    expect(breaker.state).toBe('closed');
    breaker.record('timeout', 1, true, current);
    expect(breaker.state).toBe('closed');
  });

  it('keeps its lease for twice the time after which the attempt is given up', () => {
    const { breaker, time } = opened();
    breaker.admit(1);
    breaker.begin(true, 5 * LEASE_MS);
    time.nowMs = 10 * LEASE_MS - 1;
    expect(breaker.admit(1e9)).toBe('block');
    time.nowMs += 1;
    expect(breaker.admit(1e9)).toBe('probe');
  });
});

describe('a dead device', () => {
  it('stays dead, whatever is recorded or missed', () => {
    const { breaker, time } = setUp();
    record(breaker, ['device-lost', 'success', 'success']);
    time.nowMs = 1e12;
    for (let i = 0; i < 100; i++) expect(breaker.admit(1e9)).toBe('block');
    breaker.restore();
    expect(breaker.state).toBe('dead');
  });

  it('dies as a probe too', () => {
    const { breaker } = opened();
    probe(breaker, 'device-lost');
    expect(breaker.snapshot()).toMatchObject({ state: 'dead', probes: { failed: 1 } });
  });

  it('gives way to a new device, which has to pass a probe', () => {
    const { breaker } = setUp();
    record(breaker, ['device-lost']);
    breaker.renew();
    expect(breaker.snapshot()).toMatchObject({ state: 'open', cause: 'renewed', epoch: 1, kappa: 2 });
    probe(breaker, 'success');
    expect(breaker.state).toBe('closed');
    breaker.renew();
    expect(breaker.snapshot().epoch).toBe(1);
  });

  it('cannot take its successor with it: what it reports late is ignored', () => {
    const { breaker } = setUp();
    const ofTheOld = breaker.begin(false, 10);
    record(breaker, ['device-lost']);
    breaker.renew();
    breaker.record('device-lost', 1, false, ofTheOld);
    expect(breaker.state).toBe('open');
    const { breaker: second } = opened();
    second.admit(1e9);
    const oldProbe = second.begin(true, 10);
    second.record('device-lost', 1, false);
    second.renew();
    second.record('device-lost', 1, true, oldProbe);
    expect(second.state).toBe('open');
  });
});

describe('isolation', () => {
  it('blocks everything until restored, then starts clean', () => {
    const { breaker, time } = opened();
    breaker.admit(1);
    breaker.isolate();
    time.nowMs = 1e9;
    for (let i = 0; i < 100; i++) expect(breaker.admit(1e9)).toBe('block');
    breaker.record('success', 1, true);
    expect(breaker.state).toBe('isolated');
    breaker.restore();
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', cause: 'restored', kappa: 1, windowAttempts: 0 });
  });

  it('does not bring the dead back', () => {
    const { breaker } = setUp();
    breaker.isolate();
    record(breaker, ['device-lost']);
    expect(breaker.state).toBe('isolated');
    breaker.restore();
    expect(breaker.state).toBe('dead');
  });

  it('outlasts a new device', () => {
    const { breaker } = setUp();
    record(breaker, ['device-lost']);
    breaker.isolate();
    breaker.renew();
    expect(breaker.state).toBe('isolated');
    breaker.restore();
    expect(breaker.state).toBe('closed');
  });
});

describe('what it tells', () => {
  it('has a frozen snapshot of plain data', () => {
    const snapshot = opened().breaker.snapshot();
    expect(structuredClone(snapshot)).toEqual(snapshot);
    expect([snapshot, snapshot.probes, snapshot.opens].every(Object.isFrozen)).toBe(true);
  });

  it('publishes each change of state once, and the loss of a device', () => {
    const heard: unknown[] = [];
    const listen = (message: unknown) => void heard.push(structuredClone(message));
    const channels = [CHANNELS.breaker, CHANNELS.device];
    for (const each of channels) subscribe(each, listen);
    try {
      const { breaker, time } = opened();
      time.nowMs = 7;
      probe(breaker, 'success');
      record(breaker, ['device-lost']);
      breaker.renew();
    } finally {
      for (const each of channels) unsubscribe(each, listen);
    }
    const device = 'cuda:0';
    expect(heard).toEqual([
      { device, from: 'closed', to: 'open', cause: 'consecutive-faults', atMs: 0 },
      { device, from: 'open', to: 'half-open', cause: 'probe-due', atMs: 7 },
      { device, from: 'half-open', to: 'closed', cause: 'probe-succeeded', atMs: 7 },
      { device, kind: 'lost', epoch: 0 },
      { device, from: 'closed', to: 'dead', cause: 'device-lost', atMs: 7 },
      { device, kind: 'renewed', epoch: 1 },
      { device, from: 'dead', to: 'open', cause: 'renewed', atMs: 7 },
    ]);
  });

  it.each([
    [null, TypeError],
    [{}, TypeError],
    [{ device: 'cuda:0', clock: 5 }, TypeError],
    [{ device: 'cuda:0', leaseMs: -1 }, RangeError],
    [{ device: 'cuda:0', leaseMs: '1' }, TypeError],
  ])('refuses the options %o', (options, type) => {
    expect(() => createCircuitBreaker(options as never)).toThrow(type);
  });
});
