import type { AttemptOutcome, BreakerCause, BreakerEvent, BreakerState, DeviceEvent } from '@gearshift/contracts';
import { breakerChannel, deviceChannel } from '../channels.js';
import type { BreakerSnapshot, OpenCause } from './breaker-snapshot.js';
import type { Admission, CircuitBreaker } from './circuit-breaker.js';
import { MissedSavings } from './missed-savings.js';

/** Opens after so many faults in a row... */
const MAX_CONSECUTIVE_FAULTS = 4;
/** ...or this share of the last 20 attempts, once there are enough of them. */
const MAX_FAULT_RATE = 0.6;
const MIN_WINDOW_ATTEMPTS = 10;
const NO_LEASE = 0;

/** The window holds the last counted outcomes as bits of a number, so that it needs no allocation. */
const WINDOW_ATTEMPTS = 20;
const WINDOW_MASK = 2 ** WINDOW_ATTEMPTS - 1;

/**
 * What an outcome says about the device. `'ignored'` says nothing: the caller made a mistake or gave up, or the request
 * was too large, which other requests may not be.
 */
type OutcomeClass = 'success' | 'ignored' | 'fault' | 'hang' | 'wrong-result' | 'fatal';

const CLASSES: Readonly<Record<AttemptOutcome, OutcomeClass>> = {
  success: 'success',
  'invalid-input': 'ignored',
  unsupported: 'ignored',
  aborted: 'ignored',
  // Until even the smallest chunk does not fit: `smallestChunkFailed`.
  'out-of-memory': 'ignored',
  fault: 'fault',
  // The device may be fine: both end when the network is back, or the new version has arrived.
  unreachable: 'fault',
  stale: 'fault',
  timeout: 'hang',
  'invalid-result': 'wrong-result',
  'device-lost': 'fatal',
};

/** A state with the fields that only it has. */
type Condition =
  | { readonly state: 'closed' | 'open' | 'dead' }
  | { readonly state: 'half-open'; readonly lease: number; leaseEndMs: number }
  /** The loss of a device is kept through isolation. */
  | { readonly state: 'isolated'; readonly isDead: boolean };

const CLOSED: Condition = { state: 'closed' };
const OPEN: Condition = { state: 'open' };
const DEAD: Condition = { state: 'dead' };

/** The one implementation of {@link CircuitBreaker}. */
export class SavingsBreaker implements CircuitBreaker {
  state: BreakerState = 'closed';
  readonly #device: string;
  readonly #clock: () => number;
  readonly #leaseMs: number;

  #condition: Condition = CLOSED;
  #cause: BreakerCause | null = null;
  #sinceMs: number;
  #epoch = 0;

  /** Successes and faults in the window, and its bits. */
  #windowAttempts = 0;
  #windowFaults = 0;
  #windowBits = 0;
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
    const came = CLASSES[outcome];
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
    const windowAttempts = this.#windowAttempts;
    const windowFaults = this.#windowFaults;
    return Object.freeze({
      device: this.#device,
      state: this.#condition.state,
      cause: this.#cause,
      sinceMs: this.#sinceMs,
      epoch: this.#epoch,
      consecutiveFaults: this.#consecutiveFaults,
      windowAttempts,
      windowFaults,
      faultRate: windowAttempts === 0 ? 0 : windowFaults / windowAttempts,
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
        this.#addToWindow(0);
        return;
      case 'fault':
        this.#missed.learnCost(latencyMs);
        this.#consecutiveFaults += 1;
        this.#addToWindow(1);
        if (this.#consecutiveFaults >= MAX_CONSECUTIVE_FAULTS) this.#open('consecutive-faults');
        else if (
          this.#windowAttempts >= MIN_WINDOW_ATTEMPTS &&
          this.#windowFaults >= MAX_FAULT_RATE * this.#windowAttempts
        ) {
          this.#open('fault-rate');
        }
        return;
      case 'hang':
      case 'wrong-result':
        this.#missed.learnCost(latencyMs);
        this.#open(came);
    }
  }

  #addToWindow(fault: 0 | 1): void {
    if (this.#windowAttempts < WINDOW_ATTEMPTS) this.#windowAttempts += 1;
    else this.#windowFaults -= (this.#windowBits >>> (WINDOW_ATTEMPTS - 1)) & 1;
    this.#windowBits = ((this.#windowBits << 1) | fault) & WINDOW_MASK;
    this.#windowFaults += fault;
  }

  #endProbe(came: Exclude<OutcomeClass, 'fatal'>, latencyMs: number): void {
    if (came === 'success') {
      this.#probesSucceeded += 1;
      this.#close('probe-succeeded');
    } else if (came === 'ignored') {
      // The outcome says nothing about the device, but another probe is not free either, so the savings start over.
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
    this.#windowAttempts = 0;
    this.#windowFaults = 0;
    this.#windowBits = 0;
    this.#go(CLOSED, cause);
  }

  #die(latencyMs: number): void {
    if (this.#isDead) return;
    this.#missed.learnCost(latencyMs);
    if (this.#condition.state === 'half-open') this.#probesFailed += 1;
    // A device that is lost after every renewal is probed less and less.
    this.#missed.raiseKappa();
    this.#announceDevice('lost');
    if (this.#condition.state === 'isolated') this.#condition = { state: 'isolated', isDead: true };
    else this.#go(DEAD, 'device-lost');
  }

  #go(to: Condition, cause: BreakerCause): void {
    const from = this.#condition.state;
    this.#condition = to;
    this.state = to.state;
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
