import type { BreakerCause, BreakerState } from '@gearshift/contracts';

/** Why a closed breaker opened. */
export type OpenCause = 'consecutive-faults' | 'fault-rate' | 'hang' | 'wrong-result';

/** A breaker at one instant: plain frozen data. */
export interface BreakerSnapshot {
  /** Id of the backend. */
  readonly device: string;
  readonly state: BreakerState;
  /** Why the breaker is in that state; `null` before the first change. */
  readonly cause: BreakerCause | null;
  /** The breaker's monotonic clock at the last change of state. */
  readonly sinceMs: number;
  /** How many earlier devices of this backend were lost. */
  readonly epoch: number;
  readonly consecutiveFaults: number;
  /** Successes and faults among the last 20 attempts while closed. */
  readonly windowAttempts: number;
  readonly windowFaults: number;
  /** `windowFaults / windowAttempts`; 0 while there are none. */
  readonly faultRate: number;
  /** Estimated cost of not using the device since the breaker opened, or since the last probe. */
  readonly missedSavingsMs: number;
  /** The missed savings at which the next probe is due: `kappa` times the cost of a failed attempt. */
  readonly probeAtMs: number;
  /** Doubles with each failed probe up to 32; 1 after a success. */
  readonly kappa: number;
  /** Average cost of a failed attempt. */
  readonly failedAttemptMs: number;
  readonly probes: {
    readonly started: number;
    readonly succeeded: number;
    /** Includes the expired probes. */
    readonly failed: number;
    /** Failed probes that did not return before the end of their lease. */
    readonly expired: number;
  };
  readonly opens: Readonly<Record<OpenCause, number>>;
}
