/**
 * - `closed`: requests pass.
 * - `open`: none passes; what that costs is added up, until a probe is worth its risk.
 * - `half-open`: one probe is under way, everybody else is blocked.
 * - `isolated`: a person took the device out, until a person puts it back.
 * - `dead`: the device is gone for good; only a new one in its place ends this.
 */
export const BREAKER_STATES = ['closed', 'open', 'half-open', 'isolated', 'dead'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** Why a breaker changed its state: a closed set, safe as a label of a metric. */
export type BreakerCause =
  | 'consecutive-faults'
  | 'fault-rate'
  | 'hang'
  | 'wrong-result'
  | 'device-lost'
  | 'probe-due'
  | 'probe-succeeded'
  | 'probe-failed'
  | 'probe-expired'
  | 'probe-undecided'
  | 'isolated'
  | 'restored'
  | 'renewed';

/** Message of `gearshift:breaker`: a breaker changed its state. */
export interface BreakerEvent {
  /** Id of the backend. */
  readonly device: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly cause: BreakerCause;
  /** The breaker's monotonic clock. */
  readonly atMs: number;
}
