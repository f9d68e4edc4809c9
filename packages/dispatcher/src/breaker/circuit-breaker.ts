import type { AttemptOutcome, BreakerState } from '@gearshift/contracts';
import type { BreakerSnapshot } from './breaker-snapshot.js';

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
