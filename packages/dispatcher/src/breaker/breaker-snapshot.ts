import type { BreakerCause, BreakerState } from '@gearshift/contracts';

/** Why a closed breaker opened. */
export type OpenCause = 'consecutive-faults' | 'fault-rate' | 'hang' | 'wrong-result';

/** A breaker at one instant: plain frozen data. */
export interface BreakerSnapshot {
  /** Id of the backend. */
  readonly device: string;
  readonly state: BreakerState;
  /** Why it is in that state; `null` while it never left the first. */
  readonly cause: BreakerCause | null;
  /** The breaker's monotonic clock at the last change of state. */
  readonly sinceMs: number;
  /** How many devices this backend has had before. */
  readonly epoch: number;
  readonly consecutiveFaults: number;
  /** Successes and faults among the last 20 attempts while closed. */
  readonly windowAttempts: number;
  readonly windowFaults: number;
  /** `windowFaults / windowAttempts`; 0 while there are none. */
  readonly faultRate: number;
  /** What not using the device is believed to have cost since it opened, or since the last probe. */
  readonly missedSavingsMs: number;
  /** The missed savings at which the next probe is due: `kappa` times the cost of a failed attempt. */
  readonly probeAtMs: number;
  /** Doubles with each failed probe up to 32; 1 after a success. */
  readonly kappa: number;
  /** What an attempt that fails costs, averaged. */
  readonly failedAttemptMs: number;
  readonly probes: {
    readonly started: number;
    readonly succeeded: number;
    /** Those that never returned included. */
    readonly failed: number;
    /** Of the failed ones, those that never returned. */
    readonly expired: number;
  };
  readonly opens: Readonly<Record<OpenCause, number>>;
}
