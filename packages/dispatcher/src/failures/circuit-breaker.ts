import type { AttemptOutcome, BreakerCause, BreakerEvent, BreakerState, DeviceEvent } from '@gearshift/contracts';
import { expected, requireFinite, requireObject } from '@gearshift/contracts/internal';
import { breakerChannel, deviceChannel } from '../channels.js';
import type { BreakerSnapshot, OpenCause } from './breaker-snapshot.js';
import { MissedSavings } from './missed-savings.js';
import { classOf, type OutcomeClass } from './outcome-class.js';
import { OutcomeWindow } from './outcome-window.js';

/** What a request may do with the device; `'probe'` hands out the one lease. */
export type Admission = 'pass' | 'probe' | 'block';

/**
 * Keeps requests from a device that fails, and finds out when it works again.
 *
 * It asks what is lost rather than how late it is: while it is open it adds up what its callers expect to lose, and lets
 * one of them probe when that sum reaches `kappa` times the cost of a failed attempt. So a device that saves a lot is
 * tried soon, one that saves little late, and one that keeps failing costs a small share of what it could save.
 *
 * Belongs to one thread. No method throws, and the ways of `admit` and `record` through a closed breaker allocate
 * nothing and look at no clock.
 */
export interface CircuitBreaker {
  readonly state: BreakerState;
  /**
   * Whether a request may go to the device now. After `'probe'` or `'pass'`, {@link record} what came of it.
   *
   * @param missedSavingMs what the caller expects to lose if not, added up while open. NaN where it cannot tell. As the
   * caller wants the device all the same, a saving of nothing or less still counts a little, so that no device is
   * forgotten.
   */
  admit(missedSavingMs: number): Admission;
  /**
   * Right before an attempt that was let through. Optional, but without it an attempt that outlived its lease or its
   * device cannot be told from those that came after it.
   *
   * @param limitMs the attempt will be given up after this time; a probe's lease is renewed to twice that, at least as
   * long as `leaseMs`.
   * @returns the ticket for {@link record}.
   */
  begin(probe: boolean, limitMs: number): number;
  /**
   * Once per attempt that was let through.
   *
   * @param latencyMs what the attempt took.
   * @param probe the attempt held the lease. Then `'success'` means: verified against the CPU.
   * @param ticket from {@link begin}. What an older lease or an older device reports is ignored.
   */
  record(outcome: AttemptOutcome, latencyMs: number, probe: boolean, ticket?: number): void;
  /** Even the smallest chunk ran out of memory: counts as a fault, which running out of memory by itself does not. */
  smallestChunkFailed(latencyMs: number): void;
  /** By a person: nothing passes until {@link restore}. */
  isolate(): void;
  /** By a person: ends the isolation; the device starts with a clean record, unless it has died. */
  restore(): void;
  /** A new device took the place of the lost one. It has to pass a probe first; does nothing unless the device is dead. */
  renew(): void;
  snapshot(): BreakerSnapshot;
}

export interface CircuitBreakerOptions {
  /** Id of the backend, for snapshots and events. */
  readonly device: string;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: (() => number) | undefined;
  /** After this time a probe that never returned counts as failed; default 10,000. */
  readonly leaseMs?: number | undefined;
}

export const BREAKER_DEFAULTS = { leaseMs: 10_000 } as const;

/** Opens after so many faults in a row... */
const MAX_CONSECUTIVE_FAULTS = 4;
/** ...or this share of the last 20 attempts, once there are enough of them. */
const MAX_FAULT_RATE = 0.6;
const MIN_WINDOW_ATTEMPTS = 10;
const NO_LEASE = 0;

/**
 * @throws TypeError or RangeError naming the option that cannot work.
 *
 * @example
 * const breaker = createCircuitBreaker({ device: 'cuda:0' });
 * const admission = breaker.admit(cpuMs - gpuMs);
 * if (admission !== 'block') breaker.record((await attempt()).outcome, latencyMs, admission === 'probe');
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  requireObject('options', options);
  const { device, clock = () => performance.now(), leaseMs = BREAKER_DEFAULTS.leaseMs } = options;
  if (typeof device !== 'string') throw new TypeError(expected('device', 'a string', device));
  if (typeof clock !== 'function') throw new TypeError(expected('clock', 'a function', clock));
  return new SavingsBreaker(device, clock, requireFinite('leaseMs', leaseMs, 0));
}

/** A state with what belongs to it alone. */
type Condition =
  | { readonly state: 'closed' | 'open' | 'dead' }
  | { readonly state: 'half-open'; readonly lease: number; leaseEndMs: number }
  /** Whether the device was lost outlives isolation. */
  | { readonly state: 'isolated'; readonly isDead: boolean };

const CLOSED: Condition = { state: 'closed' };
const OPEN: Condition = { state: 'open' };
const DEAD: Condition = { state: 'dead' };

class SavingsBreaker implements CircuitBreaker {
  readonly #device: string;
  readonly #clock: () => number;
  readonly #leaseMs: number;

  #condition: Condition = CLOSED;
  #cause: BreakerCause | null = null;
  #sinceMs: number;
  #epoch = 0;

  readonly #window = new OutcomeWindow();
  #consecutiveFaults = 0;

  readonly #missed = new MissedSavings();

  /** Leases are numbered from 1, through all epochs. */
  #leasesBeforeEpoch = 0;

  #probesStarted = 0;
  #probesSucceeded = 0;
  #probesFailed = 0;
  #probesExpired = 0;
  readonly #opens: Record<OpenCause, number> = { 'consecutive-faults': 0, 'fault-rate': 0, hang: 0, 'wrong-result': 0 };

  constructor(device: string, clock: () => number, leaseMs: number) {
    this.#device = device;
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#sinceMs = clock();
  }

  get state(): BreakerState {
    return this.#condition.state;
  }

  admit(missedSavingMs: number): Admission {
    if (this.#condition === CLOSED) return 'pass';
    this.#expireLease();
    if (this.#condition !== OPEN) return 'block';
    this.#missed.add(missedSavingMs);
    if (this.#missed.sumMs < this.#missed.probeAtMs) return 'block';
    const lease = ++this.#probesStarted;
    this.#go({ state: 'half-open', lease, leaseEndMs: this.#clock() + this.#leaseMs }, 'probe-due');
    return 'probe';
  }

  begin(probe: boolean, limitMs: number): number {
    if (!probe) return this.#epoch;
    this.#expireLease();
    const condition = this.#condition;
    if (condition.state !== 'half-open') return NO_LEASE;
    if (limitMs > 0 && limitMs < Infinity) {
      condition.leaseEndMs = this.#clock() + Math.max(this.#leaseMs, 2 * limitMs);
    }
    return condition.lease;
  }

  record(outcome: AttemptOutcome, latencyMs: number, probe: boolean, ticket?: number): void {
    if (probe) this.#expireLease();
    const lease = this.#condition.state === 'half-open' ? this.#condition.lease : NO_LEASE;
    ticket ??= probe ? lease : this.#epoch;
    const isOfThisDevice = probe ? ticket > this.#leasesBeforeEpoch : ticket === this.#epoch;
    const came = classOf(outcome);
    if (came === 'fatal') {
      if (isOfThisDevice) this.#die(latencyMs);
    } else if (probe) {
      if (ticket === lease && ticket !== NO_LEASE) this.#endProbe(came, latencyMs);
    } else if (this.#condition === CLOSED && isOfThisDevice) {
      // An attempt that began before the breaker opened and ends now says nothing new.
      this.#count(came, latencyMs);
    }
  }

  smallestChunkFailed(latencyMs: number): void {
    if (this.#condition === CLOSED) this.#count('fault', latencyMs);
  }

  isolate(): void {
    if (this.#condition.state !== 'isolated') this.#go({ state: 'isolated', isDead: this.#isDead }, 'isolated');
  }

  restore(): void {
    if (this.#condition.state !== 'isolated') return;
    if (this.#condition.isDead) this.#go(DEAD, 'restored');
    else this.#close('restored');
  }

  renew(): void {
    if (!this.#isDead) return;
    this.#epoch += 1;
    this.#leasesBeforeEpoch = this.#probesStarted;
    this.#missed.startOver();
    this.#announceDevice('renewed');
    if (this.#condition === DEAD) this.#go(OPEN, 'renewed');
    else this.#condition = { state: 'isolated', isDead: false };
  }

  snapshot(): BreakerSnapshot {
    this.#expireLease();
    const { attempts, faults } = this.#window;
    return Object.freeze({
      device: this.#device,
      state: this.#condition.state,
      cause: this.#cause,
      sinceMs: this.#sinceMs,
      epoch: this.#epoch,
      consecutiveFaults: this.#consecutiveFaults,
      windowAttempts: attempts,
      windowFaults: faults,
      faultRate: attempts === 0 ? 0 : faults / attempts,
      missedSavingsMs: this.#missed.sumMs,
      probeAtMs: this.#missed.probeAtMs,
      kappa: this.#missed.kappa,
      failedAttemptMs: this.#missed.failedAttemptMs,
      probes: Object.freeze({
        started: this.#probesStarted,
        succeeded: this.#probesSucceeded,
        failed: this.#probesFailed,
        expired: this.#probesExpired,
      }),
      opens: Object.freeze({ ...this.#opens }),
    });
  }

  /** While closed. */
  #count(came: Exclude<OutcomeClass, 'fatal'>, latencyMs: number): void {
    switch (came) {
      case 'ignored':
        return;
      case 'success':
        this.#consecutiveFaults = 0;
        this.#window.add(false);
        return;
      case 'fault':
        this.#missed.learnCost(latencyMs);
        this.#consecutiveFaults += 1;
        this.#window.add(true);
        if (this.#consecutiveFaults >= MAX_CONSECUTIVE_FAULTS) this.#open('consecutive-faults');
        else if (this.#isFaultRateTooHigh()) this.#open('fault-rate');
        return;
      case 'hang':
      case 'wrong-result':
        this.#missed.learnCost(latencyMs);
        this.#open(came);
    }
  }

  #isFaultRateTooHigh(): boolean {
    const { attempts, faults } = this.#window;
    return attempts >= MIN_WINDOW_ATTEMPTS && faults >= MAX_FAULT_RATE * attempts;
  }

  #endProbe(came: Exclude<OutcomeClass, 'fatal'>, latencyMs: number): void {
    if (came === 'success') {
      this.#probesSucceeded += 1;
      this.#close('probe-succeeded');
    } else if (came === 'ignored') {
      // It says nothing about the device, but another try is not free either: the savings start over.
      this.#reopen('probe-undecided');
    } else {
      this.#missed.learnCost(latencyMs);
      this.#failProbe('probe-failed');
    }
  }

  get #isDead(): boolean {
    const condition = this.#condition;
    return condition === DEAD || (condition.state === 'isolated' && condition.isDead);
  }

  #expireLease(): void {
    if (this.#condition.state !== 'half-open' || this.#clock() < this.#condition.leaseEndMs) return;
    this.#probesExpired += 1;
    this.#failProbe('probe-expired');
  }

  #failProbe(cause: BreakerCause): void {
    this.#probesFailed += 1;
    this.#missed.raiseKappa();
    this.#reopen(cause);
  }

  #open(cause: OpenCause): void {
    this.#opens[cause] += 1;
    this.#reopen(cause);
  }

  #reopen(cause: BreakerCause): void {
    this.#missed.startOver();
    this.#go(OPEN, cause);
  }

  #close(cause: BreakerCause): void {
    this.#missed.clear();
    this.#consecutiveFaults = 0;
    this.#window.clear();
    this.#go(CLOSED, cause);
  }

  #die(latencyMs: number): void {
    if (this.#isDead) return;
    this.#missed.learnCost(latencyMs);
    if (this.#condition.state === 'half-open') this.#probesFailed += 1;
    // A device that is lost again and again, as often as it is renewed, is probed less and less.
    this.#missed.raiseKappa();
    this.#announceDevice('lost');
    if (this.#condition.state === 'isolated') this.#condition = { state: 'isolated', isDead: true };
    else this.#go(DEAD, 'device-lost');
  }

  #go(to: Condition, cause: BreakerCause): void {
    const from = this.#condition.state;
    this.#condition = to;
    this.#cause = cause;
    this.#sinceMs = this.#clock();
    if (!breakerChannel.hasSubscribers) return;
    const event: BreakerEvent = { device: this.#device, from, to: to.state, cause, atMs: this.#sinceMs };
    breakerChannel.publish(event);
  }

  #announceDevice(kind: DeviceEvent['kind']): void {
    if (!deviceChannel.hasSubscribers) return;
    const event: DeviceEvent = { device: this.#device, kind, epoch: this.#epoch };
    deviceChannel.publish(event);
  }
}
