import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { BACKEND_ERROR_KINDS, CHANNELS, type AttemptOutcome } from '@gearshift/contracts';
import { createCircuitBreaker, type CircuitBreaker } from '../src/index.js';
import { LEASE_MS, setUp } from './breaker-setup.js';

const record = (breaker: CircuitBreaker, outcomes: readonly AttemptOutcome[], latencyMs = 1) => {
  for (const outcome of outcomes) breaker.record(outcome, latencyMs, false);
};
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

/** An open breaker with a failed attempt that cost 1 ms. */
function opened() {
  const made = setUp();
  record(made.breaker, times(4, 'fault'));
  expect(made.breaker.state).toBe('open');
  return made;
}

/** Runs one probe that ends with `outcome`. */
function probe(breaker: CircuitBreaker, outcome: AttemptOutcome) {
  expect(breaker.admit(1e9)).toBe('probe');
  breaker.record(outcome, 1, true);
}

describe('circuit breaker that is closed', () => {
  it('lets every request pass while closed, whatever saving it expects', () => {
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

  it('opens at a fault once at least 60 % of ten or more attempts were faults', () => {
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

  it('needs ten attempts for the fault rate: six faults of nine do not open it', () => {
    const { breaker } = setUp();
    record(breaker, ['fault', 'fault', 'success', 'fault', 'fault', 'success', 'success', 'fault', 'fault']);
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', windowAttempts: 9, windowFaults: 6 });
    const { breaker: other } = setUp();
    record(other, ['fault', 'success', 'success', 'success', 'fault', 'fault', 'success', 'fault', 'fault', 'fault']);
    expect(other.snapshot()).toMatchObject({ state: 'open', cause: 'fault-rate', windowAttempts: 10, windowFaults: 6 });
  });

  it('stays closed below 60 % faults, and forgets attempts older than the last twenty', () => {
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
  ] as const)('after one %s it is %s at once', (outcome, state, cause) => {
    const { breaker } = setUp();
    record(breaker, [outcome]);
    expect(breaker.snapshot()).toMatchObject({ state, cause });
  });

  it.each(['unreachable', 'stale'] as const)('counts %s as a fault, and never as the loss of the device', (outcome) => {
    const { breaker } = setUp();
    record(breaker, times(3, outcome));
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', consecutiveFaults: 3 });
    record(breaker, times(100, outcome));
    expect(breaker.snapshot()).toMatchObject({ state: 'open', cause: 'consecutive-faults' });
  });

  it.each(['out-of-memory', 'aborted', 'invalid-input', 'unsupported'] as const)('ignores %s', (outcome) => {
    const { breaker } = setUp();
    record(breaker, ['fault', 'fault', 'fault', ...times(100, outcome)]);
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', consecutiveFaults: 3, windowAttempts: 3 });
  });

  it('counts running out of memory as a fault only when the smallest chunk failed', () => {
    const { breaker } = setUp();
    for (let i = 0; i < 3; i++) breaker.smallestChunkFailed(1);
    expect(breaker.state).toBe('closed');
    breaker.smallestChunkFailed(1);
    expect(breaker.state).toBe('open');
  });

  it('has a test for every error kind', () => {
    const known = ['timeout', 'invalid-result', 'device-lost', 'fault', 'out-of-memory', 'aborted', 'invalid-input'];
    expect([...BACKEND_ERROR_KINDS].sort()).toEqual([...known, 'unsupported', 'unreachable', 'stale'].sort());
  });
});

describe('circuit breaker that probes', () => {
  it('blocks requests until the missed savings reach the cost of a failed attempt', () => {
    const { breaker } = opened();
    expect(breaker.admit(0.5)).toBe('block');
    expect(breaker.admit(0.25)).toBe('block');
    expect(breaker.snapshot()).toMatchObject({ missedSavingsMs: 0.75, probeAtMs: 1, state: 'open' });
    expect(breaker.admit(0.25)).toBe('probe');
    expect(breaker.state).toBe('half-open');
  });

  it('does not probe just because time has passed', () => {
    const { breaker, time } = opened();
    time.nowMs = 1e12;
    expect(breaker.admit(0.5)).toBe('block');
  });

  it('allows one probe at a time', () => {
    const { breaker } = opened();
    expect(breaker.admit(1)).toBe('probe');
    for (let i = 0; i < 1000; i++) expect(breaker.admit(1e9)).toBe('block');
  });

  it('closes and clears its record when a probe succeeds', () => {
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

  it('doubles the missed savings needed after each failed probe, up to 32 times the cost', () => {
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
    'stays open and frees the lease when a probe ends with %s',
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

  it('estimates the cost of a failed attempt from measured latencies', () => {
    const { breaker } = setUp();
    record(breaker, ['timeout'], 50);
    expect(breaker.snapshot().probeAtMs).toBe(50);
    expect(breaker.admit(50)).toBe('probe');
    breaker.record('fault', 10, true);
    // A quarter of the way to the newest, and kappa 2.
    expect(breaker.snapshot().probeAtMs).toBe(2 * 40);
  });

  it('counts a minimum saving per request when the expected saving is unknown or negative, so that every device is probed', () => {
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

  it('does not probe at every request when failures take no time', () => {
    const { breaker } = setUp();
    record(breaker, times(4, 'fault'), 0);
    expect(breaker.admit(0.05)).toBe('block');
  });

  it('ignores attempts that began before it opened', () => {
    const { breaker } = opened();
    record(breaker, ['success', 'fault', 'timeout', 'success']);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', opens: { 'consecutive-faults': 1, hang: 0 } });
  });
});

describe('circuit breaker with a probe that does not return', () => {
  it('counts the probe as failed when its lease ends', () => {
    const { breaker, time } = opened();
    expect(breaker.admit(1)).toBe('probe');
    time.nowMs = LEASE_MS - 1;
    expect(breaker.admit(1e9)).toBe('block');
    time.nowMs = LEASE_MS;
    expect(breaker.admit(1)).toBe('block');
    expect(breaker.snapshot()).toMatchObject({ state: 'open', kappa: 2, probes: { failed: 1, expired: 1 } });
    expect(breaker.admit(1)).toBe('probe');
  });

  it('ignores a probe that returns after its lease, even while another probe is running', () => {
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

  it('keeps the lease of a probe for twice the hang limit of its attempt', () => {
    const { breaker, time } = opened();
    breaker.admit(1);
    breaker.begin(true, 5 * LEASE_MS);
    time.nowMs = 10 * LEASE_MS - 1;
    expect(breaker.admit(1e9)).toBe('block');
    time.nowMs += 1;
    expect(breaker.admit(1e9)).toBe('probe');
  });
});

describe('circuit breaker of a dead device', () => {
  it('stays dead after successes, missed savings and restore()', () => {
    const { breaker, time } = setUp();
    record(breaker, ['device-lost', 'success', 'success']);
    time.nowMs = 1e12;
    for (let i = 0; i < 100; i++) expect(breaker.admit(1e9)).toBe('block');
    breaker.restore();
    expect(breaker.state).toBe('dead');
  });

  it('becomes dead when a probe loses the device', () => {
    const { breaker } = opened();
    probe(breaker, 'device-lost');
    expect(breaker.snapshot()).toMatchObject({ state: 'dead', probes: { failed: 1 } });
  });

  it('opens after renew() and closes once the new device passes a probe', () => {
    const { breaker } = setUp();
    record(breaker, ['device-lost']);
    breaker.renew();
    expect(breaker.snapshot()).toMatchObject({ state: 'open', cause: 'renewed', epoch: 1, kappa: 2 });
    probe(breaker, 'success');
    expect(breaker.state).toBe('closed');
    breaker.renew();
    expect(breaker.snapshot().epoch).toBe(1);
  });

  it('ignores late reports of the old device after renew()', () => {
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

describe('circuit breaker that is isolated', () => {
  it('blocks every request until restore(), then starts with a clean record', () => {
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

  it('stays dead after restore() when the device was lost during isolation', () => {
    const { breaker } = setUp();
    breaker.isolate();
    record(breaker, ['device-lost']);
    expect(breaker.state).toBe('isolated');
    breaker.restore();
    expect(breaker.state).toBe('dead');
  });

  it('stays isolated after renew()', () => {
    const { breaker } = setUp();
    record(breaker, ['device-lost']);
    breaker.isolate();
    breaker.renew();
    expect(breaker.state).toBe('isolated');
    breaker.restore();
    expect(breaker.state).toBe('closed');
  });
});

describe('circuit breaker reports', () => {
  it('returns a frozen snapshot of plain data', () => {
    const snapshot = opened().breaker.snapshot();
    expect(structuredClone(snapshot)).toEqual(snapshot);
    expect([snapshot, snapshot.probes, snapshot.opens].every(Object.isFrozen)).toBe(true);
  });

  it('publishes each state change once, and the loss and renewal of a device', () => {
    const events: unknown[] = [];
    const listen = (message: unknown) => void events.push(structuredClone(message));
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
    expect(events).toEqual([
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
