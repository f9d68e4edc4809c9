import type { AttemptOutcome, BreakerState } from '@gearshift/contracts';
import type { BreakerSnapshot } from './breaker-snapshot.js';

/** Whether a request may use the device; `'probe'` grants the only lease. */
export type Admission = 'pass' | 'probe' | 'block';

/**
 * Blocks requests to a device that fails, and detects when it works again.
 *
 * It goes by missed savings instead of time: while open it adds up the savings that its callers miss, and lets one of them
 * probe when the sum reaches `kappa` times the cost of a failed attempt. So a device that saves much is probed early, one
 * that saves little is probed late, and one that keeps failing costs a small share of its possible savings.
 *
 * Belongs to one thread. No method throws. With a closed breaker `admit` and `record` allocate nothing and read no clock.
 */
export interface CircuitBreaker {
  readonly state: BreakerState;
  /**
   * Whether a request may use the device now. After `'probe'` or `'pass'`, {@link record} the outcome.
   *
   * @param missedSavingMs the time that the caller expects to lose without the device, added up while open; NaN when it is
   * unknown. A saving of 0 or less still counts a little, so that every device is probed at some point.
   */
  admit(missedSavingMs: number): Admission;
  /**
   * Call it right before an admitted attempt. Optional, but without it an attempt that ends after its lease or its device
   * cannot be distinguished from later attempts.
   *
   * @param limitMs the attempt will be given up after this time; a probe's lease is renewed to twice that, at least as
   * long as `leaseMs`.
   * @returns the ticket for {@link record}.
   */
  begin(probe: boolean, limitMs: number): number;
  /**
   * Call it once per admitted attempt.
   *
   * @param latencyMs duration of the attempt.
   * @param probe the attempt held the lease. Then `'success'` means: verified against the CPU.
   * @param ticket from {@link begin}. Reports of an older lease or an older device are ignored.
   */
  record(outcome: AttemptOutcome, latencyMs: number, probe: boolean, ticket?: number): void;
  /** Not even the smallest chunk fitted in memory. This counts as a fault; other out-of-memory errors do not. */
  smallestChunkFailed(latencyMs: number): void;
  /** Manual: blocks every request until {@link restore}. */
  isolate(): void;
  /** Manual: ends the isolation. The device starts with a clean record, unless it was lost. */
  restore(): void;
  /** A new device has replaced the lost one. It has to pass a probe first. Does nothing unless the device is dead. */
  renew(): void;
  snapshot(): BreakerSnapshot;
}

export interface CircuitBreakerOptions {
  /** Id of the backend, for snapshots and events. */
  readonly device: string;
  /** Monotonic, in milliseconds; default `performance.now()`. */
  readonly clock?: (() => number) | undefined;
  /** A probe that has not returned after this time counts as failed; default 10,000. */
  readonly leaseMs?: number | undefined;
}

export const BREAKER_DEFAULTS = { leaseMs: 10_000 } as const;
